"""Getting a certificate, and getting it again: every refusal has its own code, over real TLS."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mainstay_proto import codec
from mainstay_proto.enrolment import EnrolRequest
from mainstay_proto.messages import Refused
from mainstay_runtime.channel import ask
from mainstay_runtime.enrolment import ENROL, Credentials, EnrolmentRefused, enrol, enrolment_address
from mainstay_runtime.errors import Unavailable
from mainstay_runtime.identity import IdentityFile, Role
from tests.integration.session.conftest import CLOCK, RNG, Cloud
from tests.kit.authorities import authority_in


@pytest.fixture
def file(tmp_path: Path) -> IdentityFile:
    return IdentityFile(tmp_path / "agent.pem")


async def test_a_token_is_worth_one_certificate_of_the_name_it_was_made_out_to(
    cloud: Cloud, file: IdentityFile
) -> None:
    held = await enrol(file, cloud.invitation("token-1", "agent-7"), cloud.address)

    named = held.named()
    assert (named.role, named.id) == (Role.AGENT, "agent-7")
    assert [(issued.id, issued.serial) for issued in cloud.book.issued] == [("agent-7", named.serial)]
    assert file.load() == held


async def test_an_answer_that_was_lost_is_given_again_to_the_same_key(
    cloud: Cloud, tmp_path: Path, file: IdentityFile
) -> None:
    invitation = cloud.invitation()
    lost_on_the_way = file.key_for_enrolment()
    await enrol(file, invitation, cloud.address)
    (tmp_path / "agent.enrolling").write_bytes(lost_on_the_way)

    again = await enrol(file, invitation, cloud.address)

    assert again.key_pem == lost_on_the_way


async def refusal_of(token: str, cloud: Cloud, directory: Path) -> str:
    invitation = replace(cloud.invitation("another token"), token=token)
    with pytest.raises(EnrolmentRefused) as refused:
        await enrol(IdentityFile(directory / f"{RNG.uuid()}.pem"), invitation, cloud.address)
    return f"{refused.value.code}: {refused.value}"


async def test_a_wrong_token_is_refused(cloud: Cloud, tmp_path: Path) -> None:
    assert (await refusal_of("guess", cloud, tmp_path)).startswith(
        "token-unknown: This enrolment token was never issued"
    )


async def test_a_used_token_is_refused(cloud: Cloud, tmp_path: Path, file: IdentityFile) -> None:
    await enrol(file, cloud.invitation("token-1"), cloud.address)

    assert (await refusal_of("token-1", cloud, tmp_path)).startswith("token-used: This enrolment token has been used")


async def test_an_expired_token_is_refused(cloud: Cloud, tmp_path: Path) -> None:
    cloud.invitation("token-1")
    cloud.book.expire("token-1")

    assert (await refusal_of("token-1", cloud, tmp_path)).startswith("token-expired: This enrolment token has expired")


async def test_a_request_that_is_none_is_refused_and_leaves_the_token_unused(cloud: Cloud, file: IdentityFile) -> None:
    invitation = cloud.invitation()
    request = EnrolRequest(token=invitation.token, csr_pem=b"certainly")

    refused = await ask(
        enrolment_address(cloud.address), ENROL, request, codec.enrol_request, codec.enrol_reply, invitation.ca_pem
    )

    assert isinstance(refused, Refused)
    assert refused.code == "bad-input"
    await enrol(file, invitation, cloud.address)


async def test_an_agent_does_not_hand_its_token_to_a_stranger(cloud: Cloud, tmp_path: Path, file: IdentityFile) -> None:
    other = authority_in(tmp_path / "other.pem", CLOCK, RNG)
    invitation = replace(cloud.invitation(), ca_pem=other.ca.ca_pem)

    with pytest.raises(Unavailable, match="handshake failed"):
        await enrol(file, invitation, cloud.address)

    assert cloud.book.issued == []


async def test_an_expired_certificate_is_renewed_by_the_proof_of_its_key(cloud: Cloud) -> None:
    expired = cloud.known(issued_days_ago=100)
    assert expired.current.has_expired(CLOCK.now())

    await expired.recover(cloud.address)

    assert not expired.current.has_expired(CLOCK.now())
    assert expired.current.named().id == "agent-1"


async def recovery_refusal(credentials: Credentials, cloud: Cloud) -> str:
    with pytest.raises(EnrolmentRefused) as refused:
        await credentials.recover(cloud.address)
    return refused.value.code


async def test_an_expired_certificate_of_a_removed_host_is_not_renewed(cloud: Cloud) -> None:
    expired = cloud.known(issued_days_ago=100)
    cloud.book.revoke("agent-1")

    assert await recovery_refusal(expired, cloud) == "revoked"


async def test_a_certificate_of_nobody_we_know_is_not_renewed(cloud: Cloud) -> None:
    stranger = cloud.holder_of(cloud.authority.identity_for(Role.AGENT, "agent-9"))

    assert await recovery_refusal(stranger, cloud) == "unknown-identity"


async def test_a_certificate_of_another_authority_is_not_renewed(cloud: Cloud, tmp_path: Path) -> None:
    other = authority_in(tmp_path / "other.pem", CLOCK, RNG)
    foreign = replace(other.identity_for(Role.AGENT, "agent-1"), ca_pem=cloud.authority.ca.ca_pem)

    assert await recovery_refusal(cloud.holder_of(foreign), cloud) == "wrong-ca"


async def test_a_stolen_certificate_is_worth_nothing_without_its_key(cloud: Cloud) -> None:
    thief = cloud.authority.identity_for(Role.AGENT, "thief")
    stolen = replace(thief, certificate_pem=cloud.known().current.certificate_pem)

    assert await recovery_refusal(cloud.holder_of(stolen), cloud) == "wrong-identity"
