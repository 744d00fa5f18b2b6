"""A session over real gRPC and mutual TLS on loopback."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import grpc
import grpc.aio
import pytest

from mainstay_agent.link.link import Link
from mainstay_agent.link.over_grpc import SESSION, over_grpc
from mainstay_proto.messages import CommandResult, Down, Goodbye, Heartbeat, Refused, RunState
from mainstay_runtime.channel import OPTIONS
from mainstay_runtime.enrolment import Credentials, EnrolmentRefused
from mainstay_runtime.errors import Unavailable
from mainstay_runtime.identity import Role
from mainstay_runtime.session import CertificateRejected
from tests.integration.session.conftest import CLOCK, RNG, Cloud, a_cloud, an_agent, two_free_ports
from tests.kit.authorities import authority_in
from tests.kit.sessions import RecordingDuties, a_command, a_hello, a_welcome, eventually

RawCall = grpc.aio.StreamStreamCall[bytes, bytes]

BEAT = Heartbeat(host_id="host-1", sequence=1, digest=7)
RESULT = CommandResult(command_id="command-1", state=RunState.DONE)


async def test_an_invited_agent_enrols_and_its_heartbeats_arrive(cloud: Cloud) -> None:
    beats = [Heartbeat(host_id="host-1", sequence=n, digest=7) for n in range(3)]

    async with cloud.agent(RecordingDuties(), await cloud.enrolled()) as link:
        await eventually(lambda: link.connected)
        for beat in beats:
            link.send(beat)
        await eventually(lambda: len(cloud.fleet.heard) == 3)

    assert cloud.fleet.heard == beats
    assert cloud.fleet.hellos == [a_hello()]


async def test_a_command_is_answered_and_the_answer_forgotten_once_seen(cloud: Cloud) -> None:
    duties = RecordingDuties()

    async with cloud.agent(duties, await cloud.enrolled()) as link:
        await eventually(lambda: link.connected)
        cloud.fleet.sessions[0].send(a_command("command-1"))
        await eventually(lambda: duties.downs == [a_command("command-1")])
        link.send(RESULT)
        await eventually(lambda: link.unseen == 0)

    assert cloud.fleet.heard == [RESULT]


async def test_a_lost_agent_is_noticed_at_once_and_a_goodbye_is_heard(cloud: Cloud) -> None:
    async with cloud.agent(RecordingDuties(), await cloud.enrolled()) as link:
        await eventually(lambda: link.connected)
    await eventually(lambda: len(cloud.fleet.ended) == 1)

    async with cloud.agent(RecordingDuties(), cloud.known()) as link:
        await eventually(lambda: link.connected)
        await link.leave("upgrade")
        await eventually(lambda: "goodbye: upgrade" in cloud.fleet.ended)

    assert cloud.fleet.heard == [Goodbye(reason="upgrade")]


async def test_an_agent_outlives_its_controller_and_repeats_what_was_not_seen(tmp_path: Path) -> None:
    async with a_cloud(tmp_path) as first:
        credentials = await first.enrolled()
    async with an_agent(RecordingDuties(), credentials, first.address) as link:
        async with a_cloud(tmp_path, address=first.address) as first:
            first.book.know("agent-1")
            await eventually(lambda: link.connected)
        link.send(RESULT)
        link.send(BEAT)
        await eventually(lambda: not link.connected)

        async with a_cloud(tmp_path, address=first.address) as second:
            second.book.know("agent-1")
            await eventually(lambda: link.unseen == 0)

    assert second.fleet.heard == [RESULT]
    assert second.fleet.hellos == [a_hello(resumed=True)]


async def test_of_two_controllers_the_living_one_is_found(cloud: Cloud) -> None:
    nobody = f"127.0.0.1:{two_free_ports()}"

    async with cloud.agent(RecordingDuties(), cloud.known(), nobody, cloud.address) as link:
        await eventually(lambda: link.connected)


async def comes_and_beats(link: Link) -> None:
    """As agents do: one who is let in and says nothing keeps others outside."""
    await eventually(lambda: link.connected, within_seconds=30)
    link.send(BEAT)


async def test_a_crowd_that_comes_at_once_is_let_in(cloud: Cloud) -> None:
    async with AsyncExitStack() as crowd:
        names = [f"agent-{number}" for number in range(100)]
        links = [
            await crowd.enter_async_context(cloud.agent(RecordingDuties(name), cloud.known(name))) for name in names
        ]
        await asyncio.gather(*(comes_and_beats(link) for link in links))

    assert {hello.agent_id for hello in cloud.fleet.hellos} == set(names)


async def test_a_certificate_is_renewed_over_the_session_long_before_it_expires(cloud: Cloud) -> None:
    credentials = cloud.known(issued_days_ago=70)
    old = credentials.current

    async with cloud.agent(RecordingDuties(), credentials) as link:
        await eventually(lambda: credentials.current != old)
        assert link.connected

    assert not credentials.current.renewal_is_due(CLOCK.now())


async def test_an_agent_whose_certificate_expired_gets_its_session_by_itself(cloud: Cloud) -> None:
    async with cloud.agent(RecordingDuties(), cloud.known(issued_days_ago=100)) as link:
        await eventually(lambda: link.connected)


# --- who is refused ---------------------------------------------------------------------------------------------------


async def answer_to(credentials: Credentials, cloud: Cloud, agent_id: str = "agent-1") -> Down:
    async with over_grpc(credentials).connect(cloud.address) as stream:
        await stream.send(a_hello(agent_id))
        return await stream.receive()


async def refusal_of(credentials: Credentials, cloud: Cloud, agent_id: str = "agent-1") -> str:
    answer = await answer_to(credentials, cloud, agent_id)
    assert isinstance(answer, Refused)
    return answer.code


async def test_a_certificate_of_another_host_is_refused(cloud: Cloud) -> None:
    cloud.book.know("agent-2")

    assert await refusal_of(cloud.known("agent-1"), cloud, agent_id="agent-2") == "wrong-identity"


async def test_a_removed_host_is_refused(cloud: Cloud) -> None:
    credentials = cloud.known()
    cloud.book.revoke("agent-1")

    assert await refusal_of(credentials, cloud) == "revoked"


async def test_a_host_that_is_removed_loses_its_session(cloud: Cloud) -> None:
    duties = RecordingDuties()

    async with cloud.agent(duties, cloud.known()) as link:
        await eventually(lambda: link.connected)
        cloud.book.revoke("agent-1")
        cloud.fleet.sessions[0].close("removed", Refused(code="revoked", detail="the host was removed"))
        await eventually(lambda: duties.losses == ["refused: revoked: the host was removed"])


async def test_a_controller_is_no_agent(cloud: Cloud) -> None:
    cloud.book.know("c2")
    controller = cloud.holder_of(cloud.authority.identity_for(Role.CONTROLLER, "c2"))

    assert await refusal_of(controller, cloud, agent_id="c2") == "wrong-role"


async def test_a_second_live_session_is_refused_while_the_first_is_heard(cloud: Cloud) -> None:
    credentials = cloud.known()

    async with cloud.agent(RecordingDuties(), credentials) as link:
        await eventually(lambda: link.connected)
        link.send(BEAT)
        await eventually(lambda: cloud.fleet.heard == [BEAT])

        assert await refusal_of(credentials, cloud) == "duplicate-session"
        assert link.connected


async def test_a_frozen_session_does_not_lock_its_agent_out(cloud: Cloud) -> None:
    credentials = cloud.known()
    cloud.fleet.answer = a_welcome(ping_interval_seconds=0.1)

    async with over_grpc(credentials).connect(cloud.address) as frozen:
        await frozen.send(a_hello())
        await eventually(lambda: len(cloud.fleet.hellos) == 1)
        async with cloud.agent(RecordingDuties(), credentials) as link:
            await eventually(lambda: link.connected)

    assert "silent, and replaced by a newer session" in cloud.fleet.ended


async def test_an_agent_of_another_cloud_is_rejected_by_tls_and_told_why_at_the_enrolment_port(
    cloud: Cloud, tmp_path: Path
) -> None:
    other = authority_in(tmp_path / "other.pem", CLOCK, RNG)
    foreign = cloud.holder_of(replace(other.identity_for(Role.AGENT, "agent-1"), ca_pem=cloud.authority.ca.ca_pem))

    with pytest.raises(CertificateRejected):
        await answer_to(foreign, cloud)
    with pytest.raises(EnrolmentRefused, match="not issued by this cloud's authority"):
        await foreign.recover(cloud.address)


async def test_a_controller_of_another_cloud_is_not_spoken_to(cloud: Cloud, tmp_path: Path) -> None:
    other = authority_in(tmp_path / "other.pem", CLOCK, RNG)

    with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
        await answer_to(cloud.holder_of(other.identity_for(Role.AGENT, "agent-1")), cloud)


async def test_an_agents_certificate_does_not_make_a_controller(cloud: Cloud) -> None:
    """Else any host could wait for the others' guests under a stolen address."""
    agent = cloud.authority.identity_for(Role.AGENT, "agent-1")
    pair = (agent.key_pem, agent.certificate_pem)
    impostor = grpc.aio.server()
    port = impostor.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
    await impostor.start()

    with pytest.raises(Unavailable, match="handshake failed"):
        async with over_grpc(cloud.known()).connect(f"127.0.0.1:{port}"):
            pass
    await impostor.stop(None)


async def test_nobody_speaks_without_a_certificate(cloud: Cloud) -> None:
    credentials = grpc.ssl_channel_credentials(cloud.authority.ca.ca_pem)
    async with grpc.aio.secure_channel(cloud.address, credentials, OPTIONS) as channel:
        call: RawCall = channel.stream_stream(SESSION)()

        with pytest.raises(grpc.aio.AioRpcError, match="UNAVAILABLE"):
            await call.read()


async def test_noise_in_a_session_ends_it_and_nothing_else(cloud: Cloud) -> None:
    held = cloud.known("agent-2").current
    credentials = grpc.ssl_channel_credentials(held.ca_pem, held.key_pem, held.certificate_pem)

    async with cloud.agent(RecordingDuties(), cloud.known()) as link:
        await eventually(lambda: link.connected)
        async with grpc.aio.secure_channel(cloud.address, credentials, OPTIONS) as channel:
            call: RawCall = channel.stream_stream(SESSION)()
            await call.write(b"\xff\xff\xff")
            assert [answer async for answer in call] == []
        assert link.connected
