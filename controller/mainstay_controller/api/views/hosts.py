"""Hosts as clients see them: their state, what they have and what is promised to guests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from mainstay_controller.api.access import Caller
from mainstay_controller.api.answers import Worked
from mainstay_controller.api.views.host_ha import HostHaView, host_ha
from mainstay_controller.api.views.out_of_band import OutOfBandView, out_of_band
from mainstay_controller.api.views.related import by_ids, names_of
from mainstay_controller.domain.capacity.usage import NOTHING, Usage, usage_by_host
from mainstay_controller.domain.ids import HostId, PoolId
from mainstay_controller.domain.records import Cluster, Host, OutOfBand, Zone
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.recovery.host_ha import host_ha as ha_of
from mainstay_controller.store.port import LIVE, any_of

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class HostView(Worked):
    """`leased_pools`: ids of the pools on which it has a valid lease, by its last word, so that it takes guests whose disks lie there."""

    wire_key: ClassVar[str] = "host"

    name: str
    state: str
    resource_state: str
    type: str
    ip_address: str
    zone_id: str
    zone_name: str | None
    pod_id: str
    pod_name: str | None
    cluster_id: str
    cluster_name: str | None
    cluster_type: str | None
    hypervisor: str
    hypervisor_version: str | None
    version: str | None
    cpu_sockets: int
    cpu_number: int
    cpu_speed: int
    cpu_allocated: str
    cpu_allocated_value: int
    cpu_allocated_percentage: str
    cpu_allocated_with_overprovisioning: str
    cpu_with_overprovisioning: str
    memory_total: int
    memory_allocated: int
    memory_allocated_bytes: int
    memory_allocated_percentage: str
    memory_with_overprovisioning: str
    host_tags: str
    explicit_host_tags: str
    is_tag_a_rule: bool
    ha_host: bool
    capabilities: str
    created: datetime
    last_pinged: datetime | None
    management_server_id: str | None
    annotation: str | None
    details: dict[str, str]
    watchdog: bool
    leased_pools: str
    out_of_band_management: OutOfBandView | None
    host_ha: HostHaView
    invitation: str | None = None


async def hosts(records: Sequence[Host], _caller: Caller, cloud: Cloud) -> list[HostView]:
    store = cloud.store
    zones = await by_ids(store.zones, (host.zone_id for host in records))
    pods = await names_of(store.pods, (host.pod_id for host in records))
    clusters = await by_ids(store.clusters, (host.cluster_id for host in records))
    power = await by_ids(store.out_of_band, (host.id for host in records))
    used = await _usage(records, clusters, cloud)
    return [
        _host(
            host,
            clusters[host.cluster_id],
            used.get(host.id, NOTHING),
            zones[host.zone_id],
            pods.get(host.pod_id),
            power.get(host.id),
            last_pinged(host, cloud),
            cloud.settings.ha_tag,
            cloud.fleet.leased_pools(host.id),
        )
        for host in records
    ]


async def _usage(records: Sequence[Host], clusters: Mapping[str | None, Cluster], cloud: Cloud) -> dict[HostId, Usage]:
    ids = [host.id for host in records]
    running = await cloud.store.vms.find(LIVE, any_of("host_id", ids))
    arriving = await cloud.store.vms.find(LIVE, any_of("target_host_id", ids))
    vms = {vm.id: vm for vm in (*running, *arriving)}
    return usage_by_host(vms.values(), records, {cluster.id: cluster for cluster in clusters.values()})


def last_pinged(host: Host, cloud: Cloud) -> datetime | None:
    """None: it is in no session with us."""
    heard_at = cloud.fleet.heard_at(host.id)
    if heard_at is None or not cloud.fleet.is_connected(host.id):
        return None
    return cloud.clock.now() - timedelta(seconds=cloud.clock.monotonic() - heard_at)


def _host(
    host: Host,
    cluster: Cluster,
    used: Usage,
    zone: Zone,
    pod: str | None,
    power: OutOfBand | None,
    pinged: datetime | None,
    ha_tag: str,
    leased: frozenset[PoolId],
) -> HostView:
    cpu_mhz = host.cpus * host.cpu_mhz
    offered_mhz = int(cpu_mhz * cluster.cpu_overcommit_ratio)
    offered_bytes = int(host.memory_mib * cluster.memory_overcommit_ratio) * MIB
    tags = ",".join(host.tags)
    return HostView(
        id=host.id,
        name=host.name,
        state=host.state,
        resource_state=host.resource_state,
        type=host.type,
        ip_address=host.ip,
        zone_id=host.zone_id,
        zone_name=zone.name,
        pod_id=host.pod_id,
        pod_name=pod,
        cluster_id=host.cluster_id,
        cluster_name=cluster.name,
        cluster_type=cluster.cluster_type,
        hypervisor=host.hypervisor,
        hypervisor_version=host.hypervisor_version or None,
        version=host.agent_version or None,
        cpu_sockets=host.cpu_sockets,
        cpu_number=host.cpus,
        cpu_speed=host.cpu_mhz,
        cpu_allocated=percent(used.cpu_mhz, cpu_mhz),
        cpu_allocated_value=used.cpu_mhz,
        cpu_allocated_percentage=percent(used.cpu_mhz, cpu_mhz),
        cpu_allocated_with_overprovisioning=percent(used.cpu_mhz, offered_mhz),
        cpu_with_overprovisioning=str(offered_mhz),
        memory_total=host.memory_mib * MIB,
        memory_allocated=used.memory_mib * MIB,
        memory_allocated_bytes=used.memory_mib * MIB,
        memory_allocated_percentage=percent(used.memory_mib * MIB, offered_bytes),
        memory_with_overprovisioning=str(offered_bytes),
        host_tags=tags,
        explicit_host_tags=tags,
        is_tag_a_rule=False,
        ha_host=bool(ha_tag) and ha_tag in host.tags,
        capabilities=",".join(host.capabilities),
        created=host.created,
        last_pinged=pinged,
        management_server_id=host.controller_id,
        annotation=host.annotation or None,
        details=host.details,
        watchdog=host.watchdog,
        leased_pools=",".join(sorted(leased)),
        out_of_band_management=out_of_band(power) if power else None,
        host_ha=host_ha(ha_of(host, cluster, zone)),
    )


def percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f}%" if whole else "0%"
