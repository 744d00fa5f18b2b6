"""What is asked of the planner, and what it answers.

`Demand` says what must hold of a host whatever else is placed; guests of one demand share the work of judging hosts.
An answer names every host that was not chosen, with the reason and the numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from mainstay_controller.domain.ids import AccountId, ClusterId, HostId, PodId, PoolId, VmId, ZoneId


class Purpose(StrEnum):
    """Why a place is needed: rules differ (thresholds bind new guests, dedicated HA hosts take HA's alone)."""

    DEPLOY = "deploy"
    START = "start"
    HA = "ha"
    MIGRATE = "migrate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What must hold of the host, whatever else is placed.

    `pool_ids`: all of them must be reachable, where its disks are.  `any_pool_of`: one of them must be, where a disk could be made (None: no
    disk is to be made).  `abilities`: what its agent must be able to do.  `avoid`: hosts already tried, with what they said.
    `may_use_disabled`: the root administrator named the place himself."""

    zone_id: ZoneId
    hypervisor: str
    purpose: Purpose = Purpose.DEPLOY
    cpus: int = 1
    cpu_mhz: int = 0
    pod_id: PodId | None = None
    cluster_id: ClusterId | None = None
    host_id: HostId | None = None
    may_use_disabled: bool = False
    tags: frozenset[str] = frozenset()
    abilities: frozenset[str] = frozenset()
    pool_ids: frozenset[PoolId] = frozenset()
    any_pool_of: frozenset[PoolId] | None = None
    avoid: frozenset[tuple[HostId, str]] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One guest that needs a host.  `apart`, `together`: affinity groups, strictly kept."""

    vm_id: VmId
    name: str
    demand: Demand
    memory_mib: int
    priority: int = 0
    preferred_host_id: HostId | None = None
    account_id: AccountId | None = None
    apart: frozenset[str] = frozenset()
    together: frozenset[str] = frozenset()
    group_ids: frozenset[str] = frozenset()

    @property
    def cpu_mhz(self) -> int:
        return self.demand.cpus * self.demand.cpu_mhz


class Code(StrEnum):
    """Why a host was rejected."""

    HOST_NOT_UP = "host-not-up"
    HYPERVISOR_SILENT = "hypervisor-silent"
    HOST_NOT_ENABLED = "host-not-enabled"
    PLACE_DISABLED = "place-disabled"
    OTHER_ZONE = "other-zone"
    OTHER_POD = "other-pod"
    OTHER_CLUSTER = "other-cluster"
    OTHER_HOST = "other-host"
    OTHER_HYPERVISOR = "other-hypervisor"
    ALREADY_TRIED = "already-tried"
    TAGS_MISSING = "tags-missing"
    LACKS_ABILITY = "lacks-ability"
    KEPT_FOR_HA = "kept-for-ha"
    NOT_FOR_HA = "not-for-ha"
    POOL_UNREACHABLE = "pool-unreachable"
    NO_LEASE = "no-lease"
    TOO_FEW_CORES = "too-few-cores"
    CORES_TOO_SLOW = "cores-too-slow"
    CPU_FULL = "cpu-full"
    MEMORY_FULL = "memory-full"
    GUESTS_MAX = "guests-max"
    GUESTS_AT_ONCE_MAX = "guests-at-once-max"
    APART_FROM = "apart-from"
    TOGETHER_WITH = "together-with"
    CLUSTER_CPU_THRESHOLD = "cluster-cpu-threshold"
    CLUSTER_MEMORY_THRESHOLD = "cluster-memory-threshold"


@dataclass(frozen=True, slots=True)
class Reason:
    code: Code
    need: int | str
    have: int | str

    def __str__(self) -> str:
        return f"{self.code}: need {self.need}, have {self.have}"


@dataclass(frozen=True, slots=True)
class Rejected:
    host_id: HostId
    host_name: str
    by: tuple[Reason, ...]

    def __str__(self) -> str:
        return f"{self.host_name} ({'; '.join(str(reason) for reason in self.by)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternatives:
    """Hosts not chosen.  `unfit` do not meet the demand; `full` would, but have no room for this guest beside the others."""

    unfit: tuple[Rejected, ...] = ()
    full: tuple[Rejected, ...] = ()

    def __iter__(self) -> Iterator[Rejected]:
        yield from self.full
        yield from self.unfit

    def __len__(self) -> int:
        return len(self.full) + len(self.unfit)

    def __str__(self) -> str:
        return ", ".join(str(rejected) for rejected in self) or "there is no host at all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """`alternatives.full` are hosts that ranked better and had no room, the best of them."""

    host_id: HostId
    alternatives: Alternatives = field(default_factory=Alternatives)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoRoom:
    """Every host of the snapshot is in `alternatives`."""

    alternatives: Alternatives


Placement = Placed | NoRoom
