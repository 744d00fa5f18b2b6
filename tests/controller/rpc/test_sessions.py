"""Who is let in, what the fleet is told and in which order, and how a session ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from mainstay_controller.fleet.sessions import AgentSession
from mainstay_controller.rpc.admission import Admission
from mainstay_controller.rpc.enrolment import Enrolment
from mainstay_controller.rpc.pace import Pace
from mainstay_controller.rpc.sessions import Sessions
from mainstay_proto.messages import (
    Certificate,
    CommandResult,
    Down,
    Goodbye,
    GuestEvent,
    GuestState,
    Heartbeat,
    Hello,
    Pulse,
    Redirect,
    Refused,
    RenewCertificate,
    ReportRequest,
    RunState,
    Seen,
    UnknownMessage,
    Up,
    Welcome,
)
from mainstay_runtime import identity
from mainstay_runtime.errors import Unavailable
from mainstay_runtime.identity import PeerIdentity, Role
from mainstay_runtime.session import Stream
from mainstay_runtime.tasks import background
from tests.kit.authorities import authority_in
from tests.kit.enrolment_book import MemoryBook
from tests.kit.pipes import Exchange
from tests.kit.sessions import RecordingFleet, a_command, a_hello
from tests.kit.virtual_time import SeededRng, VirtualClock

NEVER = datetime(9999, 1, 1, tzinfo=UTC)
BEAT = Heartbeat(host_id="host-1", sequence=1, digest=0)
RESULT = CommandResult(command_id="command-1", state=RunState.DONE)


class Agent:
    """The agent's end of a line, driven by hand."""

    def __init__(self, stream: Stream[Up, Down]) -> None:
        self._stream = stream

    async def says(self, *ups: Up) -> None:
        for up in ups:
            await self._stream.send(up)
        await asyncio.sleep(0.01)

    async def hears(self) -> Down:
        async with asyncio.timeout(60):
            return await self._stream.receive()

    async def hears_the_end(self) -> list[Down]:
        """All that is said until the session is over."""
        downs: list[Down] = []
        try:
            while True:
                downs.append(await self.hears())
        except Unavailable:
            return downs

    async def beats(self, every_seconds: float = 1.0) -> None:
        while True:
            await self.says(BEAT)
            await asyncio.sleep(every_seconds)


class Door:
    """A controller's sessions behind an exchange; agents come with certificates of whatever name."""

    def __init__(self, exchange: Exchange, directory: Path, fleet: RecordingFleet, admission: Admission | None) -> None:
        clock = VirtualClock()
        self.exchange = exchange
        self.fleet = fleet
        self.book = MemoryBook()
        self.book.know("agent-1")
        authority = authority_in(directory / "ca.pem", clock, SeededRng())
        self.sessions = Sessions(
            sink=fleet,
            book=self.book,
            enrolment=Enrolment(authority, self.book, Admission(clock)),
            admission=admission or Admission(clock),
            clock=clock,
        )

    @asynccontextmanager
    async def line(self, certified_as: str = "agent-1", role: Role = Role.AGENT) -> AsyncIterator[Agent]:
        peer = PeerIdentity(role=role, id=certified_as, serial="1", not_after=NEVER)
        self.exchange.listen(certified_as, partial(self.sessions.serve, peer))
        async with self.exchange.connect(certified_as) as stream:
            yield Agent(stream)

    @asynccontextmanager
    async def agent(self, agent_id: str = "agent-1") -> AsyncIterator[Agent]:
        """One that has been welcomed."""
        async with self.line(agent_id) as agent:
            await agent.says(a_hello(agent_id))
            assert isinstance(await agent.hears(), Welcome)
            yield agent


@asynccontextmanager
async def a_door(
    directory: Path, fleet: RecordingFleet | None = None, admission: Admission | None = None
) -> AsyncIterator[Door]:
    async with Exchange() as exchange:
        door = Door(exchange, directory, fleet or RecordingFleet(), admission)
        async with background(door.sessions.keep_pulse, door.sessions.keep_out_the_revoked):
            yield door


def flood(session: AgentSession) -> None:
    for _ in range(10_000):
        session.send(a_command())


