"""Hosts, clusters, zones and pools with the figures that CloudStack's dashboards show beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

from mainstay_controller.api.access import Caller
from mainstay_controller.api.views import hosts as host_views
from mainstay_controller.api.views import storage_pools as pool_views
from mainstay_controller.api.views import zones as zone_views
from mainstay_controller.domain.capacity.totals import Capacity, CapacityType
from mainstay_controller.domain.records import Cluster, Host, StoragePool, Zone
from mainstay_controller.domain.states import HostState
from mainstay_controller.operations.capacity.count_capacity import Within, count_capacity
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.store.port import LIVE, any_of, eq

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

GIB = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class HostMetricsView(host_views.HostView):
    wire_key: ClassVar[str] = "host"

    instances: str
    cpu_total_ghz: str
    cpu_allocated_ghz: str
    memory_total_gb: str
    memory_allocated_gb: str
    cpu_allocated_threshold: bool
    memory_allocated_threshold: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterMetricsView(zone_views.ClusterView):
    wire_key: ClassVar[str] = "cluster"

    state: str
    hosts: str
    cpu_total: str
    cpu_allocated: str
    memory_total: str
    memory_allocated: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneMetricsView(zone_views.ZoneView):
    wire_key: ClassVar[str] = "zone"

    state: str
    clusters: str
    cpu_total: str
    cpu_allocated: str
    memory_total: str
    memory_allocated: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoragePoolMetricsView(pool_views.StoragePoolView):
    wire_key: ClassVar[str] = "storagepool"

    disk_size_total_gb: str
    disk_size_used_gb: str
    disk_size_allocated_gb: str
    storage_allocated_threshold: bool


async def hosts(records: Sequence[Host], caller: Caller, cloud: Cloud) -> list[HostMetricsView]:
    """`instances`: running, and all that are charged to it."""
    vms = await cloud.store.vms.find(LIVE, any_of("host_id", [host.id for host in records]))
    on_host = Counter(vm.host_id for vm in vms)
    limit = cloud.settings
    return [
        HostMetricsView(
            **_values(view),
            instances=str(on_host[host.id]),
            cpu_total_ghz=f"{host.cpus * host.cpu_mhz / 1000:.2f} Ghz",
            cpu_allocated_ghz=f"{view.cpu_allocated_value / 1000:.2f} Ghz",
            memory_total_gb=_gb(view.memory_total),
            memory_allocated_gb=_gb(view.memory_allocated),
            cpu_allocated_threshold=view.cpu_allocated_value
            > limit.cluster_cpu_disable_threshold * float(view.cpu_with_overprovisioning),
            memory_allocated_threshold=view.memory_allocated
            > limit.cluster_memory_disable_threshold * float(view.memory_with_overprovisioning),
        )
        for host, view in zip(records, await host_views.hosts(records, caller, cloud), strict=True)
    ]


async def clusters(records: Sequence[Cluster], caller: Caller, cloud: Cloud) -> list[ClusterMetricsView]:
    found = await cloud.store.hosts.find(LIVE, any_of("cluster_id", [cluster.id for cluster in records]))
    all_hosts = Counter(host.cluster_id for host in found)
    up = Counter(host.cluster_id for host in found if host.state is HostState.UP)
    shown = []
    for cluster, view in zip(records, await zone_views.clusters(records, caller, cloud), strict=True):
        figures = await _figures(Within(zone_id=cluster.zone_id, cluster_id=cluster.id), cloud)
        hosts_up = f"{up[cluster.id]} / {all_hosts[cluster.id]}"
        shown.append(ClusterMetricsView(**_values(view), state=cluster.allocation_state, hosts=hosts_up, **figures))
    return shown


async def zones(records: Sequence[Zone], caller: Caller, cloud: Cloud) -> list[ZoneMetricsView]:
    shown = []
    for zone, view in zip(records, await zone_views.zones(records, caller, cloud), strict=True):
        found = await cloud.store.clusters.find(LIVE, eq("zone_id", zone.id))
        enabled = sum(cluster.allocation_state == "Enabled" for cluster in found)
        figures = await _figures(Within(zone_id=zone.id), cloud)
        shown.append(
            ZoneMetricsView(
                **_values(view), state=zone.allocation_state, clusters=f"{enabled} / {len(found)}", **figures
            )
        )
    return shown


async def storage_pools(records: Sequence[StoragePool], caller: Caller, cloud: Cloud) -> list[StoragePoolMetricsView]:
    threshold = cloud.settings.pool_allocated_disable_threshold
    return [
        StoragePoolMetricsView(
            **_values(view),
            disk_size_total_gb=_gb(view.disk_size_total),
            disk_size_used_gb=_gb(view.disk_size_used),
            disk_size_allocated_gb=_gb(view.disk_size_allocated),
            storage_allocated_threshold=view.disk_size_allocated
            > threshold * pool.capacity_bytes * pool.overprovision_factor,
        )
        for pool, view in zip(records, await pool_views.storage_pools(records, caller, cloud), strict=True)
    ]


async def _figures(within: Within, cloud: Cloud) -> dict[str, Any]:
    counted = {each.type: each for each in await count_capacity(within, cloud)}
    cpu, memory = counted[CapacityType.CPU], counted[CapacityType.MEMORY]
    return {
        "cpu_total": f"{cpu.total / 1000:.2f} Ghz",
        "cpu_allocated": _percent(cpu),
        "memory_total": _gb(memory.total),
        "memory_allocated": _percent(memory),
    }


def _values(view: DataclassInstance) -> dict[str, Any]:
    """For a view that shows the same and more."""
    return {each.name: getattr(view, each.name) for each in fields(view)}


def _percent(capacity: Capacity) -> str:
    return f"{capacity.percent_used:.2f}%"


def _gb(size_bytes: int) -> str:
    return f"{size_bytes / GIB:.2f} GB"
