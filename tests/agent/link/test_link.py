"""The link keeps one session with some controller, whatever becomes of controllers and lines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mainstay_agent.link import link as link_module
from mainstay_agent.link.link import Link
from mainstay_proto.enrolment import EnrolReply
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
    RunState,
    Seen,
    Up,
    Welcome,
)
from mainstay_runtime.errors import Unavailable
from mainstay_runtime.retry import Backoff
from mainstay_runtime.session import CertificateRejected, Stream
from mainstay_runtime.tasks import background
from tests.kit.pipes import Exchange
from tests.kit.sessions import RecordingDuties, a_command, a_welcome
from tests.kit.virtual_time import SeededRng, VirtualClock

RESULT = CommandResult(command_id="command-1", state=RunState.DONE)


class ScriptedController:
    """Answers every Hello alike, remembers what it hears in each session, and says what it is told to say."""

    def __init__(self, answer: Down | None = None) -> None:
        self.answer = answer or a_welcome()
        self.acknowledges = True
        self.sessions: list[list[Up]] = []
        self._stream: Stream[Down, Up] | None = None

    async def say(self, down: Down) -> None:
        assert self._stream is not None
        await self._stream.send(down)

    async def serve(self, stream: Stream[Down, Up]) -> None:
        self._stream = stream
        heard: list[Up] = []
        self.sessions.append(heard)
        heard.append(await stream.receive())
        await stream.send(self.answer)
        while isinstance(self.answer, Welcome):
            try:
                up = await stream.receive()
            except Unavailable:
                return
            heard.append(up)
            if self.acknowledges and isinstance(up, CommandResult):
                await stream.send(Seen(ids=(up.command_id,)))

    async def pulse(self) -> None:
        while True:
            await self.say(Pulse())
            await asyncio.sleep(3)


class PlainKeyring:
    """Never due; remembers what it was asked."""

    def __init__(self) -> None:
        self.due: RenewCertificate | None = None
        self.accepted: list[EnrolReply] = []
        self.recovered_at: list[str] = []

    def renewal(self) -> RenewCertificate | None:
        return self.due

    def accept(self, reply: EnrolReply) -> None:
        self.accepted.append(reply)
        self.due = None

    async def recover(self, address: str) -> None:
        self.recovered_at.append(address)


class World:
    """An exchange with controllers "a" and "b", and one agent's link to them."""

    def __init__(self, exchange: Exchange, duties: RecordingDuties | None = None) -> None:
        self.exchange = exchange
        self.a, self.b = ScriptedController(), ScriptedController()
        self.keyring = PlainKeyring()
        self.duties = duties or RecordingDuties()
        self.link = Link(
            transport=exchange,
            keyring=self.keyring,
            controllers=("a", "b"),
            duties=self.duties,
            clock=VirtualClock(),
            rng=SeededRng(1),
            backoff=Backoff(first_seconds=1.0, cap_seconds=8.0),
        )


@asynccontextmanager
async def a_world(duties: RecordingDuties | None = None) -> AsyncIterator[World]:
    async with Exchange() as exchange:
        world = World(exchange, duties)
        async with background(world.link.run):
            yield world


async def test_the_only_controller_alive_is_found() -> None:
    async with a_world() as world:
        world.exchange.listen("b", world.b.serve)

        await asyncio.sleep(5)

        assert world.link.connected
        assert [type(up) for up in world.b.sessions[0]] == [Hello]
        assert world.exchange.dialled[-1] == "b"


async def test_with_no_controller_all_are_tried_in_turn_ever_more_slowly_and_for_ever() -> None:
    async with a_world() as world:
        await asyncio.sleep(60)
        in_the_first_minute = len(world.exchange.dialled)
        await asyncio.sleep(3600)

        assert {*world.exchange.dialled[0:2]} == {*world.exchange.dialled[2:4]} == {"a", "b"}
        assert 10 <= in_the_first_minute <= 40
        assert 3600 / 8 <= len(world.exchange.dialled) - in_the_first_minute <= 3600 / 2


