"""The fleet: orders are answered or unknown, pictures are kept, and holds are given and remembered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from mainstay_controller.domain.ha.case import PowerState
from mainstay_controller.domain.ha.evidence import Power
from mainstay_controller.domain.ids import ControllerId, HostId, PoolId, VmId
from mainstay_controller.domain.records import OutOfBand
from mainstay_controller.fleet.fleet import Fleet
from mainstay_controller.fleet.gate import HostArrival, Orientation, TurnedAway
from mainstay_controller.fleet.outcome import Done, Outcome, Refused, Unknown
from mainstay_controller.fleet.power.port import PowerAction, PowerControllers, PowerSaid
from mainstay_controller.fleet.presence import CROWD
from mainstay_proto.digest import digest_of
from mainstay_proto.messages import (
    Command,
    CommandResult,
    Down,
    GrantHold,
    GuestEvent,
    GuestReport,
    GuestState,
    Heartbeat,
    Hello,
    HoldRequest,
    HostFacts,
    PoolLease,
    PowerReport,
    Redirect,
    ReportRequest,
    RunState,
)
from mainstay_proto.messages import Refused as SessionRefused
from mainstay_proto.profiles import FAST, outlast
from mainstay_runtime.errors import Unavailable
from mainstay_runtime.identity import PeerIdentity, Role
from mainstay_runtime.tasks import background
from tests.kit.virtual_time import BEGINNING, SeededRng, VirtualClock

POOL = PoolId("pool")
V1 = VmId("v1")


@dataclass(eq=False)
class FakeSession:
    """Remembers what was said to the agent."""

    host_id: str
    agent_id: str
    said: list[Down] = field(default_factory=list)
    closed: bool = False

    @property
    def hosts(self) -> tuple[str, ...]:
        return (self.host_id,)

    def send(self, down: Down) -> None:
        if self.closed:
            raise Unavailable
        self.said.append(down)

    def close(self, reason: str, last_word: SessionRefused | Redirect | None = None) -> None:
        self.closed = True

    @property
    def commands(self) -> list[Command]:
        return [down for down in self.said if isinstance(down, Command)]


@dataclass
class OpenGate:
    held_elsewhere: frozenset[HostId] = frozenset()

    async def admit(self, arrivals: tuple[HostArrival, ...]) -> Orientation | TurnedAway:
        return Orientation(profile="fast", mounts={}, lease_names=(), held_elsewhere=self.held_elsewhere)


def a_fleet(power: PowerControllers | None = None) -> Fleet:
    fleet = Fleet(controller_id=ControllerId("c1"), clock=VirtualClock(), rng=SeededRng(), power=power)
    fleet.open_to_agents(OpenGate())
    fleet.lead_until(1000.0)
    return fleet


async def arrive(
    fleet: Fleet, host_id: str = "h1", *, guests: tuple[GuestReport, ...] = (), agent_id: str | None = None
) -> FakeSession:
    facts = HostFacts(
        host_id=host_id,
        name=host_id,
        hypervisor="KVM",
        boot_id="b1",
        ip="",
        cpu_sockets=1,
        cpus=1,
        cpu_mhz=1,
        memory_mib=1,
        guests=guests,
    )
    session = FakeSession(host_id, agent_id or host_id)
    peer = PeerIdentity(role=Role.AGENT, id=session.agent_id, serial="1", not_after=BEGINNING)
    await fleet.opened(Hello(agent_id=session.agent_id, version="1", protocol_minor=1, hosts=(facts,)), peer, session)
    return session


def a_guest(epoch: int = 1, state: GuestState = GuestState.RUNNING) -> GuestReport:
    return GuestReport(vm_id="v1", state=state, epoch=epoch)


def a_beat(host_id: str = "h1", *guests: GuestReport, age_seconds: float = 0.5) -> Heartbeat:
    lease = PoolLease(
        pool_id=POOL, generation=1, sequence=1, valid=True, age_seconds=age_seconds, remaining_seconds=9.0
    )
    return Heartbeat(host_id=host_id, sequence=1, digest=digest_of(guests), leases=(lease,))


@dataclass
class Asked:
    """A query that somebody waits for."""

    outcomes: list[Outcome] = field(default_factory=list)


@asynccontextmanager
async def asking(fleet: Fleet, *ids: str, seconds: float = 10.0) -> AsyncIterator[Asked]:
    asked = Asked()

    async def ask(id: str) -> None:
        asked.outcomes.append(await fleet.query_guests(HostId("h1"), (V1,), command_id=id, deadline_seconds=seconds))

    async with background(*(lambda id=id: ask(id) for id in ids)):
        await asyncio.sleep(0.1)
        yield asked
        await asyncio.sleep(0.1)


def an_answer(id: str = "q1", state: RunState = RunState.DONE) -> CommandResult:
    return CommandResult(command_id=id, state=state, guests=(a_guest(),))


# --- orders -----------------------------------------------------------------------------------------------------------


async def test_an_order_ends_as_what_its_host_says() -> None:
    fleet = a_fleet()
    session = await arrive(fleet)

    async with asking(fleet, "q1") as asked:
        await fleet.received(session, an_answer())

    [outcome] = asked.outcomes
    assert isinstance(outcome, Done)
    assert [(guest.vm_id, guest.power) for guest in outcome.guests] == [("v1", Power.RUNNING)]


async def test_a_host_without_a_session_is_refused_for_and_nothing_was_sent() -> None:
    fleet = a_fleet()

    async with asking(fleet, "q1") as asked:
        pass

    assert asked.outcomes == [Refused(code="not-connected", detail="host h1 has no session")]


async def test_no_answer_in_time_is_unknown() -> None:
    fleet = a_fleet()
    await arrive(fleet)

    async with asking(fleet, "q1", seconds=5.0) as asked:
        await asyncio.sleep(10)

    [outcome] = asked.outcomes
    assert isinstance(outcome, Unknown)
    assert outcome.code == "deadline"


async def test_two_askers_of_one_id_share_one_order() -> None:
    fleet = a_fleet()
    session = await arrive(fleet)

    async with asking(fleet, "q1", "q1") as asked:
        await fleet.received(session, an_answer())

    assert len(session.commands) == 1
    assert len(asked.outcomes) == 2


async def test_after_a_reconnect_the_order_is_sent_again_with_the_time_that_is_left() -> None:
    fleet = a_fleet()
    first = await arrive(fleet)

    async with asking(fleet, "q1", seconds=10.0) as asked:
        await fleet.closed(first, "broken")
        await asyncio.sleep(4)
        second = await arrive(fleet)
        await fleet.received(second, an_answer())

    [again] = second.commands
    assert again.command_id == "q1"
    assert 5.5 < again.deadline_seconds < 6.0
    assert isinstance(asked.outcomes[0], Done)


async def test_orders_to_a_host_proven_dead_are_given_up_as_unknown() -> None:
    fleet = a_fleet()
    await arrive(fleet)

    async with asking(fleet, "q1", seconds=60.0) as asked:
        fleet.give_up_orders(HostId("h1"), "its lease expired")

    assert asked.outcomes == [Unknown(code="host-dead", detail="its lease expired")]


async def test_a_late_answer_changes_nothing() -> None:
    fleet = a_fleet()
    session = await arrive(fleet)
    async with asking(fleet, "q1", seconds=1.0) as asked:
        await asyncio.sleep(5)

    await fleet.received(session, an_answer())

    assert isinstance(asked.outcomes[0], Unknown)


# --- pictures ---------------------------------------------------------------------------------------------------------


async def test_a_heartbeat_that_agrees_asks_for_nothing_and_one_that_does_not_asks_once() -> None:
    fleet = a_fleet()
    session = await arrive(fleet, guests=(a_guest(),))

    await fleet.received(session, a_beat("h1", a_guest()))
    assert session.said == []
    for _ in range(3):
        await fleet.received(session, a_beat("h1", a_guest(epoch=2)))

    assert session.said == [ReportRequest(host_id="h1")]
    await fleet.received(session, PowerReport(host_id="h1", complete=True, guests=(a_guest(epoch=2),)))
    await fleet.received(session, a_beat("h1", a_guest(epoch=2)))
    assert [guest.epoch for guest in fleet.guests_on(HostId("h1"))] == [2]
    assert len(session.said) == 1


async def test_an_event_patches_the_picture_and_is_news() -> None:
    fleet = a_fleet()
    session = await arrive(fleet, guests=(a_guest(),))
    fleet.inbox.done(await fleet.inbox.take())

    event = GuestEvent(host_id="h1", vm_id="v1", epoch=1, state=GuestState.CRASHED)
    await fleet.received(session, event)

    assert [guest.power for guest in fleet.guests_on(HostId("h1"))] == [Power.CRASHED]
    news = await fleet.inbox.take()
    assert [note.guest.power for note in news.notes] == [Power.CRASHED]


async def test_what_an_older_session_says_late_is_not_heard() -> None:
    fleet = a_fleet()
    older = await arrive(fleet)
    await arrive(fleet, guests=(a_guest(),))

    await fleet.received(older, PowerReport(host_id="h1", complete=True, guests=()))
    await fleet.closed(older, "replaced")

    assert len(fleet.guests_on(HostId("h1"))) == 1
    assert fleet.is_connected(HostId("h1"))


async def test_an_agent_cannot_speak_for_the_host_of_another() -> None:
    fleet = a_fleet()
    await arrive(fleet, "h1", guests=(a_guest(),))
    liar = await arrive(fleet, "h2")

    await fleet.received(liar, PowerReport(host_id="h1", complete=True, guests=()))

    assert len(fleet.guests_on(HostId("h1"))) == 1


async def test_one_host_s_news_are_handed_to_one_listener_at_a_time() -> None:
    fleet = a_fleet()
    session = await arrive(fleet)
    news = await fleet.inbox.take()
    event = GuestEvent(host_id="h1", vm_id="v1", epoch=1, state=GuestState.CRASHED)
    await fleet.received(session, event)

    taken: list[str] = []

    async def take() -> None:
        taken.append((await fleet.inbox.take()).host_id)

    async with background(take):
        await asyncio.sleep(1)
        assert taken == []
        fleet.inbox.done(news)
        await asyncio.sleep(1)
        assert taken == ["h1"]


# --- holds ------------------------------------------------------------------------------------------------------------

ASK = HoldRequest(host_id="h1", pool_id=POOL, request_id=7)


async def a_pool_seen_down_by(fleet: Fleet, *down: str) -> dict[str, FakeSession]:
    sessions = {host_id: await arrive(fleet, host_id) for host_id in ("h1", "h2", "h3")}
    for host_id, session in sessions.items():
        await fleet.received(session, a_beat(host_id, age_seconds=8.0 if host_id in down else 0.5))
    return sessions


def grants(session: FakeSession) -> list[GrantHold]:
    return [command.order for command in session.commands if isinstance(command.order, GrantHold)]


async def test_a_hold_is_given_when_most_hosts_see_the_pool_down() -> None:
    fleet = a_fleet()
    sessions = await a_pool_seen_down_by(fleet, "h1", "h2")

    await fleet.received(sessions["h1"], ASK)

    [granted] = grants(sessions["h1"])
    assert (granted.grant.request_id, granted.grant.hold_seconds) == (7, FAST.hold_seconds)


async def test_no_hold_is_given_to_the_one_host_that_lost_its_storage() -> None:
    fleet = a_fleet()
    sessions = await a_pool_seen_down_by(fleet, "h1")

    await fleet.received(sessions["h1"], ASK)

    assert grants(sessions["h1"]) == []


async def test_nor_to_a_host_that_is_being_declared_dead() -> None:
    fleet = a_fleet()
    sessions = await a_pool_seen_down_by(fleet, "h1", "h2", "h3")

    fleet.bar_holds(HostId("h1"))
    await fleet.received(sessions["h1"], ASK)
    assert grants(sessions["h1"]) == []

    fleet.allow_holds(HostId("h1"))
    await fleet.received(sessions["h1"], ASK)
    assert len(grants(sessions["h1"])) == 1


async def test_nor_by_a_controller_whose_place_others_may_have_taken() -> None:
    fleet = a_fleet()
    sessions = await a_pool_seen_down_by(fleet, "h1", "h2", "h3")

    fleet.lead_until(asyncio.get_running_loop().time())
    await fleet.received(sessions["h1"], ASK)

    assert grants(sessions["h1"]) == []


@dataclass
class Switch:
    """A power controller that remembers how long it was given."""

    given_seconds: list[float] = field(default_factory=list)

    async def status(self, where: OutOfBand, deadline_seconds: float) -> PowerSaid:
        return PowerSaid(state=PowerState.ON)

    async def act(self, where: OutOfBand, action: PowerAction, deadline_seconds: float) -> PowerSaid:
        self.given_seconds.append(deadline_seconds)
        return PowerSaid(state=PowerState.OFF)


async def test_power_is_switched_only_while_our_place_is_ours_and_no_longer() -> None:
    switch, where = Switch(), OutOfBand(id=HostId("h1"), created=BEGINNING, driver="d", address="bmc-1")
    fleet = a_fleet(PowerControllers({"d": switch}))
    now = asyncio.get_running_loop().time()

    fleet.lead_until(now + 3.0)
    said = await fleet.switch_power(where, PowerAction.OFF, 10.0)
    fleet.lead_until(now)
    refused = await fleet.switch_power(where, PowerAction.OFF, 10.0)

    assert (said.state, switch.given_seconds) == (PowerState.OFF, [3.0])
    assert (refused.state, refused.code) == (PowerState.UNKNOWN, "not-leading")


async def test_whoever_newly_answers_for_a_host_waits_for_the_holds_of_others() -> None:
    fleet = a_fleet()
    await arrive(fleet)
    wait_seconds = outlast(FAST, FAST.hold_seconds)

    assert fleet.holds_over_at(HostId("h1"), POOL) == wait_seconds
    await asyncio.sleep(100)
    await arrive(fleet)
    assert fleet.holds_over_at(HostId("h1"), POOL) == wait_seconds


async def test_so_does_one_to_whom_a_host_comes_back_from_another() -> None:
    fleet = a_fleet()
    await arrive(fleet)
    await asyncio.sleep(100)

    fleet.open_to_agents(OpenGate(held_elsewhere=frozenset({HostId("h1")})))
    await arrive(fleet)

    assert fleet.holds_over_at(HostId("h1"), POOL) == 100 + outlast(FAST, FAST.hold_seconds)


async def test_a_hold_given_here_is_kept_until_it_is_certainly_over() -> None:
    fleet = a_fleet()
    sessions = await a_pool_seen_down_by(fleet, "h1", "h2")
    await asyncio.sleep(100)

    await fleet.received(sessions["h1"], ASK)

    assert fleet.holds_over_at(HostId("h1"), POOL) == 100 + outlast(FAST, FAST.hold_seconds)


@dataclass
class SlowGate(OpenGate):
    """As while the database is slow."""

    opens: asyncio.Event = field(default_factory=asyncio.Event)

    async def admit(self, arrivals: tuple[HostArrival, ...]) -> Orientation | TurnedAway:
        await self.opens.wait()
        return await super().admit(arrivals)


async def test_a_host_that_waits_to_be_let_in_is_not_silent() -> None:
    fleet, gate = a_fleet(), SlowGate()
    fleet.open_to_agents(gate)
    fleet.adopt(HostId("h1"), "fast")
    fleet.adopt(HostId("h2"), "fast")

    async def come() -> None:
        await arrive(fleet)

    async with background(come):
        await asyncio.sleep(30)

        assert [last.host_id for last in fleet.last_heard()] == ["h2"]

        gate.opens.set()
        await asyncio.sleep(0.1)

    assert not fleet.is_at_the_gate(HostId("h1"))
    assert fleet.holds(HostId("h1"))


async def test_a_host_that_knocks_at_a_crowded_door_is_not_silent() -> None:
    fleet = a_fleet()
    fleet.adopt(HostId("h1"), "fast")
    fleet.adopt(HostId("h2"), "fast")

    with fleet.knocking("h1"):
        await asyncio.sleep(30)

        assert fleet.is_at_the_gate(HostId("h1"))
        assert [last.host_id for last in fleet.last_heard()] == ["h2"]

    assert [last.host_id for last in fleet.last_heard()] == ["h1", "h2"]


async def test_a_host_that_was_told_to_come_again_is_silent_only_from_then_on() -> None:
    fleet = a_fleet()
    fleet.adopt(HostId("h1"), "fast")

    fleet.sent_away("h1", 20.0)
    await asyncio.sleep(19)

    assert fleet.is_at_the_gate(HostId("h1"))
    assert list(fleet.last_heard()) == []

    await asyncio.sleep(11)

    assert not fleet.is_at_the_gate(HostId("h1"))
    assert [last.at for last in fleet.last_heard()] == [20.0]


async def test_an_agent_that_speaks_for_several_hosts_knocks_for_all_of_them() -> None:
    fleet = a_fleet()
    session = await arrive(fleet, "h1", agent_id="agent")
    await fleet.closed(session, "its line broke")

    fleet.sent_away("agent", 20.0)

    assert fleet.is_at_the_gate(HostId("h1"))


async def test_while_there_is_a_crowd_at_the_door_those_whose_sessions_broke_are_on_their_way() -> None:
    fleet = a_fleet()
    lost, silent = await arrive(fleet, "lost"), await arrive(fleet, "silent")
    await fleet.closed(lost, "its line broke")
    assert not silent.closed

    await asyncio.sleep(10)
    for number in range(CROWD):
        with fleet.knocking(f"other-{number}"):
            pass

    assert {last.host_id: last.at for last in fleet.last_heard()} == {"lost": 10.0, "silent": 0.0}


async def test_one_agent_that_knocks_again_and_again_is_no_crowd() -> None:
    fleet = a_fleet()
    await fleet.closed(await arrive(fleet, "lost"), "its line broke")

    await asyncio.sleep(10)
    for _ in range(CROWD):
        with fleet.knocking("other"):
            pass

    assert [last.at for last in fleet.last_heard()] == [0.0]
