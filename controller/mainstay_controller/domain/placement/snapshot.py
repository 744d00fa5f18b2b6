"""What the planner knows: hosts with their room, clusters with their thresholds, and the rules of the day.

Built from rows by `take_snapshot`; the planner never changes a snapshot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mainstay_controller.domain.capacity import usage
from mainstay_controller.domain.capacity.usage import Usage
from mainstay_controller.domain.ids import AccountId, ClusterId, HostId, PodId, PoolId, ZoneId
from mainstay_controller.domain.records import Cluster, Host, Pod, StoragePool, Vm, Zone
from mainstay_controller.domain.states import AllocationState, HostState, PoolState, ResourceState


class Algorithm(StrEnum):
    """vm.allocation.algorithm, in CloudStack's words."""

    RANDOM = "random"
    FIRST_FIT = "firstfit"
    LEAST_CONSUMED = "firstfitleastconsumed"
    USER_DISPERSING = "userdispersing"
    CONCENTRATED_RANDOM = "userconcentratedpod_random"
    CONCENTRATED_FIRST_FIT = "userconcentratedpod_firstfit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Settings that bear on every request.

    `guests_at_once_max`: of one plan, no host takes more, so that a mass recovery does not drown it."""

    algorithm: Algorithm = Algorithm.LEAST_CONSUMED
    ha_tag: str = ""
    thresholds_bind_existing: bool = True
    guests_at_once_max: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRoom:
    """A cluster as the planner sees it.  Thresholds are shares of what the cluster offers, over-provisioning included; None: no reserve is kept."""

    id: ClusterId
    name: str
    cpu_threshold: float | None = None
    memory_threshold: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRoom:
    """A host as the planner sees it.  `total` has over-provisioning in it; `disabled` names the places around it that are Disabled.

    `pool_ids`: what it reaches by its place; `lapsed_pool_ids`: where it says that its lease is not valid now, so that it would refuse a guest."""

    id: HostId
    name: str
    zone_id: ZoneId
    pod_id: PodId
    cluster_id: ClusterId
    hypervisor: str
    total: Usage
    used: Usage = usage.NOTHING
    core_mhz: int
    state: HostState = HostState.UP
    hypervisor_answers: bool = True
    resource_state: ResourceState = ResourceState.ENABLED
    disabled: tuple[str, ...] = ()
    guests_max: int | None = None
    tags: frozenset[str] = frozenset()
    abilities: frozenset[str] = frozenset()
    pool_ids: frozenset[PoolId] = frozenset()
    lapsed_pool_ids: frozenset[PoolId] = frozenset()
    group_ids: frozenset[str] = frozenset()
    guests_of_account: Mapping[AccountId, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    hosts: tuple[HostRoom, ...]
    clusters: Mapping[ClusterId, ClusterRoom]
    rules: Rules = field(default_factory=Rules)


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The rows of one zone, or of several, that a snapshot is taken from."""

    zones: Iterable[Zone]
    pods: Iterable[Pod]
    clusters: Iterable[Cluster]
    hosts: Iterable[Host]
    pools: Iterable[StoragePool]


def take_snapshot(
    places: Places, vms: Iterable[Vm], rules: Rules, cluster_rooms: Mapping[ClusterId, ClusterRoom] | None = None
) -> Snapshot:
    """`vms`: all that are charged to one of the hosts; `cluster_rooms`: where thresholds apply."""
    vms, hosts, pools = tuple(vms), tuple(places.hosts), tuple(places.pools)
    clusters = {cluster.id: cluster for cluster in places.clusters}
    used = usage.usage_by_host(vms, hosts, clusters)
    guests = _guests_by_host(vms)
    disabled = _disabled_places(places.zones, places.pods, clusters.values())
    return Snapshot(
        hosts=tuple(
            HostRoom(
                id=host.id,
                name=host.name,
                zone_id=host.zone_id,
                pod_id=host.pod_id,
                cluster_id=host.cluster_id,
                hypervisor=host.hypervisor,
                total=usage.total(host, clusters[host.cluster_id]),
                used=used[host.id],
                core_mhz=host.cpu_mhz,
                state=host.state,
                resource_state=host.resource_state,
                disabled=tuple(
                    disabled[place] for place in (host.zone_id, host.pod_id, host.cluster_id) if place in disabled
                ),
                tags=frozenset(host.tags),
                abilities=frozenset(host.capabilities),
                pool_ids=frozenset(pool.id for pool in pools if reaches(host, pool)),
                group_ids=frozenset(group for vm in guests.get(host.id, ()) for group in vm.affinity_group_ids),
                guests_of_account=Counter(vm.account_id for vm in guests.get(host.id, ())),
            )
            for host in hosts
        ),
        clusters={
            cluster.id: (cluster_rooms or {}).get(cluster.id, ClusterRoom(id=cluster.id, name=cluster.name))
            for cluster in clusters.values()
        },
        rules=rules,
    )


def reaches(host: Host, pool: StoragePool) -> bool:
    """By its scope: a local pool from its host, a cluster's pool from the cluster, a zone's pool from the zone."""
    if pool.state is not PoolState.UP or pool.removed is not None or pool.zone_id != host.zone_id:
        return False
    if pool.scope == "HOST":
        return pool.host_id == host.id
    if pool.scope == "CLUSTER":
        return pool.cluster_id == host.cluster_id
    return pool.hypervisor in (None, host.hypervisor)


def _guests_by_host(vms: Iterable[Vm]) -> dict[HostId, list[Vm]]:
    guests: dict[HostId, list[Vm]] = {}
    for vm in vms:
        for host_id in usage.hosts_charged(vm):
            guests.setdefault(host_id, []).append(vm)
    return guests


def _disabled_places(zones: Iterable[Zone], pods: Iterable[Pod], clusters: Iterable[Cluster]) -> dict[str, str]:
    named: list[tuple[str, Zone | Pod | Cluster]] = [
        *(("zone", zone) for zone in zones),
        *(("pod", pod) for pod in pods),
        *(("cluster", cluster) for cluster in clusters),
    ]
    return {
        place.id: f"{kind} {place.name}" for kind, place in named if place.allocation_state is AllocationState.DISABLED
    }
