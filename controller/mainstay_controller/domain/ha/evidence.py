"""What hosts and their neighbours tell, in the words of the decisions.

Times in these values are ages measured by whoever saw the thing; no two machines' clocks are ever compared."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mainstay_controller.domain.ids import HostId, PoolId, VmId


class Power(StrEnum):
    """A guest's power state as its hypervisor tells it.  STARTING counts as running wherever safety is judged."""

    RUNNING = "running"
    STARTING = "starting"
    PAUSED = "paused"
    STOPPING = "stopping"
    STOPPED = "stopped"
    CRASHED = "crashed"
    MIGRATING = "migrating"
    UNKNOWN = "unknown"


GONE = frozenset({Power.STOPPED, Power.CRASHED})


class StopCause(StrEnum):
    CRASHED = "crashed"
    GUEST_SHUTDOWN = "guest-shutdown"
    ORDERED = "ordered"
    OUTSIDER = "outsider"
    FENCED = "fenced"
    MIGRATED = "migrated"
    VANISHED = "vanished"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestSeen:
    """One guest as its host sees it."""

    vm_id: VmId
    power: Power
    epoch: int
    cause: StopCause | None = None
    detail: str = ""

    @property
    def is_gone(self) -> bool:
        return self.power in GONE


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotSeen:
    """What one observer saw of a host's lease slot on one pool.

    `dead`: the observer's own verdict, by its own clock (unchanged for T_dead while it renewed its own slot).  `released`: the owner's written
    word that under this generation no guest of its runs any more.  `witness_sound`: the observer's view of the pool is fresh."""

    observer_id: HostId
    host_id: HostId
    pool_id: PoolId
    boot_id: str
    generation: int
    sequence: int
    unchanged_seconds: float
    dead: bool
    released: bool = False
    witness_sound: bool = True
