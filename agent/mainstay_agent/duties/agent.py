"""The agent: its hosts, its session, and the loops that never end.

The link calls hello, welcomed, received and lost; everything else goes on with or without a controller."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from pydantic import TypeAdapter

from mainstay_agent.driver import refused
from mainstay_agent.duties import beating, listening, observing
from mainstay_agent.duties.answers import Answer
from mainstay_agent.duties.book import Book, PoolOrders
from mainstay_agent.duties.charge import AREA_SILENT, Charge
from mainstay_agent.duties.commands import Commands
from mainstay_agent.duties.ports import DutySettings, Hypervisor, Memory, Pinger, ScreenLines, Uplink
from mainstay_agent.duties.session import Session
from mainstay_agent.lease.area import LeaseArea
from mainstay_proto.messages import Command, Hello, HostFacts, Mounts, ReportRequest, Welcome
from mainstay_runtime.clock import Clock
from mainstay_runtime.errors import DeadlineExceeded, Unavailable
from mainstay_runtime.logs import logger
from mainstay_runtime.tasks import Nursery, Work, all_of, background

log = logger(__name__)
PROTOCOL_MINOR = 1
NO_WATCHDOG = "none"
WATCHDOG_ANSWER_SECONDS = 3.0
FACTS: TypeAdapter[tuple[HostFacts, ...]] = TypeAdapter(tuple[HostFacts, ...])


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The ports of one agent."""

    hypervisor: Hypervisor
    area_of: Callable[[HostFacts], LeaseArea]
    memory_of: Callable[[HostFacts], Memory]
    hosts_memory: Memory
    uplink: Uplink
    pinger: Pinger
    clock: Clock
    screen_lines: ScreenLines | None = None  # None: screens are not shown


