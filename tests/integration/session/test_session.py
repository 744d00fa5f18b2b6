"""A session over real gRPC and mutual TLS on loopback."""

from __future__ import annotations

from mainstay_proto.messages import CommandResult, Heartbeat, RunState
from tests.integration.session.conftest import Cloud
from tests.kit.sessions import RecordingDuties, a_command, eventually


async def test_an_invited_agent_enrols_and_its_heartbeats_arrive(cloud: Cloud) -> None:
    duties = RecordingDuties()
    beats = [Heartbeat(host_id="host-1", sequence=n, digest=7) for n in range(3)]

    async with cloud.agent(duties) as link:
        await eventually(lambda: link.connected)
        for beat in beats:
            link.send(beat)
        await eventually(lambda: len(cloud.fleet.heard) == 3)

    assert cloud.fleet.heard == beats
    assert cloud.fleet.hellos[0].agent_id == "agent-1"


async def test_a_command_is_answered_and_the_answer_forgotten_once_seen(cloud: Cloud) -> None:
    duties = RecordingDuties()
    result = CommandResult(command_id="command-1", state=RunState.DONE)

    async with cloud.agent(duties) as link:
        await eventually(lambda: link.connected)
        cloud.fleet.sessions[0].send(a_command("command-1"))
        await eventually(lambda: duties.downs == [a_command("command-1")])
        link.send(result)
        await eventually(lambda: link.unseen == 0)

    assert cloud.fleet.heard == [result]
