"""The simulated machines that ship, in a world that is harder on them: watchdogs with clocks of their own, stalls, and writes that land late.

The promise: what a machine had on its way to a disk when it died lands within delta, or, if the whole pool stood still, when that moves again; and
such a write of an epoch that is over counts as a second writer."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterator
from random import Random
from typing import Any

from mainstay_agent.driver import DriverEvent
from mainstay_agent.drivers.simulated.bmc import SimulatedBmc
from mainstay_agent.drivers.simulated.copies import Copy
from mainstay_agent.drivers.simulated.host import SimulatedHost, StorageCondition
from mainstay_agent.drivers.simulated.world import Pace, SimulatedWorld
from mainstay_proto.messages import DiskSpec, HostFacts, StopCause
from mainstay_runtime.clock import Clock
from mainstay_runtime.tasks import Nursery
from tests.kit.simulation.loop import nobodys, sim_loop
from tests.kit.virtual_time import SeededRng

LATE_IO_SECONDS = 2.0  # delta of every lease profile


class NobodysNursery(Nursery):
    """What a hypervisor's daemon or a watchdog card does goes on when whoever asked for it is stopped."""

    def adopt(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        return nobodys(super().adopt, work, name)


class HarshWorld(SimulatedWorld):
    """`tell(who, what)` is the story being written; `on_power` hears of machines that die and boot."""

    def __init__(self, clock: Clock, rng: SeededRng, chance: Random, pace: Pace) -> None:
        super().__init__(clock, rng, pace)
        self._tasks = NobodysNursery(self._task_broke)
        self.chance = chance
        self.tell: Callable[[str, str], None] = lambda _who, _what: None
        self.on_power: Callable[[HarshHost], None] = lambda _host: None
        self.on_copy: Callable[[HarshHost, Copy], None] = lambda _host, _copy: None
        self.on_end: Callable[[HarshHost, Copy, StopCause, str], None] = lambda *_: None
        self.on_violation: Callable[[str], None] = lambda _what: None
        self.on_removal: Callable[[str], None] = lambda _what: None
        self.still_pools: set[str] = set()
        self._held_by_pool: dict[str, list[Callable[[], None]]] = defaultdict(list)
        self._watchdog_fires_at: dict[str, float] = {}

    def add_host(self, facts: HostFacts) -> HarshHost:
        host = HarshHost(facts, self, self._look_at_writers)
        self.hosts[facts.host_id] = host
        self.bmcs[facts.host_id] = SimulatedBmc(host, self.clock)
        return host

    # --- watchdog cards ---

    def arm_watchdog(self, host: SimulatedHost, timeout_seconds: float) -> None:
        assert isinstance(host, HarshHost)
        is_new = host.boot_id not in self._watchdog_fires_at
        seconds = timeout_seconds / host.watchdog_rate
        self._watchdog_fires_at[host.boot_id] = sim_loop().time() + seconds
        if is_new:
            sim_loop().of_nobody_later(seconds, self._look_at_watchdog, host, host.boot_id)

    def disarm_watchdog(self, host: SimulatedHost) -> None:
        self._watchdog_fires_at.pop(host.boot_id, None)

    def _look_at_watchdog(self, host: HarshHost, boot_id: str) -> None:
        fires_at = self._watchdog_fires_at.get(boot_id)
        if fires_at is None or host.boot_id != boot_id or not host.powered.is_set():
            self._watchdog_fires_at.pop(boot_id, None)
        elif (left := fires_at - sim_loop().time()) > 0:
            sim_loop().of_nobody_later(left, self._look_at_watchdog, host, boot_id)
        else:
            self.tell(host.host_id, "is reset by its watchdog")
            host.reset()

    # --- whole pools ---

    def still(self, pool_id: str) -> None:
        """The pool itself stands still, for everybody."""
        self.still_pools.add(pool_id)
        self._look_at_storage(pool_id)

    def move(self, pool_id: str) -> None:
        self.still_pools.discard(pool_id)
        held = self._held_by_pool.pop(pool_id, [])
        for landing in held:
            sim_loop().of_nobody_later(self.chance.uniform(0, 0.01), landing)
        self._look_at_storage(pool_id)

    def _look_at_storage(self, pool_id: str) -> None:
        for host in self.hosts.values():
            assert isinstance(host, HarshHost)
            host.set_storage(host.own_way_to(pool_id), pool_id)

    def _look_at_writers(self, vm_id: str) -> None:
        super()._look_at_writers(vm_id)
        for host in self.hosts.values():
            copy = host.living(vm_id)
            if copy is not None and copy.executes and len(copy.spec.disks) > 1:
                for disk, other in self._shared(copy):
                    self._violated(vm_id, f"disk {disk} is {other}'s too")

    def _shared(self, copy: Copy) -> Iterator[tuple[str, str]]:
        """Its disks that another guest writes to: one whose storage hangs does when it answers again."""
        for other in self.living():
            if other.executes and other.spec.vm_id != copy.spec.vm_id:
                shared = (disk.volume_id for disk in copy.spec.disks if other.spec.has_disk(disk.volume_id))
                yield from ((volume_id, other.spec.vm_id) for volume_id in shared)

    def living(self) -> Iterator[Copy]:
        for host in self.hosts.values():
            yield from (copy for copy in host.copies.values() if copy.is_there)

    def remove_file(self, disk: DiskSpec) -> None:
        super().remove_file(disk)
        for copy in self.living():
            if (disk.pool_id, disk.path) in {(own.pool_id, own.path) for own in copy.spec.disks}:
                self.on_removal(f"{disk.path} is removed while {copy.spec.vm_id} has it")

    def _violated(self, vm_id: str, what: str) -> None:
        self.on_violation(f"{vm_id}: {what}")

    # --- what lands late ---

    def land_late(self, pool_ids: frozenset[str], landing: Callable[[], None]) -> None:
        if not self._held(pool_ids, landing):
            sim_loop().of_nobody_later(self.chance.uniform(0, LATE_IO_SECONDS), self._land, pool_ids, landing)

    def _land(self, pool_ids: frozenset[str], landing: Callable[[], None]) -> None:
        """Unless the pool has come to stand still while it was on its way."""
        if not self._held(pool_ids, landing):
            landing()

    def _held(self, pool_ids: frozenset[str], landing: Callable[[], None]) -> bool:
        still = sorted(pool_ids & self.still_pools)
        if still:
            self._held_by_pool[still[0]].append(landing)
        return bool(still)

    def late_write_of(self, host: HarshHost, copy: Copy) -> Callable[[], None]:
        vm_id, epoch = copy.spec.vm_id, copy.spec.epoch

        def lands() -> None:
            if epoch < self._newest_writer.get(vm_id, 0):
                newer = self._newest_writer[vm_id]
                self._violated(
                    vm_id, f"a write of epoch {epoch} from dead {host.host_id} lands after epoch {newer} wrote"
                )
            for disk, other in self._shared(copy):
                self._violated(vm_id, f"a write to disk {disk} from dead {host.host_id} lands: it is {other}'s by now")

        return lands


class HarshHost(SimulatedHost):
    world: HarshWorld

    def __init__(self, facts: HostFacts, world: HarshWorld, on_change: Callable[[str], None]) -> None:
        super().__init__(facts, world.rng, on_change)
        self.world = world
        self.watchdog_rate = 1.0
        self.has_watchdog = True
        self.is_stalled = False
        self.events_lost = 0.0
        self.events_doubled = 0.0
        self.kills_work = asyncio.Event()
        self.kills_work.set()

    def own_way_to(self, pool_id: str) -> StorageCondition:
        return super().storage(pool_id)

    def storage(self, pool_id: str) -> StorageCondition:
        """Its own way may be whole, and the pool itself stand still."""
        own = self.own_way_to(pool_id)
        return StorageCondition.HANGS if own is StorageCondition.OK and pool_id in self.world.still_pools else own

    def power_off(self) -> None:
        if self.powered.is_set():
            self.world.tell(self.host_id, "loses power")
            super().power_off()
            self.is_stalled = False
            self.kills_work.set()
            self.world.on_power(self)

    def power_on(self) -> None:
        if not self.powered.is_set():
            super().power_on()
            self.world.tell(self.host_id, f"boots ({self.boot_id})")
            self.world.on_power(self)

    def stall(self) -> None:
        """The machine stands still, guests and all; its watchdog card does not."""
        self.is_stalled = True
        self._look_at_all()

    def go_on(self) -> None:
        self.is_stalled = False
        self._look_at_all()

    def _look_at_all(self) -> None:
        for copy in self._living():
            self._on_change(copy.spec.vm_id)

    def can_write(self, vm_id: str) -> bool:
        return not self.is_stalled and super().can_write(vm_id)

    def _end(self, copy: Copy, cause: StopCause, detail: str) -> None:
        was_writing = copy.executes and not self.is_stalled
        disturbed = self._worst_storage(copy.spec.pool_ids) is not StorageCondition.OK
        if was_writing and (cause is StopCause.VANISHED or disturbed):
            self.world.land_late(copy.spec.pool_ids, self.world.late_write_of(self, copy))
        self.world.on_end(self, copy, cause, detail)
        super()._end(copy, cause, detail)

    def changed(self, copy: Copy) -> None:
        self.world.on_copy(self, copy)
        super().changed(copy)

    def _tell(self, event: DriverEvent) -> None:
        chance = self.world.chance
        if self.events_lost and chance.random() < self.events_lost:
            return
        super()._tell(event)
        if self.events_doubled and chance.random() < self.events_doubled:
            super()._tell(event)
