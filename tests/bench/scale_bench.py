"""How many hosts does one controller process hold, how fast do they all come back, and how fast does it restart what a hundred hosts ran?

    python -m tests.bench.scale_bench --agents 10000
    python -m tests.bench.scale_bench --only outage --agents 5000
    python -m tests.bench.scale_bench --only outage --agents 1000 --absent-seconds 10 --share 0.15
    python -m tests.bench.scale_bench --only storm --agents 10000

At the end stands a table of what was measured beside the goals and the floors; on two quiet cores that is within ten minutes.  Apart are ten minutes
without a controller: the outage in real time, and the storm on virtual time (tests/kit/storm), some minutes of computing.  The third line is the
outage on a machine whose cores others have: the controller that begins again is held to a share of one.

The controller is the shipped one on PostgreSQL; agents are TLS connections of their own, in a few processes.  Beside the figures
stand floors of the same run: a grpc.aio server with empty handlers under the same number of agents, and a planner that only counts memory.
CPU time is the process's own, so that what else the machine does blurs it little.  Durations it does blur: the load is told with them."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import resource
import statistics
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from mainstay_controller.domain.placement.snapshot import Algorithm
from mainstay_controller.domain.records import Incident
from mainstay_controller.domain.states import DecisionOutcome, HostState
from mainstay_controller.store.port import eq
from mainstay_controller.store.sql.store import SqlStore
from mainstay_runtime import logs
from tests.bench import placement_bench
from tests.bench.crowd import Station
from tests.bench.stage import CLOCK, Controller, Crowds, Process, a_floor, a_share_of_a_core, a_stage, crowds, stations
from tests.kit import databases
from tests.kit.storm import a_storm
from tests.kit.virtual_time import VirtualTimeLoop

INTERVAL_SECONDS, FACTOR = 2.0, 3.0
SETTINGS = {"ping.interval": str(INTERVAL_SECONDS), "ping.timeout": str(FACTOR)}
PATIENCE_SECONDS = 1800.0
STORM_WATCH_SECONDS = 60.0
SILENT_EVERY = 50
"""One host in so many falls silent, for the detection's lag."""
GUESTS_IN_OUTAGE = 2
GUESTS_EACH, FALLING = 50, 10
"""Ten of every fifty hosts of a cluster die at once, so that five hosts are needed for each that dies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What a process did while something happened."""

    seconds: float
    cpu_seconds: float
    rss_mib: float

    @property
    def share(self) -> float:
        return self.cpu_seconds / self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """`met` is asked of what was measured."""

    name: str
    wanted: str
    met: Callable[[float], bool]
    shown: str = "{:.2f}"


GOALS = {
    "agents": Goal(name="agents in one process", wanted=">= 9500", met=lambda it: it >= 9500, shown="{:.0f}"),
    "share": Goal(name="CPU at 2 s beats", wanted="< 1 core", met=lambda it: it < 1),
    "memory": Goal(name="memory, all agents in", wanted="< 1024 MiB", met=lambda it: it < 1024, shown="{:.0f} MiB"),
    "reconnect": Goal(name="all come again", wanted="<= 30 s", met=lambda it: it <= 30, shown="{:.1f} s"),
    "errors": Goal(name="errors of coming again", wanted="0", met=lambda it: it == 0, shown="{:.0f}"),
    "mistaken": Goal(name="suspected by mistake", wanted="0", met=lambda it: it == 0, shown="{:.0f}"),
    "lag": Goal(name="detection lag, p99", wanted="<= 200 ms", met=lambda it: it <= 200, shown="{:.0f} ms"),
    "placements": Goal(name="placements a second", wanted=">= 1500", met=lambda it: it >= 1500, shown="{:.0f}"),
    "orders": Goal(name="first proof to last order", wanted="<= 5 s", met=lambda it: it <= 5, shown="{:.1f} s"),
}


@dataclass(slots=True)
class Table:
    """What was measured, by the name of its goal."""

    ours: dict[str, float] = field(default_factory=dict)
    floors: dict[str, float] = field(default_factory=dict)

    def tell(self) -> None:
        print(f"\n{'':28}{'measured':>14}{'floor':>14}{'goal':>14}")
        for key, goal in GOALS.items():
            if key in self.ours:
                ours, floor = self.ours[key], self.floors.get(key)
                least = goal.shown.format(floor) if floor is not None else ""
                verdict = "" if goal.met(ours) else "  missed"
                print(f"{goal.name:28}{goal.shown.format(ours):>14}{least:>14}{goal.wanted:>14}{verdict}")


TABLE = Table()