def code_of(downs: Sequence[Down]) -> str:
    (refused,) = downs
    assert isinstance(refused, Refused)
    return refused.code


async def test_a_session_is_opened_heard_and_closed_in_that_order(tmp_path: Path) -> None:
    async with a_door(tmp_path) as door:
        async with door.agent() as agent:
            await agent.says(BEAT)
            assert (door.fleet.heard, door.fleet.ended, len(door.sessions)) == ([BEAT], [], 1)

        assert door.fleet.ended == ["the line is broken"]
        assert len(door.sessions) == 0


async def test_the_welcome_comes_before_what_the_fleet_says_meanwhile(tmp_path: Path) -> None:
    class Hasty(RecordingFleet):
        async def opened(self, hello: Hello, peer: PeerIdentity, session: AgentSession) -> Welcome | Refused:
            session.send(ReportRequest(host_id="host-1"))
            return await super().opened(hello, peer, session)

    async with a_door(tmp_path, Hasty()) as door:
        async with door.agent() as agent:
            assert await agent.hears() == ReportRequest(host_id="host-1")


@pytest.mark.parametrize(
    ("up", "id"),
    [
        (RESULT, "command-1"),
        (GuestEvent(host_id="h", vm_id="v", epoch=1, state=GuestState.RUNNING, event_id="event-1"), "event-1"),
    ],
)
async def test_what_must_not_be_lost_is_seen_only_when_the_fleet_has_it(tmp_path: Path, up: Up, id: str) -> None:
    class Slow(RecordingFleet):
        async def received(self, session: AgentSession, up: Up) -> None:
            await asyncio.sleep(0.5)
            await super().received(session, up)

    async with a_door(tmp_path, Slow()) as door:
        async with door.agent() as agent:
            await agent.says(up)
            assert door.fleet.heard == []

            assert await agent.hears() == Seen(ids=(id,))
            assert door.fleet.heard == [up]


async def test_a_certificate_of_another_host_is_refused(tmp_path: Path) -> None:
    async with a_door(tmp_path) as door:
        door.book.know("agent-2")
        async with door.line(certified_as="agent-2") as agent:
            await agent.says(a_hello("agent-1"))

            assert code_of(await agent.hears_the_end()) == "wrong-identity"
            assert door.fleet.hellos == []


async def test_a_controllers_certificate_opens_no_agent_session(tmp_path: Path) -> None:
    async with a_door(tmp_path) as door:
        async with door.line(role=Role.CONTROLLER) as agent:
            await agent.says(a_hello())

            assert code_of(await agent.hears_the_end()) == "wrong-role"


async def test_one_who_was_forgotten_or_removed_is_refused(tmp_path: Path) -> None:
    async with a_door(tmp_path) as door:
        async with door.line("agent-9") as agent:
            await agent.says(a_hello("agent-9"))
            assert code_of(await agent.hears_the_end()) == "unknown-identity"

        door.book.revoke("agent-1")
        async with door.line() as agent:
            await agent.says(a_hello())
            assert code_of(await agent.hears_the_end()) == "revoked"


async def test_one_who_is_removed_during_the_session_is_sent_away_within_seconds(tmp_path: Path) -> None:
    async with a_door(tmp_path) as door:
        async with door.agent() as agent:
            door.book.revoke("agent-1")
            await asyncio.sleep(6)

            assert code_of([d for d in await agent.hears_the_end() if not isinstance(d, Pulse)]) == "revoked"
            assert door.fleet.ended == ["revoked"]


async def test_a_session_begins_with_hello_and_has_but_one(tmp_path: Path) -> None:
    async with a_door(tmp_path) as door:
        async with door.line() as agent:
            await agent.says(BEAT)
            assert code_of(await agent.hears_the_end()) == "bad-hello"

        async with door.agent() as agent:
            await agent.says(a_hello())
            assert code_of(await agent.hears_the_end()) == "bad-hello"
            assert door.fleet.ended == ["a second hello"]


async def test_one_who_says_nothing_is_not_waited_for(tmp_path: Path) -> None:
    async with a_door(tmp_path) as door:
        async with door.line() as agent:
            assert await agent.hears_the_end() == []


