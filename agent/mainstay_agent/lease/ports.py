"""What a lease needs of the world: the slots of pools, a watchdog, the power to kill, and a memory.

`mainstay_agent.leased` has the real ones; the simulated driver and the tests bring theirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from mainstay_agent.lease.area import LeaseName, LedgerEntry
from mainstay_agent.lease.keeper import Keeper
from mainstay_agent.lease.slots import OwnerSector, PoisonSector, Slot
from mainstay_proto.messages import PoolMount


class SlotStore(Protocol):
    """The lease files.  A write returns when storage acknowledged it; OSError: it was refused, or may yet land late.

    A hung pool holds only its own callers.  Per pool, what was asked first is done first."""

    def use(self, mounts: tuple[PoolMount, ...]) -> None: ...

    async def read(self, pool_id: str, numbers: frozenset[int]) -> Mapping[int, Slot]:
        """From storage itself, never from a cache of this host."""

    async def write_owner(self, pool_id: str, number: int, sector: OwnerSector) -> None: ...

    async def write_poison(self, pool_id: str, number: int, sector: PoisonSector) -> None: ...


class GuestKiller(Protocol):
    async def kill(self, entries: tuple[LedgerEntry, ...]) -> tuple[LedgerEntry, ...]:
        """Shoot them all; return those of which nothing is left: no process, and no thread in uninterruptible sleep."""


class Watchdog(Protocol):
    """Neither call waits.  OSError: it is gone."""

    @property
    def kind(self) -> str:
        """`none` if there is nothing that would reset this host."""

    def pet(self, timeout_seconds: float) -> None:
        """Arms it the first time.  Opening, arming and petting all start its time afresh, so none of them is done unasked."""

    def disarm(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    keeper: Keeper
    mounts: tuple[PoolMount, ...]
    lease_names: tuple[LeaseName, ...]


class Memory(Protocol):
    """Survives this process, and must not survive the host.  On a tmpfs: neither call waits."""

    def load(self) -> Remembered | None: ...

    def save(self, remembered: Remembered) -> None:
        """All or nothing; OSError: nothing."""