async def measured(process: Process, happens: Awaitable[None]) -> Span:
    before, began = process.cost(), CLOCK.monotonic()
    await happens
    after = process.cost()
    return Span(
        seconds=CLOCK.monotonic() - began,
        cpu_seconds=after.cpu_seconds - before.cpu_seconds,
        rss_mib=after.rss_mib,
    )


async def until(claim: Callable[[], Awaitable[bool]], every_seconds: float = 0.5) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await claim():
            await CLOCK.sleep(every_seconds)


def tell(what: str, *facts: str) -> None:
    print(f"{what:34} {'; '.join(facts)}", flush=True)


def told_of(span: Span, agents: int) -> str:
    return f"{span.seconds:.1f} s, CPU {span.cpu_seconds:.1f} s ({1000 * span.cpu_seconds / agents:.2f} ms an agent)"


# --- holding ------------------------------------------------------------------------------------------------------------


async def come(server: Process, crowd: Crowds, agents: int) -> Span:
    async def all_there() -> bool:
        return bool(sum(crowd.ask("present")) >= agents)

    return await measured(server, until(all_there, 0.2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    lost: dict[str, int]
    sent_back: dict[str, int]
    late_seconds: float

    @property
    def errors(self) -> int:
        return sum(self.lost.values())

    def __str__(self) -> str:
        return f"failed {self.lost or 0}, asked to come again {self.sent_back or 0}, beats {self.late_seconds:.1f} s late from the agents' own processes"


def what_failed(crowd: Crowds) -> Failed:
    """Since it was asked last."""
    told = crowd.ask("told")
    lost: Counter[str] = sum((each["lost"] for each in told), Counter())
    back: Counter[str] = sum((each["sent_back"] for each in told), Counter())
    return Failed(lost=dict(lost), sent_back=dict(back), late_seconds=max(each["late_seconds"] for each in told))


async def steady(server: Process, crowd: Crowds, seconds: float) -> Span:
    await CLOCK.sleep(3 * INTERVAL_SECONDS)
    return await measured(server, CLOCK.sleep(seconds))


async def hold_floor(args: argparse.Namespace, directory: Path) -> None:
    told = stations(args.agents, lambda _number: 0)
    with a_floor(directory) as server, crowds(directory, server.port, told, args.processes) as crowd:
        crowd.ask("come")
        span = await come(server, crowd, args.agents)
        TABLE.floors["reconnect"] = span.seconds
        tell("floor: all come", told_of(span, args.agents), str(what_failed(crowd)))
        span = await steady(server, crowd, args.seconds)
        TABLE.floors |= {"share": span.share, "memory": span.rss_mib}
        tell("floor: steady", beats(span, args.agents))


def beats(span: Span, agents: int) -> str:
    each = 1e6 * span.cpu_seconds / (span.seconds * agents / INTERVAL_SECONDS)
    return f"{agents} agents: {span.share:.2f} core, {each:.0f} us a beat, {span.rss_mib:.0f} MiB"


@asynccontextmanager
async def all_in(
    args: argparse.Namespace, directory: Path, database: str, told: Sequence[Station]
) -> AsyncIterator[tuple[SqlStore, Controller, Crowds]]:
    """The controller has started, all agents have come, and their hosts are Up."""
    async with a_stage(directory, database, told, SETTINGS) as (store, controller):
        with crowds(directory, controller.agent_port, told, args.processes) as crowd:
            await controller.start()
            crowd.ask("come")
            tell("all come", told_of(await come(controller, crowd, len(told)), len(told)), str(what_failed(crowd)))
            tell("all are Up", told_of(await all_up(controller, store, len(told)), len(told)))
            yield store, controller, crowd


async def hold(args: argparse.Namespace, directory: Path, database: str) -> None:
    told = stations(args.agents, lambda _number: 0)
    async with all_in(args, directory, database, told) as (store, controller, crowd):
        span = await steady(controller, crowd, args.seconds)
        TABLE.ours |= {"agents": sum(crowd.ask("present")), "share": span.share, "memory": span.rss_mib}
        tell("steady", beats(span, args.agents))
        await reconnect(args, args.away_seconds, controller, crowd, store)
        await detect(args, crowd, store)


async def all_up(controller: Controller, store: SqlStore, agents: int) -> Span:
    async def up() -> bool:
        return bool(await store.hosts.count(eq("state", HostState.UP)) >= agents)

    return await measured(controller, until(up))


async def reconnect(
    args: argparse.Namespace, away_seconds: float, controller: Controller, crowd: Crowds, store: SqlStore
) -> None:
    """The controller is killed, is away for a while, and begins again."""
    controller.kill()
    await CLOCK.sleep(away_seconds)
    what_failed(crowd)
    await controller.start()
    what_failed(crowd)  # until it listened nobody could be let in
    with a_share_of_a_core(controller, args.share) if args.share else nullcontext():
        span = await come(controller, crowd, args.agents)
        failed = what_failed(crowd)
        TABLE.ours |= {"reconnect": span.seconds, "errors": failed.errors}
        tell(f"reconnect after {away_seconds:g} s away", told_of(span, args.agents), str(failed))
        tell("all are Up again", told_of(await all_up(controller, store, args.agents), args.agents))
    mistaken = triggers(await store.incidents.find())
    TABLE.ours["mistaken"] = mistaken.total()
    tell("suspected by mistake", f"{dict(mistaken) or 0}, {await store.decisions.count()} guests decided about")


def triggers(incidents: Iterable[Incident]) -> Counter[str]:
    return Counter(re.sub(r"[\d.]+ s", "some s", incident.trigger) for incident in incidents)


async def detect(args: argparse.Namespace, crowd: Crowds, store: SqlStore) -> None:
    """Some fall silent, one after another; lag is what the suspicion was later than the rule says."""
    before = await store.incidents.count()
    silent = [f"host-{number:05d}" for number in range(0, args.agents, SILENT_EVERY)]
    for host_id in silent:
        crowd.ask("silence", [host_id])
        await CLOCK.sleep(0.1)

    async def all_suspect() -> bool:
        return bool(await store.incidents.count() - before >= len(silent))

    await until(all_suspect)
    offsets = [incident.timeline[0]["offset_ms"] for incident in await store.incidents.find()]
    lags = sorted(float(str(offset)) - 1000 * INTERVAL_SECONDS * FACTOR for offset in offsets)
    TABLE.ours["lag"] = lags[int(len(lags) * 0.99)]
    told = f"{len(lags)} hosts: median {statistics.median(lags):.0f} ms, p99 {lags[int(len(lags) * 0.99)]:.0f} ms"
    tell("detection lag", told, f"{args.agents} agents beating")


# --- mass failure -------------------------------------------------------------------------------------------------------


async def fail(args: argparse.Namespace, directory: Path, database: str) -> None:
    hosts = 5 * args.dead
    falling = [number for number in range(hosts) if number % 50 < FALLING]
    told = stations(hosts, lambda number: GUESTS_EACH if number in falling else 0)
    async with all_in(args, directory, database, told) as (store, controller, crowd):
        await CLOCK.sleep(args.settle_seconds)
        dead = {told[number].host_id for number in falling}
        crowd.ask("fall", sorted(dead), CLOCK.monotonic())
        what_failed(crowd)
        await until(lambda: some_released(store), 0.02)
        proven_at = CLOCK.monotonic()
        span = await measured(controller, until(lambda: all_restarted(store, len(falling))))
        told_at_last = crowd.ask("told")
        starts = sorted(at - proven_at for each in told_at_last for at in each["starts"])
        late = max(each["late_seconds"] for each in told_at_last)
        await tell_failure(starts, span, store)
        mistaken = triggers(each for each in await store.incidents.find() if each.host_id not in dead)
        tell("suspected by mistake", f"{dict(mistaken) or 0}; beats {late:.1f} s late from the agents' own processes")


async def some_released(store: SqlStore) -> bool:
    return bool(await store.decisions.count())


async def all_restarted(store: SqlStore, dead: int) -> bool:
    return bool(await store.decisions.count(eq("outcome", DecisionOutcome.RESTARTED)) >= dead * GUESTS_EACH)


async def tell_failure(starts: list[float], span: Span, store: SqlStore) -> None:
    """On the records' own stopwatch: each hundred hosts' silence began in the same moment."""
    decisions = await store.decisions.find()
    released = [elapsed(each.phases, "released") for each in decisions]
    ordered = [elapsed(each.phases, "ordered") for each in decisions]
    proof, last = min(released), max(ordered)
    TABLE.ours["orders"] = starts[-1]
    tell(
        "mass failure",
        f"{len(starts)} start orders for {len(decisions)} guests, heard by their hosts {starts[0]:.1f} s to {starts[-1]:.1f} s after the first proof",
    )
    tell("from the first proof", f"last proof {max(released) - proof:.1f} s, last epoch raised {last - proof:.1f} s")
    told = f"CPU {span.cpu_seconds:.1f} s, {1000 * span.cpu_seconds / len(starts):.2f} ms a guest"
    tell("from the first proof", f"all on record as running {span.seconds:.1f} s; {told}")


def elapsed(phases: tuple[dict[str, object], ...], name: str) -> float:
    return float(str(next(phase["elapsed_ms"] for phase in phases if phase["name"] == name))) / 1000


def place(dead: int) -> None:
    figures = placement_bench.measure(5 * dead, dead * GUESTS_EACH)
    for figure in figures:
        tell(f"planner: {figure.name}", f"{figure.per_second:.0f} placements/s")
    TABLE.floors["placements"] = figures[0].per_second
    TABLE.ours["placements"] = min(figure.per_second for figure in figures[1:])
    assert {figure.name for figure in figures} > {algorithm.value for algorithm in Algorithm}


# --- outage -------------------------------------------------------------------------------------------------------------


async def outage(args: argparse.Namespace, directory: Path, database: str) -> None:
    """For a long time there is no controller; then one for everybody, who all still run what they ran."""
    told = stations(args.agents, lambda _number: GUESTS_IN_OUTAGE)
    async with all_in(args, directory, database, told) as (store, controller, crowd):
        guests = {guest.id: guest for guest in await store.vms.find()}
        crowd.ask("orders")
        await reconnect(args, args.absent_seconds, controller, crowd, store)
        await CLOCK.sleep(STORM_WATCH_SECONDS)
        touched = sum(guests[guest.id] != guest for guest in await store.vms.find())
        orders: Counter[str] = sum(crowd.ask("orders"), Counter())
        there, mistaken = sum(crowd.ask("present")), await store.incidents.count()
        tell(
            f"{STORM_WATCH_SECONDS:g} s later",
            f"{there} of {args.agents} there, {mistaken} suspected, {touched} of {len(guests)} guests touched, "
            f"orders given: {dict(orders) or 0}",
        )


# --- storm --------------------------------------------------------------------------------------------------------------


def storm(args: argparse.Namespace) -> None:
    loop = VirtualTimeLoop()
    logs.configure(logs.LogFormat.KEY_VALUE, "ERROR")
    loop.run_until_complete(storm_of(args.agents, args.absent_seconds))


async def storm_of(agents: int, absent_seconds: float) -> None:
    """All of it in virtual time, and so without a word about durations of computing."""
    async with a_storm(agents) as stormy:
        async with stormy.a_controller() as cloud:
            await stormy.until_all_up(cloud, PATIENCE_SECONDS)
        guests = await stormy.store.vms.find()
        await stormy.clock.sleep(absent_seconds)
        async with stormy.a_controller() as cloud:
            seconds = await stormy.until_all_up(cloud, PATIENCE_SECONDS)
            await stormy.clock.sleep(STORM_WATCH_SECONDS)
            told = f"{len(cloud.fleet.held())} of {agents} back after {absent_seconds:g} s, all Up {seconds:.1f} s after the start"
            touched = sum(before != now for before, now in zip(guests, await stormy.store.vms.find(), strict=True))
            mistaken = await stormy.store.incidents.count()
            tell("storm", told, f"{mistaken} suspected, {touched} guests touched, {len(stormy.orders())} orders given")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--dead", type=int, default=100, help="hosts that die at once")
    parser.add_argument("--share", type=float, help="of a core, for the controller that begins again")
    parser.add_argument("--away-seconds", type=float, default=10.0)
    parser.add_argument("--absent-seconds", type=float, default=600.0, help="of the outage and the storm")
    parser.add_argument(
        "--settle-seconds", type=float, default=25.0, help="so that no hold of an earlier life can stand"
    )
    parser.add_argument("--only", choices=("floor", "hold", "fail", "place", "outage", "storm"))
    args = parser.parse_args()
    files = raise_the_file_limit()
    tell("machine", f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", f"{files} files a process")
    with TemporaryDirectory(prefix="mainstay-bench-") as name:
        if args.only in (None, "place"):
            place(args.dead)
        if args.only in (None, "floor"):
            asyncio.run(hold_floor(args, a_room(name, "floor")))
        for part, story in (("hold", hold), ("fail", fail)):
            if args.only in (None, part):
                with databases.postgresql() as server:
                    asyncio.run(story(args, a_room(name, part), server.url))
        if args.only == "outage":
            with databases.postgresql() as server:
                asyncio.run(outage(args, a_room(name, "outage"), server.url))
        if args.only == "storm":
            storm(args)
    tell("machine", f"load {os.getloadavg()[0]:.1f}")
    if TABLE.ours:
        TABLE.tell()


def raise_the_file_limit() -> int:
    """As far as the kernel lets us: root to its own limit where it may, all others to theirs.  Each process started from here has it too."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = max(hard, int(Path("/proc/sys/fs/nr_open").read_text()))
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    except ValueError:  # it takes a capability that even root may not have been given
        most = hard
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


def a_room(directory: str, name: str) -> Path:
    room = Path(directory) / name
    room.mkdir()
    return room


if __name__ == "__main__":
    main()
