"""Ask the planner: read the rows it needs, put the question in its words, and its refusal in people's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from mainstay_controller.domain.capacity.usage import hosts_charged, total, usage_by_host
from mainstay_controller.domain.ids import ClusterId, HostId, PodId, PoolId, ZoneId
from mainstay_controller.domain.placement.planner import plan
from mainstay_controller.domain.placement.request import Demand, NoRoom, Placed, Placement, Purpose, Request
from mainstay_controller.domain.placement.snapshot import (
    Algorithm,
    ClusterRoom,
    Places,
    Rules,
    Snapshot,
    take_snapshot,
)
from mainstay_controller.domain.records import (
    Cluster,
    DiskOffering,
    Host,
    ServiceOffering,
    StoragePool,
    Vm,
    Volume,
    Zone,
)
from mainstay_controller.domain.tunable import Scope
from mainstay_controller.fleet.config_drive import ABILITY as CONFIG_DRIVE
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InsufficientCapacity
from mainstay_controller.operations.settings import Settings
from mainstay_controller.store.port import LIVE, Store, any_of, eq, ne


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Where the caller wants it.  `by_root`: a place named by the root administrator is used even if it is Disabled."""

    purpose: Purpose = Purpose.START
    pod_id: PodId | None = None
    cluster_id: ClusterId | None = None
    host_id: HostId | None = None
    by_root: bool = False
    consider_last_host: bool = True

    @property
    def names_a_place(self) -> bool:
        return any((self.pod_id, self.cluster_id, self.host_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneView:
    """The rows of one zone that bear on placement, as of one moment."""

    snapshot: Snapshot
    zone: Zone
    hosts: Mapping[HostId, Host]
    clusters: Mapping[ClusterId, Cluster]
    pools: Mapping[PoolId, StoragePool]
    room_bytes: Mapping[PoolId, float]


async def look_at_zone(zone_id: ZoneId, cloud: Cloud) -> ZoneView:
    store = cloud.store
    zone = await store.zones.by_id(zone_id)
    pods = await store.pods.find(eq("zone_id", zone_id), LIVE)
    clusters = await store.clusters.find(eq("zone_id", zone_id), LIVE)
    hosts = await store.hosts.find(eq("zone_id", zone_id), LIVE)
    pools = await store.pools.find(eq("zone_id", zone_id), LIVE)
    places = Places(zones=[zone], pods=pods, clusters=clusters, hosts=hosts, pools=pools)
    vms = await _charged_vms(zone_id, store)
    by_rows = take_snapshot(places, vms, rules_of(cloud.settings), cluster_rooms(clusters, cloud))
    return ZoneView(
        snapshot=as_seen_now(by_rows, cloud),
        zone=zone,
        hosts={host.id: host for host in hosts},
        clusters={cluster.id: cluster for cluster in clusters},
        pools={pool.id: pool for pool in pools},
        room_bytes=await _room_bytes(pools, cloud),
    )


def as_seen_now(by_rows: Snapshot, cloud: Cloud) -> Snapshot:
    """With the last word of the hosts that are ours.

    One whose lease has lapsed would refuse the guest, one whose hypervisor hangs would take it and be silent."""
    fleet = cloud.fleet
    hosts = (
        replace(
            host,
            lapsed_pool_ids=fleet.lapsed_pools(host.id),
            hypervisor_answers=not fleet.hypervisor_is_silent(host.id),
        )
        for host in by_rows.hosts
    )
    return replace(by_rows, hosts=tuple(hosts))


def request_for(
    vm: Vm, volumes: Iterable[Volume], offering: ServiceOffering | None, wish: Wish, zone: ZoneView
) -> Request:
    """A volume that is made already pins the guest to where its pool is reached; one that is not needs some pool with room."""
    volumes = tuple(volumes)
    unmade = [volume for volume in volumes if volume.pool_id is None]
    demand = Demand(
        zone_id=vm.zone_id,
        hypervisor=vm.hypervisor,
        purpose=wish.purpose,
        cpus=vm.cpus,
        cpu_mhz=vm.cpu_mhz,
        pod_id=wish.pod_id,
        cluster_id=wish.cluster_id,
        host_id=wish.host_id,
        may_use_disabled=wish.by_root and wish.names_a_place,
        tags=frozenset(offering.host_tags if offering else ()),
        abilities=abilities_for(vm, wish.purpose, zone),
        pool_ids=frozenset(volume.pool_id for volume in volumes if volume.pool_id is not None),
        any_pool_of=frozenset(pools_for(unmade, offering, zone)) if unmade else None,
    )
    return Request(
        vm_id=vm.id,
        name=vm.name,
        demand=demand,
        memory_mib=vm.memory_mib,
        priority=vm.priority,
        preferred_host_id=vm.last_host_id if wish.consider_last_host else None,
        account_id=vm.account_id,
        group_ids=frozenset(vm.affinity_group_ids),
        apart=frozenset(vm.affinity_group_ids),
    )


def abilities_for(vm: Vm, purpose: Purpose, zone: ZoneView) -> frozenset[str]:
    """A new guest is not started where it would not be told what it must know, and one that runs with a config drive moves to where one can be
    made.  One that has run before runs rather without than not at all: agents of the release before know of no such drive."""
    if not vm.wants_config_drive:
        return frozenset()
    source = zone.hosts.get(vm.host_id) if vm.host_id is not None else None
    has_one = purpose is Purpose.MIGRATE and source is not None and CONFIG_DRIVE in source.capabilities
    return frozenset({CONFIG_DRIVE}) if has_one or purpose is Purpose.DEPLOY else frozenset()


def what_it_lacks(vm: Vm, host: Host) -> str:
    """To be said of a guest that is started there; empty: nothing."""
    if not vm.wants_config_drive or CONFIG_DRIVE in host.capabilities:
        return ""
    return ", without its config drive: the host's agent cannot make one"


def choose(zone: ZoneView, request: Request, cloud: Cloud) -> Placed:
    """Raises InsufficientCapacity, which names every host."""
    placement = plan(zone.snapshot, [request], cloud.rng)[request.vm_id]
    if isinstance(placement, NoRoom):
        raise InsufficientCapacity(no_room(request, placement))
    return placement


def no_room(request: Request, placement: Placement) -> str:
    return f"Unable to create a deployment for VM {request.name}: {placement.alternatives}"


def pools_for(
    volumes: Iterable[Volume], offering: ServiceOffering | DiskOffering | None, zone: ZoneView
) -> list[PoolId]:
    """Pools with the offering's tags and kind that have room for all of them; the roomiest first."""
    tags = frozenset(offering.storage_tags if offering else ())
    wants_local = offering is not None and offering.storage_type == "local"
    need = sum(volume.size_bytes for volume in volumes)
    suitable = [
        pool
        for pool in zone.pools.values()
        if tags <= frozenset(pool.tags) and (pool.scope == "HOST") is wants_local and need <= zone.room_bytes[pool.id]
    ]
    return [pool.id for pool in sorted(suitable, key=lambda pool: (-zone.room_bytes[pool.id], pool.name))]


def pool_reached_by(host: Host, pool_ids: Iterable[PoolId], zone: ZoneView) -> StoragePool | None:
    """The first of them on which it has a lease."""
    room = next(each for each in zone.snapshot.hosts if each.id == host.id)
    reached = room.pool_ids - room.lapsed_pool_ids
    return next((zone.pools[pool_id] for pool_id in pool_ids if pool_id in reached), None)


async def is_overcommitted(host: Host, cluster: Cluster, store: Store) -> bool:
    """By the rows as they are now."""
    here = [
        *await store.vms.find(eq("host_id", host.id)),
        *await store.vms.find(eq("target_host_id", host.id), ne("host_id", host.id)),
        *await store.vms.find(eq("target_host_id", host.id), eq("host_id", None)),
    ]
    used = usage_by_host(here, [host], {cluster.id: cluster})[host.id]
    offered = total(host, cluster)
    return used.cpu_mhz > offered.cpu_mhz or used.memory_mib > offered.memory_mib


def rules_of(settings: Settings) -> Rules:
    return Rules(
        algorithm=Algorithm(settings.vm_allocation_algorithm),
        ha_tag=settings.ha_tag,
        thresholds_bind_existing=settings.cluster_threshold_enabled,
    )


def cluster_rooms(clusters: Iterable[Cluster], cloud: Cloud) -> dict[ClusterId, ClusterRoom]:
    return {cluster.id: _room_of(cluster, cloud.settings_in(Scope.CLUSTER, cluster.id)) for cluster in clusters}


def _room_of(cluster: Cluster, settings: Settings) -> ClusterRoom:
    return ClusterRoom(
        id=cluster.id,
        name=cluster.name,
        cpu_threshold=settings.cluster_cpu_disable_threshold,
        memory_threshold=settings.cluster_memory_disable_threshold,
    )


async def _charged_vms(zone_id: ZoneId, store: Store) -> list[Vm]:
    on_hosts = await store.vms.find(eq("zone_id", zone_id), ne("host_id", None))
    arriving = await store.vms.find(eq("zone_id", zone_id), eq("host_id", None), ne("target_host_id", None))
    return [vm for vm in (*on_hosts, *arriving) if hosts_charged(vm)]


def _share(pool: StoragePool, cloud: Cloud) -> float:
    return cloud.settings_in(Scope.ZONE, pool.zone_id).pool_allocated_disable_threshold


async def _room_bytes(pools: Iterable[StoragePool], cloud: Cloud) -> dict[PoolId, float]:
    """Counted from the volumes' rows, as hosts' room is from the guests'."""
    room = {pool.id: pool.capacity_bytes * pool.overprovision_factor * _share(pool, cloud) for pool in pools}
    for volume in await cloud.store.volumes.find(any_of("pool_id", list(room)), LIVE):
        if volume.pool_id is not None:
            room[volume.pool_id] -= volume.size_bytes
    return room