class Agent:
    def __init__(
        self, agent_id: str, version: str, surroundings: Surroundings, settings: DutySettings | None = None
    ) -> None:
        self._agent_id = agent_id
        self._version = version
        self._around = surroundings
        self._driver = surroundings.hypervisor.driver
        self._settings = settings or DutySettings()
        self._session = Session()
        self._tasks = Nursery(_child_broke)
        self._charges: Mapping[str, Charge] = {}
        self._commands: Mapping[str, Commands] = {}
        self._knows_its_hosts = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled; guests run on."""
        async with self._tasks:
            try:
                await self._take_charge(await self._find_hosts())
                async with background(*self._loops()):
                    await asyncio.Event().wait()
            finally:
                await self._driver.close()

    async def _find_hosts(self) -> tuple[HostFacts, ...]:
        """The hypervisor's word; while it does not answer, its word to our predecessor in this boot."""
        memory = self._around.hosts_memory
        while True:
            try:
                await self._driver.open()
                hosts = await self._driver.hosts(self._settings.look_deadline_seconds)
            except (Unavailable, DeadlineExceeded) as error:
                log.warning("hypervisor cannot be opened", error=str(error))
                remembered = memory.load()
                if remembered is not None:
                    self._tasks.adopt(self._open_at_last(), "open the hypervisor")
                    return FACTS.validate_json(remembered)
                await self._around.clock.sleep(self._settings.look_seconds)
            else:
                memory.save(FACTS.dump_json(hosts))
                return hosts

    async def _open_at_last(self) -> None:
        while True:
            await self._around.clock.sleep(self._settings.look_seconds)
            with suppress(Unavailable, DeadlineExceeded):
                await self._driver.open()
                return

    async def _take_charge(self, hosts: tuple[HostFacts, ...]) -> None:
        self._charges = {facts.host_id: self._charge(facts) for facts in hosts}
        self._commands = {host_id: Commands(charge) for host_id, charge in self._charges.items()}
        await all_of(*(charge.look() for charge in self._charges.values()))
        self._knows_its_hosts.set()

    def _charge(self, facts: HostFacts) -> Charge:
        return Charge(
            facts=facts,
            hypervisor=self._around.hypervisor,
            area=self._around.area_of(facts),
            book=Book(self._around.memory_of(facts), facts.boot_id, self._settings.results_max),
            uplink=self._around.uplink,
            pinger=self._around.pinger,
            clock=self._around.clock,
            settings=self._settings,
            tasks=self._tasks,
            screen_lines=self._around.screen_lines,
        )

    def _loops(self) -> list[Work]:
        loops: list[Work] = [partial(listening.listen_to_hypervisor, self._driver, self._charges)]
        for charge in self._charges.values():
            loops += [
                charge.area.run,
                partial(listening.listen_to_area, charge),
                partial(_look_around, charge),
                partial(beating.beat, charge, self._session),
                partial(beating.report_load, charge, self._session),
                partial(observing.tell_sightings, charge),
            ]
        return loops

    # --- link.port.Duties ---

    async def hello(self, resumed: bool) -> Hello:
        await self._knows_its_hosts.wait()
        return Hello(
            agent_id=self._agent_id,
            version=self._version,
            protocol_minor=PROTOCOL_MINOR,
            hosts=tuple([await _introduced(charge) for charge in self._charges.values()]),
            resumed=resumed,
        )

    async def welcomed(self, welcome: Welcome) -> None:
        self._session.opened(welcome)
        mounts = dict(welcome.mounts)
        for charge in self._charges.values():
            pools = PoolOrders(
                mounts=mounts.get(charge.host_id, ()), lease_names=welcome.lease_names, profile=welcome.profile
            )
            self._tasks.adopt(_begin_session(charge, pools), f"begin session of {charge.host_id}")

    async def received(self, down: Command | ReportRequest | Mounts) -> None:
        charge = self._charges.get(down.host_id)
        if charge is None:
            self._disown(down)
            return
        match down:
            case Command():
                self._commands[down.host_id].receive(down)
            case ReportRequest():
                self._tasks.adopt(_report(charge), f"report {down.host_id}")
            case Mounts():
                self._tasks.adopt(_mounts_changed(charge, down), f"mounts of {down.host_id}")

    def _disown(self, down: Command | ReportRequest | Mounts) -> None:
        log.warning("not our host", host=down.host_id, message=type(down).__name__)
        if isinstance(down, Command):
            stranger = refused("no-such-host", f"agent {self._agent_id} does not speak for {down.host_id}")
            self._around.uplink.send(Answer(outcome=stranger).result(down.command_id))

    async def lost(self, reason: str) -> None:
        self._session.lost()
        log.warning("no controller in reach", reason=reason)


async def _introduced(charge: Charge) -> HostFacts:
    return replace(charge.facts, guests=charge.view.told(), watchdog=await _has_watchdog(charge))


async def _has_watchdog(charge: Charge) -> bool:
    """The lease daemon may have to be reached first.  One that does not answer resets nobody."""
    try:
        async with asyncio.timeout(WATCHDOG_ANSWER_SECONDS):
            while True:
                with suppress(*AREA_SILENT):
                    return await charge.area.watchdog() != NO_WATCHDOG
                await charge.clock.sleep(WATCHDOG_ANSWER_SECONDS / 10)
    except TimeoutError:
        return False


async def _look_around(charge: Charge) -> None:
    """For ever.  The first look re-adopts what ran before we came."""
    while True:
        try:
            await listening.reconcile(charge)
        except Exception:
            log.exception("a look broke", host=charge.host_id)
        await charge.clock.sleep(charge.settings.look_seconds)


async def _begin_session(charge: Charge, pools: PoolOrders) -> None:
    charge.book.note_pools(pools)
    await listening.reconcile(charge)
    charge.tell_everything()


async def _report(charge: Charge) -> None:
    await charge.look()
    charge.tell_everything()


async def _mounts_changed(charge: Charge, change: Mounts) -> None:
    known = charge.book.pools
    profile = change.profile or (known.profile if known else None)
    if profile is None:
        log.error("pools without a lease profile", host=charge.host_id)
        return
    pools = PoolOrders(mounts=change.mounts, lease_names=change.lease_names, profile=profile)
    charge.book.note_pools(pools)
    await listening.reconcile(charge)


def _child_broke(name: str, error: Exception) -> None:
    log.error("a duty broke", duty=name, exc_info=error)
