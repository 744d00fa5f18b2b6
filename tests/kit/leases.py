"""A pool, a watchdog and a process table in memory, for lease areas on virtual time; and builders for the pure values."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mainstay_agent.lease import bounds
from mainstay_agent.lease.area import EntryState, LedgerEntry
from mainstay_agent.lease.local import AreaPorts, AreaSettings, LocalLeaseArea
from mainstay_agent.lease.ports import Remembered
from mainstay_agent.lease.slots import BLANK, OwnerSector, PoisonSector, Slot
from mainstay_proto.messages import PoolMount
from tests.kit.virtual_time import VirtualClock

POOL = "pool-1"


class SharedPools:
    """The lease files themselves: what every host sees whose way to them is open."""

    def __init__(self) -> None:
        self.slots: dict[tuple[str, int], Slot] = {}

    def slot(self, number: int, pool_id: str = POOL) -> Slot:
        return self.slots.get((pool_id, number), BLANK)


class HostSlots:
    """One host's way to the pools: open, hung, or refused.  What hangs is done when the way opens again."""

    def __init__(self, shared: SharedPools) -> None:
        self._shared = shared
        self._open: dict[str, asyncio.Event] = {}
        self.refused: set[str] = set()

    def use(self, mounts: tuple[PoolMount, ...]) -> None:
        for mount in mounts:
            self._way(mount.pool_id)

    def hang(self, pool_id: str = POOL) -> None:
        self._way(pool_id).clear()

    def heal(self, pool_id: str = POOL) -> None:
        self._way(pool_id).set()
        self.refused.discard(pool_id)

    async def read(self, pool_id: str, numbers: frozenset[int]) -> Mapping[int, Slot]:
        await self._pass(pool_id)
        return {number: self._shared.slot(number, pool_id) for number in numbers}

    async def write_owner(self, pool_id: str, number: int, sector: OwnerSector) -> None:
        await self._pass(pool_id)
        self._shared.slots[pool_id, number] = replace(self._shared.slot(number, pool_id), owner=sector)

    async def write_poison(self, pool_id: str, number: int, sector: PoisonSector) -> None:
        await self._pass(pool_id)
        self._shared.slots[pool_id, number] = replace(self._shared.slot(number, pool_id), poison=sector)

    async def _pass(self, pool_id: str) -> None:
        await self._way(pool_id).wait()
        if pool_id in self.refused:
            raise OSError(5, "input/output error")

    def _way(self, pool_id: str) -> asyncio.Event:
        if pool_id not in self._open:
            self._open[pool_id] = asyncio.Event()
            self._open[pool_id].set()
        return self._open[pool_id]


class Processes:
    """Shot guests are gone, but for those that hang in the kernel."""

    def __init__(self) -> None:
        self.shot: list[LedgerEntry] = []
        self.stuck: set[str] = set()

    async def kill(self, entries: tuple[LedgerEntry, ...]) -> tuple[LedgerEntry, ...]:
        self.shot += [entry for entry in entries if entry not in self.shot]
        return tuple(entry for entry in entries if entry.vm_id not in self.stuck)


class Card:
    """A watchdog card: says when it would fire."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.fires_at: float | None = None
        self.kind = "card"

    def pet(self, timeout_seconds: float) -> None:
        self.fires_at = self._clock.monotonic() + timeout_seconds

    def disarm(self) -> None:
        self.fires_at = None


class Tmpfs:
    def __init__(self) -> None:
        self.remembered: Remembered | None = None

    def load(self) -> Remembered | None:
        return self.remembered

    def save(self, remembered: Remembered) -> None:
        self.remembered = remembered


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseHost:
    """One host of a story."""

    host_id: str
    slots: HostSlots
    processes: Processes = field(default_factory=Processes)
    card: Card
    tmpfs: Tmpfs = field(default_factory=Tmpfs)

    def area(self) -> LocalLeaseArea:
        """A new process of the lease daemon, on the same tmpfs."""
        ports = AreaPorts(slots=self.slots, killer=self.processes, watchdog=self.card, memory=self.tmpfs)
        return LocalLeaseArea(ports, VirtualClock(), AreaSettings(idle_seconds=1.0))


def a_lease_host(host_id: str, shared: SharedPools) -> LeaseHost:
    return LeaseHost(host_id=host_id, slots=HostSlots(shared), card=Card(VirtualClock()))


async def configured(host: LeaseHost, slot: int, boot_id: str = "") -> LocalLeaseArea:
    """One of two hosts on the pool; host h<n> owns slot n."""
    area = host.area()
    names = tuple((POOL, number, f"h{number}") for number in range(2))
    boot_id = boot_id or f"boot-of-{host.host_id}"
    await area.configure(host.host_id, boot_id, (a_mount(slot=slot),), names, bounds.FAST)
    return area


def a_mount(pool_id: str = POOL, slot: int | None = 0, path: object = "/pools/x") -> PoolMount:
    return PoolMount(pool_id=pool_id, path=str(path), slot=slot)


def an_owner(sequence: int = 1, **changes: object) -> OwnerSector:
    sector = OwnerSector(
        host_id="h1",
        boot_id="boot-of-h1",
        generation=1,
        sequence=sequence,
        dead_after_milliseconds=round(bounds.dead_after(bounds.FAST) * 1000),
    )
    return replace(sector, **changes)  # type: ignore[arg-type]


def an_entry(vm_id: str = "vm-1", epoch: int = 1, state: EntryState = EntryState.RUNNING) -> LedgerEntry:
    return LedgerEntry(vm_id=vm_id, epoch=epoch, pools=(POOL,), state=state)