async def test_a_second_session_of_a_living_agent_is_refused_and_told_when_to_come_back(tmp_path: Path) -> None:
    async with a_door(tmp_path) as door:
        async with door.agent() as first, background(first.beats):
            await asyncio.sleep(10)
            async with door.line() as second:
                await second.says(a_hello())
                (refused,) = await second.hears_the_end()

                assert isinstance(refused, Refused)
                assert refused.code == "duplicate-session"
                assert refused.retry_after_seconds is not None
                assert 0 < refused.retry_after_seconds <= 1.5
            assert door.fleet.ended == []


async def test_a_living_agent_whose_identity_another_shows_has_a_twin(tmp_path: Path) -> None:
    async with a_door(tmp_path) as door:
        async with door.agent() as first, door.line() as second:
            await second.says(a_hello())
            assert code_of(await second.hears_the_end()) == "duplicate-session"
            await first.says(BEAT)
            early = door.fleet.twins
            for _ in range(3):
                await asyncio.sleep(0.6)
                await first.says(BEAT)

            assert (early, door.fleet.twins) == (0, 1)


async def test_an_agent_that_comes_anew_after_its_line_broke_is_no_twin(tmp_path: Path) -> None:
    async with a_door(tmp_path) as door:
        async with door.agent():
            door.exchange.quieten_lines()
            async with door.line() as early:
                await early.says(a_hello())
                assert code_of(await early.hears_the_end()) == "duplicate-session"
            await asyncio.sleep(2)
            async with door.agent() as again:
                await again.says(BEAT)

                assert door.fleet.twins == 0


async def test_a_session_that_has_been_silent_gives_way_to_a_newer_one(tmp_path: Path) -> None:
    async with a_door(tmp_path) as door:
        async with door.agent():
            door.exchange.quieten_lines()
            await asyncio.sleep(2)
            async with door.agent() as second:
                await second.says(BEAT)

                assert door.fleet.ended == ["silent, and replaced by a newer session"]
                assert door.fleet.heard == [BEAT]
                assert len(door.sessions) == 1


async def test_two_newcomers_for_one_silent_session_do_not_both_get_in(tmp_path: Path) -> None:
    async with a_door(tmp_path) as door:
        async with door.agent():
            await asyncio.sleep(2)
            async with door.line() as second, door.line() as third:
                await asyncio.gather(second.says(a_hello()), third.says(a_hello()))

                assert isinstance(await second.hears(), Welcome)
                assert code_of(await third.hears_the_end()) == "duplicate-session"


async def test_the_fleets_refusal_is_passed_on_and_nothing_was_opened(tmp_path: Path) -> None:
    async with a_door(tmp_path) as door:
        door.fleet.answer = Refused(code="unknown-host", detail="no host of that name")
        async with door.line() as agent:
            await agent.says(a_hello())

            assert await agent.hears_the_end() == [door.fleet.answer]
        assert door.fleet.ended == []
        assert len(door.sessions) == 0


async def test_a_fault_in_the_fleet_ends_that_session_alone(tmp_path: Path) -> None:
    class Faulty(RecordingFleet):
        async def received(self, session: AgentSession, up: Up) -> None:
            if isinstance(up, CommandResult):
                raise ZeroDivisionError
            await super().received(session, up)

    async with a_door(tmp_path, Faulty()) as door:
        door.book.know("agent-2")
        async with door.agent("agent-1") as unlucky, door.agent("agent-2") as other:
            await unlucky.says(RESULT)
            assert await unlucky.hears_the_end() == []

            await other.says(BEAT)
            assert door.fleet.heard == [BEAT]
            assert door.fleet.ended == ["a fault in the controller"]


async def test_an_agent_to_which_nothing_is_said_hears_a_pulse(tmp_path: Path) -> None:
    async with a_door(tmp_path) as door:
        async with door.agent() as agent:
            await asyncio.sleep(10)
            door.fleet.sessions[0].close("enough")
            pulses = await agent.hears_the_end()

            assert {type(pulse) for pulse in pulses} == {Pulse}
            assert 2 <= len(pulses) <= 3


