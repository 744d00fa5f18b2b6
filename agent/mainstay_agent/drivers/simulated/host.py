"""One simulated machine: its power, its cable, its sight of every pool, its hypervisor daemon, and the copies of guests on it.

The promise: what a dead machine had is gone without a word, as with a real one; what a hung daemon was asked still happens
when it wakes, unless the machine died meanwhile.  Nothing here waits by itself: only daemon calls take time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from enum import StrEnum

from mainstay_agent.driver import DriverEvent, GuestChanged, GuestPausedOnIoError, HypervisorBack, HypervisorLost
from mainstay_agent.drivers.simulated.copies import Copy, Turn
from mainstay_proto.messages import GuestSpec, GuestState, HostFacts, StopCause
from mainstay_runtime.clock import Rng


class StorageCondition(StrEnum):
    OK = "ok"
    HANGS = "hangs"  # I/O waits, nobody is told
    FAILS = "fails"  # I/O errors: guests are paused


class SimulatedHost:
    """`on_change(vm_id)` is called after every change that can make or unmake a writer."""

    def __init__(self, facts: HostFacts, rng: Rng, on_change: Callable[[str], None]) -> None:
        self.facts = facts
        self.copies: dict[str, Copy] = {}
        self.listeners: set[Callable[[DriverEvent], None]] = set()
        self.networked = asyncio.Event()
        self.starts_to_fail = 0
        self.storage_delay_seconds = 0.0  # a slow path to storage, for leases as well
        self.powered = asyncio.Event()
        self.unpowered = asyncio.Event()
        self.daemon_answers = asyncio.Event()
        self._rng = rng
        self._on_change = on_change
        self._storage: dict[str, StorageCondition] = {}
        self._storage_changed = asyncio.Event()
        self.powered.set()
        self.networked.set()
        self.daemon_answers.set()

    @property
    def host_id(self) -> str:
        return self.facts.host_id

    @property
    def boot_id(self) -> str:
        return self.facts.boot_id

    # --- power ---

    def power_off(self) -> None:
        """As by a pulled plug: no event, no goodbye; the disks keep what was defined."""
        if not self.powered.is_set():
            return
        self.powered.clear()
        self.unpowered.set()
        for copy in self._living():
            self._end(copy, StopCause.VANISHED, "host lost power")

    def power_on(self) -> None:
        if self.powered.is_set():
            return
        self.facts = replace(self.facts, boot_id=self._rng.uuid())
        self.unpowered.clear()
        self.daemon_answers.set()
        self.powered.set()

    def reset(self) -> None:
        self.power_off()
        self.power_on()

    # --- the cable, and all of it ---

    @property
    def network_up(self) -> bool:
        return self.networked.is_set()

    def cut_network(self) -> None:
        self.networked.clear()

    def heal_network(self) -> None:
        self.networked.set()

    async def until_boot_ends(self, boot_id: str) -> None:
        """Its power goes, or it was reset."""
        if self.powered.is_set() and self.boot_id == boot_id:
            await self.unpowered.wait()

    async def until_reachable(self) -> None:
        while not (self.powered.is_set() and self.network_up):
            await self.powered.wait()
            await self.networked.wait()

    def heal(self) -> None:
        self.starts_to_fail = 0
        self.storage_delay_seconds = 0.0
        self.heal_network()
        self.set_storage(StorageCondition.OK)
        if not self.daemon_answers.is_set():
            self.wake_daemon()
        self.power_on()

    # --- the hypervisor daemon ---

    def hang_daemon(self) -> None:
        self._tell(HypervisorLost(host_id=self.host_id))
        self.daemon_answers.clear()

    def wake_daemon(self) -> None:
        self.daemon_answers.set()
        self._tell(HypervisorBack(host_id=self.host_id))

    # --- storage ---

    def storage(self, pool_id: str) -> StorageCondition:
        return self._storage.get(pool_id, self._storage.get("", StorageCondition.OK))

    def storage_faults(self) -> dict[str, StorageCondition]:
        """By pool; "" is every pool not named."""
        return {pool_id: how for pool_id, how in self._storage.items() if how is not StorageCondition.OK}

    def set_storage(self, condition: StorageCondition, pool_id: str | None = None) -> None:
        """Of one pool, or of all."""
        if pool_id is None:
            self._storage = {"": condition}
        else:
            self._storage[pool_id] = condition
        self._storage_changed.set()
        self._storage_changed = asyncio.Event()
        for copy in self._living():
            if self._worst_storage(copy.spec.pool_ids) is StorageCondition.FAILS and copy.executes:
                self._pause_on_io_error(copy)
            self._on_change(copy.spec.vm_id)

    async def until_storage_answers(self, pool_ids: Iterable[str]) -> StorageCondition:
        pools = tuple(pool_ids)
        while (worst := self._worst_storage(pools)) is StorageCondition.HANGS:
            await self._storage_changed.wait()
        return worst

    def _worst_storage(self, pool_ids: Iterable[str]) -> StorageCondition:
        seen = {self.storage(pool_id) for pool_id in pool_ids}
        for worst in (StorageCondition.FAILS, StorageCondition.HANGS):
            if worst in seen:
                return worst
        return StorageCondition.OK

    def _pause_on_io_error(self, copy: Copy) -> None:
        if self.turn(copy, Turn.IO_FAILED):
            copy.io_failed = True
            self._tell(GuestPausedOnIoError(host_id=self.host_id, vm_id=copy.spec.vm_id, epoch=copy.spec.epoch))

    # --- copies ---

    def copy_of(self, vm_id: str) -> Copy | None:
        return self.copies.get(vm_id)

    def living(self, vm_id: str) -> Copy | None:
        copy = self.copies.get(vm_id)
        return copy if copy is not None and copy.is_there else None

    def can_write(self, vm_id: str) -> bool:
        copy = self.living(vm_id)
        if copy is None or not copy.executes:
            return False
        return self._worst_storage(copy.spec.pool_ids) is StorageCondition.OK

    def add(self, copy: Copy) -> None:
        self.copies[copy.spec.vm_id] = copy
        self.changed(copy)

    def turn(self, copy: Copy, turn: Turn) -> bool:
        if not copy.turn(turn):
            return False
        if turn is Turn.RESUMED:
            copy.io_failed = False
        self.changed(copy)
        return True

    def end(self, copy: Copy, cause: StopCause, detail: str = "") -> None:
        """The copy is gone, and the daemon says why."""
        if copy.is_there:
            self._end(copy, cause, detail)
            self._tell_state(copy)

    def equip(self, copy: Copy, spec: GuestSpec) -> None:
        """It has other disks from now on."""
        copy.spec = spec
        self._on_change(spec.vm_id)

    def changed(self, copy: Copy) -> None:
        self._tell_state(copy)
        self._on_change(copy.spec.vm_id)

    def _end(self, copy: Copy, cause: StopCause, detail: str) -> None:
        copy.turn(Turn.ENDED)
        copy.cause, copy.detail = cause, detail
        copy.hangs = copy.incoming = copy.io_failed = False
        self._on_change(copy.spec.vm_id)

    def _living(self) -> list[Copy]:
        return [copy for copy in self.copies.values() if copy.is_there]

    def _tell_state(self, copy: Copy) -> None:
        self._tell(
            GuestChanged(
                host_id=self.host_id,
                vm_id=copy.spec.vm_id,
                epoch=copy.spec.epoch,
                state=copy.state,
                cause=None if copy.state is not GuestState.STOPPED else copy.cause,
                detail=copy.detail,
            )
        )

    def _tell(self, event: DriverEvent) -> None:
        if self.powered.is_set() and self.daemon_answers.is_set():
            for listener in self.listeners:
                listener(event)