async def test_a_result_is_repeated_in_every_session_until_it_is_seen() -> None:
    async with a_world() as world:
        world.a.acknowledges = False
        world.exchange.listen("a", world.a.serve)
        await asyncio.sleep(5)
        world.link.send(RESULT)
        await asyncio.sleep(1)
        world.exchange.break_lines()
        await asyncio.sleep(5)
        world.a.acknowledges = True
        world.exchange.break_lines()
        await asyncio.sleep(5)
        world.exchange.break_lines()
        await asyncio.sleep(5)

        assert [RESULT in session for session in world.a.sessions] == [True, True, True, False]
        assert world.link.unseen == 0


async def test_events_without_a_controller_are_kept_in_order_and_heartbeats_are_not() -> None:
    async with a_world() as world:
        event = GuestEvent(host_id="h", vm_id="v", epoch=1, state=GuestState.RUNNING, restarted_locally=True)
        world.link.send(event)
        world.link.send(Heartbeat(host_id="h", sequence=1, digest=0))
        world.link.send(RESULT)
        world.exchange.listen("a", world.a.serve)
        await asyncio.sleep(20)

        _hello, *heard = world.a.sessions[0]

        assert [type(up) for up in heard] == [GuestEvent, CommandResult]
        assert isinstance(heard[0], GuestEvent)
        assert heard[0].event_id != ""


async def test_only_so_many_results_are_kept_and_the_oldest_go_first() -> None:
    async with a_world() as world:
        for number in range(link_module.UNSEEN_MAX + 5):
            world.link.send(CommandResult(command_id=str(number), state=RunState.DONE))
        world.exchange.listen("a", world.a.serve)
        await asyncio.sleep(20)

        first = world.a.sessions[0][1]

        assert isinstance(first, CommandResult)
        assert first.command_id == "5"


async def test_a_reconnect_says_that_the_agent_has_been_there_before() -> None:
    async with a_world() as world:
        world.exchange.listen("a", world.a.serve)
        await asyncio.sleep(5)
        world.exchange.break_lines()
        await asyncio.sleep(5)

        hellos = [session[0] for session in world.a.sessions]

        assert [hello.resumed for hello in hellos if isinstance(hello, Hello)] == [False, True]
        assert world.duties.losses == ["the line is broken"]
        assert len(world.duties.welcomes) == 2


async def test_a_controller_that_pulses_is_kept_and_one_that_hangs_is_left() -> None:
    async with a_world() as world:
        world.exchange.listen("a", world.a.serve)
        await asyncio.sleep(5)
        async with background(world.a.pulse):
            await asyncio.sleep(100)
            assert world.duties.losses == []

        world.exchange.quieten_lines()
        world.exchange.hang_up("a")
        world.exchange.listen("b", world.b.serve)
        await asyncio.sleep(15)

        assert world.duties.losses == ["heard nothing for 8 s"]
        assert len(world.b.sessions) == 1


async def test_orders_reach_the_duties() -> None:
    async with a_world() as world:
        world.exchange.listen("a", world.a.serve)
        await asyncio.sleep(5)

        await world.a.say(a_command("one"))
        await asyncio.sleep(1)

        assert world.duties.downs == [a_command("one")]


async def test_a_duty_that_fails_does_not_cost_the_session() -> None:
    class Clumsy(RecordingDuties):
        async def received(self, down: object) -> None:
            raise ZeroDivisionError

    async with a_world(Clumsy()) as world:
        world.exchange.listen("a", world.a.serve)
        await asyncio.sleep(5)

        await world.a.say(a_command("one"))
        await asyncio.sleep(1)

        assert world.link.connected