async def test_a_session_closes_after_what_was_queued_and_with_its_last_word(tmp_path: Path) -> None:
    async with a_door(tmp_path) as door:
        async with door.agent() as agent:
            (session,) = door.fleet.sessions
            session.send(a_command())
            session.close("drained", Redirect(controllers=("b",)))

            assert await agent.hears_the_end() == [a_command(), Redirect(controllers=("b",))]
            assert door.fleet.ended == ["drained"]
            with pytest.raises(Unavailable, match="drained"):
                session.send(a_command())


async def test_what_is_said_to_an_agent_that_does_not_read_is_bounded(tmp_path: Path) -> None:
    async with a_door(tmp_path) as door:
        async with door.agent():
            with pytest.raises(Unavailable, match="does not read"):
                flood(door.fleet.sessions[0])
            await asyncio.sleep(1)

            assert door.fleet.ended == ["the peer does not read"]


async def test_a_goodbye_is_told_and_ends_the_session(tmp_path: Path) -> None:
    async with a_door(tmp_path) as door:
        async with door.agent() as agent:
            await agent.says(Goodbye(reason="upgrade"))

            assert await agent.hears_the_end() == []
            assert door.fleet.heard == [Goodbye(reason="upgrade")]
            assert door.fleet.ended == ["goodbye: upgrade"]


async def test_an_unknown_kind_is_ignored(tmp_path: Path) -> None:
    async with a_door(tmp_path) as door:
        async with door.agent() as agent:
            await agent.says(UnknownMessage(kind="Up [31]"), BEAT)

            assert door.fleet.heard == [BEAT]


async def test_a_certificate_is_renewed_over_the_session(tmp_path: Path) -> None:
    key = identity.new_key()
    async with a_door(tmp_path) as door:
        async with door.agent() as agent:
            await agent.says(RenewCertificate(csr_pem=identity.signing_request(key)))

            answer = await agent.hears()

            assert isinstance(answer, Certificate)
            assert identity.is_for_key(identity.load_certificate(answer.certificate_pem), identity.key_to_pem(key))
            assert [issued.id for issued in door.book.issued] == ["agent-1"]


async def test_a_storm_is_a_queue_and_its_end_is_sent_away_with_a_time_to_come_back(tmp_path: Path) -> None:
    admission = Admission(VirtualClock(), pace=Pace.fixed(1.0), burst=2, wait_max_seconds=3.0)

    async def comes(number: int) -> tuple[float, Down]:
        async with door.line(f"agent-{number}") as agent:
            await agent.says(a_hello(f"agent-{number}"))
            answer = await agent.hears()
            return asyncio.get_running_loop().time(), answer

    async with a_door(tmp_path, admission=admission) as door:
        for number in range(8):
            door.book.know(f"agent-{number}")
        answers = await asyncio.gather(*(comes(number) for number in range(8)))

    welcomed_after = [round(time) for time, answer in answers if isinstance(answer, Welcome)]
    refusals = [answer for _, answer in answers if isinstance(answer, Refused)]
    assert welcomed_after == [0, 0, 1, 2, 3]
    assert {refused.code for refused in refusals} == {"overloaded"}
    assert [refused.retry_after_seconds for refused in refusals] == [pytest.approx(after) for after in (4.0, 5.0, 6.0)]
    assert len(door.fleet.told_to_come_again) == 3


async def test_one_who_was_let_in_is_in_hand_until_he_has_said_something(tmp_path: Path) -> None:
    admission = Admission(VirtualClock(), in_hand_max=1)

    async with a_door(tmp_path, admission=admission) as door:
        door.book.know("agent-2")
        async with door.agent() as first, door.line("agent-2") as second:
            await second.says(a_hello("agent-2"))
            await asyncio.sleep(1)
            assert door.fleet.knocking_now == ["agent-2"]

            await first.says(BEAT)

            assert isinstance(await second.hears(), Welcome)
            assert door.fleet.knocking_now == []


async def test_closing_all_sends_everybody_elsewhere(tmp_path: Path) -> None:
    async with a_door(tmp_path) as door:
        async with door.agent() as agent:
            door.sessions.close_all("drained", Redirect(controllers=("b:8250",)))

            assert await agent.hears_the_end() == [Redirect(controllers=("b:8250",))]
