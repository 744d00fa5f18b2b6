"""The ways of one machine's lease daemon to slots, guests and watchdog, with their faults; and the agent's way to the daemon.

A slot write may be slow, refused, or refused and land all the same within delta; a read may show the pool as it was a while ago.  The daemon may be
stopped or dead while the agent asks it; what only unwinds of it writes, kills and pets nothing more."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from mainstay_agent.drivers.simulated.host import StorageCondition
from mainstay_agent.drivers.simulated.world import alive_since
from mainstay_agent.lease.area import (
    AreaBack,
    AreaEvent,
    AreaLost,
    Granted,
    LeaseName,
    LedgerEntry,
    Refused,
)
from mainstay_agent.lease.feed import AreaFeed
from mainstay_agent.lease.local import LocalLeaseArea
from mainstay_agent.lease.slots import BLANK, OwnerSector, PoisonSector, Slot
from mainstay_proto.messages import HoldGrant, LeaseProfile, PoolLease, PoolMount, SlotSighting, StopCause
from mainstay_runtime.errors import DeadlineExceeded, Unavailable
from tests.kit.simulation.clocks import pause
from tests.kit.simulation.loop import Process, is_of_the_living, sim_loop
from tests.kit.simulation.world import HarshHost, HarshWorld

T = TypeVar("T")

ANSWER_SECONDS = 2.0  # as mainstay_agent.lease.client
SIGHTS_KEPT = 64


class ProcessIsDead(OSError):
    """What is asked for on the way out is never begun."""


@dataclass(slots=True)
class SlotTrouble:
    """Of one machine's way to the lease files."""

    slow_seconds: float = 0.0
    write_errors: float = 0.0  # chance
    landing: float = 0.5  # of those, chance that it lands all the same
    stale_seconds: float = 0.0  # reads show the pool as it was that long ago
    reads_frozen: bool = False  # reads show the pool as it was at the last one before
    acknowledges_after_seconds: float = 0.0  # writes land at once, and are answered so much later


class HarshSlots:
    """mainstay_agent.lease.ports.SlotStore."""

    def __init__(self, world: HarshWorld, host: HarshHost, trouble: Callable[[], SlotTrouble]) -> None:
        self._world = world
        self._host = host
        self._trouble = trouble
        self._sights: dict[str, deque[tuple[float, Mapping[int, Slot]]]] = defaultdict(
            partial(deque, maxlen=SIGHTS_KEPT)
        )

    def use(self, mounts: tuple[PoolMount, ...]) -> None: ...

    async def read(self, pool_id: str, numbers: frozenset[int]) -> Mapping[int, Slot]:
        await self._reach(pool_id)
        slots = self._world.slots
        sight = {number: slots.get((pool_id, number), BLANK) for number in numbers}
        return self._as_it_was(sight, self._sights[pool_id])

    def _as_it_was(
        self, sight: Mapping[int, Slot], sights: deque[tuple[float, Mapping[int, Slot]]]
    ) -> Mapping[int, Slot]:
        now, stale_seconds = sim_loop().time(), self._trouble().stale_seconds
        if self._trouble().reads_frozen and sights:
            return sights[-1][1]
        sights.append((now, sight))
        if not stale_seconds:
            return sight
        return next((seen for at, seen in reversed(sights) if now - at >= stale_seconds), sights[0][1])

    async def write_owner(self, pool_id: str, number: int, sector: OwnerSector) -> None:
        def land() -> None:
            slot = self._world.slots.get((pool_id, number), BLANK)
            self._world.slots[pool_id, number] = replace(slot, owner=sector)

        await self._write(pool_id, land)

    async def write_poison(self, pool_id: str, number: int, sector: PoisonSector) -> None:
        def land() -> None:
            slot = self._world.slots.get((pool_id, number), BLANK)
            self._world.slots[pool_id, number] = replace(slot, poison=sector)

        await self._write(pool_id, land)

    async def _write(self, pool_id: str, land: Callable[[], None]) -> None:
        try:
            await self._reach(pool_id)
        except ProcessIsDead:
            raise
        except (OSError, asyncio.CancelledError):
            self._perhaps_later(pool_id, land)
            raise
        if self._trouble().write_errors and self._world.chance.random() < self._trouble().write_errors:
            self._perhaps_later(pool_id, land)
            raise OSError(f"{self._host.facts.name} could not write to pool {pool_id}")
        land()
        if self._trouble().acknowledges_after_seconds:
            await pause(self._trouble().acknowledges_after_seconds)

    def _perhaps_later(self, pool_id: str, land: Callable[[], None]) -> None:
        if self._world.chance.random() < self._trouble().landing:
            self._world.land_late(frozenset((pool_id,)), land)

    async def _reach(self, pool_id: str) -> None:
        host, boot_id = self._host, self._host.boot_id
        if not is_of_the_living():
            raise ProcessIsDead
        if slow_seconds := self._trouble().slow_seconds:
            await pause(self._world.chance.uniform(0, 2 * slow_seconds))
        condition = host.storage(pool_id)
        if condition is StorageCondition.HANGS:
            condition = await host.until_storage_answers((pool_id,))
        if condition is StorageCondition.FAILS or not alive_since(host, boot_id):
            raise OSError(f"{host.facts.name} cannot reach pool {pool_id}")