async def test_a_redirected_agent_goes_where_it_was_sent() -> None:
    async with a_world() as world:
        world.exchange.listen("a", world.a.serve)
        world.exchange.listen("b", world.b.serve)
        world.exchange.listen("c", world.a.serve)
        await asyncio.sleep(5)

        sayer = world.a if world.a.sessions else world.b
        await sayer.say(Redirect(controllers=("c",), reason="drained"))
        await asyncio.sleep(5)

        assert world.duties.losses == ["redirected: drained"]
        assert world.exchange.dialled[-1] == "c"


async def test_a_redirect_instead_of_a_welcome_is_followed() -> None:
    async with a_world() as world:
        world.a.answer = world.b.answer = Redirect(controllers=("c",), reason="full")
        keeper = ScriptedController()
        for address, controller in (("a", world.a), ("b", world.b), ("c", keeper)):
            world.exchange.listen(address, controller.serve)

        await asyncio.sleep(5)

        assert len(keeper.sessions) == 1


async def test_a_controller_named_in_a_welcome_is_tried_when_the_others_are_gone() -> None:
    async with a_world() as world:
        world.a.answer = a_welcome(controllers=("a", "c"))
        newcomer = ScriptedController()
        world.exchange.listen("a", world.a.serve)
        world.exchange.listen("c", newcomer.serve)
        await asyncio.sleep(5)

        world.exchange.hang_up("a")
        world.exchange.break_lines()
        await asyncio.sleep(20)

        assert len(newcomer.sessions) == 1


async def test_a_refused_agent_comes_back_no_sooner_than_it_was_told_and_never_gives_up() -> None:
    async with a_world() as world:
        world.a.answer = world.b.answer = Refused(code="overloaded", detail="", retry_after_seconds=100)
        world.exchange.listen("a", world.a.serve)
        world.exchange.listen("b", world.b.serve)

        await asyncio.sleep(99)
        assert len(world.exchange.dialled) == 1
        await asyncio.sleep(1000)

        assert 9 <= len(world.exchange.dialled) <= 11


async def test_a_session_that_is_refused_on_the_way_ends_and_says_why() -> None:
    async with a_world() as world:
        world.exchange.listen("a", world.a.serve)
        await asyncio.sleep(5)

        await world.a.say(Refused(code="revoked", detail="host removed"))
        await asyncio.sleep(0.1)

        assert world.duties.losses == ["refused: revoked: host removed"]


async def test_a_certificate_is_renewed_when_due_and_asked_for_again_in_the_next_session() -> None:
    async with a_world() as world:
        world.keyring.due = RenewCertificate(csr_pem=b"please")
        world.exchange.listen("a", world.a.serve)
        await asyncio.sleep(5)
        world.exchange.break_lines()
        await asyncio.sleep(5)

        await world.a.say(Certificate(certificate_pem=b"here", ca_pem=b"ca"))
        await asyncio.sleep(1)

        assert all(RenewCertificate(csr_pem=b"please") in session for session in world.a.sessions)
        assert world.keyring.accepted == [Certificate(certificate_pem=b"here", ca_pem=b"ca")]


async def test_a_certificate_that_tls_rejects_is_recovered_where_it_was_rejected() -> None:
    class Strict(Exchange):
        @asynccontextmanager
        async def connect(self, address: str) -> AsyncIterator[Stream[Up, Down]]:
            if not world.keyring.recovered_at:
                raise CertificateRejected
            async with super().connect(address) as stream:
                yield stream

    async with Strict() as exchange:
        world = World(exchange)
        exchange.listen("a", world.a.serve)
        exchange.listen("b", world.b.serve)
        async with background(world.link.run):
            await asyncio.sleep(10)

            assert len(world.keyring.recovered_at) == 1
            assert world.link.connected


async def test_an_agent_that_leaves_says_goodbye() -> None:
    async with a_world() as world:
        world.exchange.listen("a", world.a.serve)
        await asyncio.sleep(5)

        await world.link.leave("upgrade")

        assert world.a.sessions[0][-1] == Goodbye(reason="upgrade")
