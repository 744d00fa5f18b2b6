"""Keys, names and what is kept on disk."""

from __future__ import annotations

import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mainstay_controller.rpc.authority import Authority
from mainstay_controller.rpc.refusals import WrongCa
from mainstay_runtime import identity
from mainstay_runtime.clock import SystemClock, SystemRng
from mainstay_runtime.errors import BadInput, Denied
from mainstay_runtime.identity import IdentityFile, Invitation, Role
from tests.kit.authorities import authority_in


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return authority_in(tmp_path / "ca.pem", SystemClock(), SystemRng())


def test_a_certificate_names_the_role_and_id_its_issuer_gave(authority: Authority) -> None:
    held = authority.identity_for(Role.AGENT, "agent-1")

    named = held.named()

    assert (named.role, named.id) == (Role.AGENT, "agent-1")
    assert authority.recognise(identity.load_certificate(held.certificate_pem)) == named


def test_the_authority_is_made_once_and_kept_to_its_owner(tmp_path: Path, authority: Authority) -> None:
    again = authority_in(tmp_path / "ca.pem", SystemClock(), SystemRng())

    assert again.ca == authority.ca
    assert stat.S_IMODE((tmp_path / "ca.pem").stat().st_mode) == 0o600


def test_a_certificate_of_another_authority_is_not_recognised(tmp_path: Path, authority: Authority) -> None:
    other = authority_in(tmp_path / "other.pem", SystemClock(), SystemRng())
    foreign = other.identity_for(Role.AGENT, "agent-1")

    with pytest.raises(WrongCa):
        authority.recognise(identity.load_certificate(foreign.certificate_pem))


def test_a_controllers_certificate_lasts_as_long_as_its_authority(authority: Authority) -> None:
    """It cannot be changed while the controller runs."""
    controller = authority.identity_for(Role.CONTROLLER, "c1")

    assert controller.named().not_after == identity.load_certificate(authority.ca.ca_pem).not_valid_after_utc


def test_a_certificate_without_our_name_is_denied(authority: Authority) -> None:
    with pytest.raises(Denied, match="does not name"):
        identity.named_by(identity.load_certificate(authority.ca.ca_pem))


def test_renewal_is_due_in_the_last_third_and_not_before(authority: Authority) -> None:
    now = SystemClock().now()
    held = replace(authority, validity=timedelta(days=90)).identity_for(Role.AGENT, "agent-1")

    assert not held.renewal_is_due(now + timedelta(days=59))
    assert held.renewal_is_due(now + timedelta(days=61))


def test_an_invitation_is_one_line_that_survives_copying(authority: Authority) -> None:
    invitation = Invitation(token="secret", ca_pem=authority.ca.ca_pem)

    text = invitation.to_text()

    assert len(text.split()) == 1
    assert Invitation.from_text(f"  {text}\n") == invitation


@pytest.mark.parametrize("mangled", ["", "mainstay1.secret", "mainstay1.secret.xyz", "mainstay9.a.b", "ünïcode.a.b"])
def test_a_mangled_invitation_is_refused(mangled: str) -> None:
    with pytest.raises(BadInput, match="copy the whole line"):
        Invitation.from_text(mangled)


def test_a_request_must_be_signed_by_its_own_key_and_on_our_curve() -> None:
    key = identity.new_key()

    assert identity.requested_key(identity.signing_request(key)) == key.public_key()
    with pytest.raises(BadInput):
        identity.requested_key(b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n")


def test_a_renewal_is_signed_by_the_old_key_alone(authority: Authority) -> None:
    held, thief = authority.identity_for(Role.AGENT, "agent-1"), identity.new_key()
    request = identity.signing_request(identity.new_key())
    certificate = identity.load_certificate(held.certificate_pem)

    own = identity.sign_renewal(held.key_pem, request)
    stolen = identity.sign_renewal(identity.key_to_pem(thief), request)

    assert identity.renewal_is_signed(certificate, request, own)
    assert not identity.renewal_is_signed(certificate, request, stolen)
    assert not identity.renewal_is_signed(certificate, request + b"\n", own)
    assert not identity.renewal_is_signed(certificate, request, b"")


def test_an_identity_file_keeps_what_was_saved_and_nothing_else(tmp_path: Path, authority: Authority) -> None:
    file = IdentityFile(tmp_path / "agent.pem")
    assert file.load() is None
    held = authority.identity_for(Role.AGENT, "agent-1")
    key_of_an_enrolment_cut_short = file.key_for_enrolment()
    assert file.key_for_enrolment() == key_of_an_enrolment_cut_short

    file.save(held)

    kept = file.load()
    assert kept is not None
    assert kept.named() == held.named()
    assert identity.is_for_key(identity.load_certificate(kept.certificate_pem), kept.key_pem)
    assert [path.name for path in tmp_path.glob("agent*")] == ["agent.pem"]


def test_a_damaged_identity_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "agent.pem").write_text("half")

    with pytest.raises(BadInput, match=r"agent\.pem"):
        IdentityFile(tmp_path / "agent.pem").load()