class HarshKiller:
    """mainstay_agent.lease.ports.GuestKiller: by the process table.  What hangs in the kernel for a disk that does not answer is not gone yet."""

    def __init__(self, world: HarshWorld, host: HarshHost) -> None:
        self._world = world
        self._host = host

    async def kill(self, entries: tuple[LedgerEntry, ...]) -> tuple[LedgerEntry, ...]:
        host, boot_id = self._host, self._host.boot_id
        await pause(self._world.pace.kill_seconds)
        await host.kills_work.wait()
        if not alive_since(host, boot_id) or not is_of_the_living():
            return ()
        for entry in entries:
            copy = host.living(entry.vm_id)
            if copy is not None:
                host.end(copy, StopCause.CRASHED, "killed by the lease daemon")
        return entries


class HarshWatchdog:
    """mainstay_agent.lease.ports.Watchdog."""

    def __init__(self, world: HarshWorld, host: HarshHost) -> None:
        self._world = world
        self._host = host

    @property
    def kind(self) -> str:
        return "simulated" if self._host.has_watchdog else "none"

    def pet(self, timeout_seconds: float) -> None:
        if self._host.has_watchdog and is_of_the_living():
            self._world.arm_watchdog(self._host, timeout_seconds)

    def disarm(self) -> None:
        if is_of_the_living():
            self._world.disarm_watchdog(self._host)


class AreaOverSocket:
    """A `LeaseArea` as the agent has it: the daemon is another process, which may be stopped, dead, or a new one.

    What was asked while it was stopped is heard when it goes on, also if nobody waits for the answer any more."""

    def __init__(self) -> None:
        self._process: Process | None = None
        self._area: LocalLeaseArea | None = None
        self._feed = AreaFeed()

    def connect(self, process: Process, area: LocalLeaseArea) -> None:
        self._process, self._area = process, area
        self._feed.tell(AreaBack())

    def disconnect(self) -> None:
        self._process = self._area = None
        self._feed.tell(AreaLost(detail="the connection was closed"))

    def heard(self, event: AreaEvent) -> None:
        self._feed.tell(event)

    async def run(self) -> None:
        await sim_loop().create_future()

    def events(self) -> AsyncIterator[AreaEvent]:
        return self._feed.listen()

    async def _ask(self, question: Callable[[LocalLeaseArea], Awaitable[T]], seconds: float = ANSWER_SECONDS) -> T:
        process, area = self._process, self._area
        if process is None or area is None or not process.alive:
            raise Unavailable("the lease daemon cannot be reached")
        if not process.paused:
            return await question(area)

        async def hear() -> T:
            return await question(area)

        answer = process.spawn(hear())
        done, _ = await asyncio.wait((answer,), timeout=seconds)
        if not done or answer.cancelled():
            raise DeadlineExceeded("the lease daemon did not answer")
        return answer.result()

    async def configure(
        self,
        host_id: str,
        boot_id: str,
        mounts: tuple[PoolMount, ...],
        lease_names: tuple[LeaseName, ...],
        profile: LeaseProfile,
    ) -> None:
        await self._ask(lambda area: area.configure(host_id, boot_id, mounts, lease_names, profile))

    async def authorise(
        self,
        vm_id: str,
        epoch: int,
        pools: frozenset[str],
        *,
        standing: bool = False,
        generations: tuple[tuple[str, int], ...] = (),
    ) -> Granted | Refused:
        return await self._ask(
            lambda area: area.authorise(vm_id, epoch, pools, standing=standing, generations=generations)
        )

    async def stand_on(
        self, vm_id: str, epoch: int, pools: frozenset[str], *, generations: tuple[tuple[str, int], ...] = ()
    ) -> Granted | Refused:
        return await self._ask(lambda area: area.stand_on(vm_id, epoch, pools, generations=generations))

    async def confirm_running(self, vm_id: str, epoch: int) -> None:
        await self._ask(lambda area: area.confirm_running(vm_id, epoch))

    async def confirm_gone(self, vm_id: str, epoch: int) -> None:
        await self._ask(lambda area: area.confirm_gone(vm_id, epoch))

    async def revoke(self, vm_id: str, epoch: int) -> None:
        await self._ask(lambda area: area.revoke(vm_id, epoch))

    async def ledger(self) -> tuple[LedgerEntry, ...]:
        return await self._ask(lambda area: area.ledger())

    async def leases(self) -> tuple[PoolLease, ...]:
        return await self._ask(lambda area: area.leases())

    async def sightings(self, host_id: str | None = None) -> tuple[SlotSighting, ...]:
        return await self._ask(lambda area: area.sightings(host_id))

    async def poison(self, host_id: str, incident_id: str, pool_ids: tuple[str, ...]) -> tuple[str, ...]:
        return await self._ask(lambda area: area.poison(host_id, incident_id, pool_ids))

    async def grant_hold(self, grant: HoldGrant) -> None:
        await self._ask(lambda area: area.grant_hold(grant))

    async def standing_authority(self, vm_id: str) -> bool:
        return await self._ask(lambda area: area.standing_authority(vm_id))

    async def highest_epoch(self, vm_id: str) -> int | None:
        return await self._ask(lambda area: area.highest_epoch(vm_id))

    async def watchdog(self) -> str:
        return await self._ask(lambda area: area.watchdog())
