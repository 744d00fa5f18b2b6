"""The lease area of a simulated host: the rules that ship, on simulated slots, watchdog and process table.

The lease daemon of a host dies with its power, and what it remembered is gone after the next boot; the slots of a pool outlive all hosts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mainstay_agent.drivers.simulated.host import SimulatedHost, StorageCondition
from mainstay_agent.drivers.simulated.world import SimulatedWorld, alive_since
from mainstay_agent.lease.area import LedgerEntry
from mainstay_agent.lease.local import AreaPorts
from mainstay_agent.lease.ports import Remembered
from mainstay_agent.lease.slots import BLANK, OwnerSector, PoisonSector, Slot
from mainstay_proto.messages import PoolMount, StopCause

SLOT_IO_SECONDS = 0.002


def lease_ports(world: SimulatedWorld, host: SimulatedHost, memory: BootMemory) -> AreaPorts:
    """For a LocalLeaseArea; `memory` outlives it and dies with the boot."""
    return AreaPorts(
        slots=SimulatedSlots(world, host),
        killer=SimulatedKiller(world, host),
        watchdog=SimulatedWatchdog(world, host),
        memory=memory,
    )


class BootMemory:
    """A tmpfs: kept through restarts of the daemon, gone with the boot."""

    def __init__(self, host: SimulatedHost) -> None:
        self._host = host
        self._boot_id = ""
        self._kept: Remembered | None = None

    def load(self) -> Remembered | None:
        return self._kept if self._boot_id == self._host.boot_id else None

    def save(self, remembered: Remembered) -> None:
        self._boot_id, self._kept = self._host.boot_id, remembered


class SimulatedSlots:
    """One host's way to the lease files that all share."""

    def __init__(self, world: SimulatedWorld, host: SimulatedHost) -> None:
        self._world = world
        self._host = host

    def use(self, mounts: tuple[PoolMount, ...]) -> None: ...

    async def read(self, pool_id: str, numbers: frozenset[int]) -> Mapping[int, Slot]:
        await self._reach(pool_id)
        return {number: self._world.slots.get((pool_id, number), BLANK) for number in numbers}

    async def write_owner(self, pool_id: str, number: int, sector: OwnerSector) -> None:
        await self._reach(pool_id)
        slot = self._world.slots.get((pool_id, number), BLANK)
        self._world.slots[pool_id, number] = replace(slot, owner=sector)

    async def write_poison(self, pool_id: str, number: int, sector: PoisonSector) -> None:
        await self._reach(pool_id)
        slot = self._world.slots.get((pool_id, number), BLANK)
        self._world.slots[pool_id, number] = replace(slot, poison=sector)

    async def _reach(self, pool_id: str) -> None:
        boot_id = self._host.boot_id
        await self._world.clock.sleep(SLOT_IO_SECONDS + self._host.storage_delay_seconds)
        condition = await self._host.until_storage_answers([pool_id])
        if condition is StorageCondition.FAILS or not alive_since(self._host, boot_id):
            raise OSError(f"{self._host.facts.name} cannot reach pool {pool_id}")


class SimulatedKiller:
    """By the process table, without the hypervisor's daemon."""

    def __init__(self, world: SimulatedWorld, host: SimulatedHost) -> None:
        self._world = world
        self._host = host

    async def kill(self, entries: tuple[LedgerEntry, ...]) -> tuple[LedgerEntry, ...]:
        await self._world.clock.sleep(self._world.pace.kill_seconds)
        for entry in entries:
            copy = self._host.living(entry.vm_id)
            if copy is not None:
                self._host.end(copy, StopCause.CRASHED, "killed by the lease daemon")
        return entries


class SimulatedWatchdog:
    """Resets the machine when it is not petted in time, whatever the agent does."""

    kind = "simulated"

    def __init__(self, world: SimulatedWorld, host: SimulatedHost) -> None:
        self._world = world
        self._host = host

    def pet(self, timeout_seconds: float) -> None:
        self._world.arm_watchdog(self._host, timeout_seconds)

    def disarm(self) -> None:
        self._world.disarm_watchdog(self._host)
