"""Zones, pods and clusters as clients see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from mainstay_controller.api.access import Caller
from mainstay_controller.api.views.related import names_of
from mainstay_controller.domain.records import Cluster, Pod, Zone
from mainstay_controller.operations.cloud import Cloud


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneView:
    wire_key: ClassVar[str] = "zone"

    id: str
    name: str
    dns1: str
    dns2: str | None
    internal_dns1: str
    internal_dns2: str | None
    guest_cidr_address: str | None
    network_type: str
    type: str
    security_groups_enabled: bool
    allocation_state: str
    local_storage_enabled: bool
    dhcp_provider: str
    zone_token: str
    resource_details: dict[str, str]
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PodView:
    wire_key: ClassVar[str] = "pod"

    id: str
    name: str
    zone_id: str
    zone_name: str | None
    gateway: str
    netmask: str
    start_ip: tuple[str, ...]
    end_ip: tuple[str, ...]
    allocation_state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterView:
    wire_key: ClassVar[str] = "cluster"

    id: str
    name: str
    zone_id: str
    zone_name: str | None
    pod_id: str
    pod_name: str | None
    hypervisor_type: str
    cluster_type: str
    allocation_state: str
    managed_state: str
    cpu_overcommit_ratio: str
    memory_overcommit_ratio: str
    fence_policy: str
    lease_profile: str
    resource_details: dict[str, str]


async def zones(records: Sequence[Zone], _caller: Caller, _cloud: Cloud) -> list[ZoneView]:
    return [_zone(zone) for zone in records]


async def pods(records: Sequence[Pod], _caller: Caller, cloud: Cloud) -> list[PodView]:
    zone_names = await names_of(cloud.store.zones, (pod.zone_id for pod in records))
    return [
        PodView(
            id=pod.id,
            name=pod.name,
            zone_id=pod.zone_id,
            zone_name=zone_names.get(pod.zone_id),
            gateway=pod.gateway,
            netmask=pod.netmask,
            start_ip=(pod.start_ip,),
            end_ip=(pod.end_ip,),
            allocation_state=pod.allocation_state,
        )
        for pod in records
    ]


async def clusters(records: Sequence[Cluster], _caller: Caller, cloud: Cloud) -> list[ClusterView]:
    zone_names = await names_of(cloud.store.zones, (cluster.zone_id for cluster in records))
    pod_names = await names_of(cloud.store.pods, (cluster.pod_id for cluster in records))
    return [
        ClusterView(
            id=cluster.id,
            name=cluster.name,
            zone_id=cluster.zone_id,
            zone_name=zone_names.get(cluster.zone_id),
            pod_id=cluster.pod_id,
            pod_name=pod_names.get(cluster.pod_id),
            hypervisor_type=cluster.hypervisor,
            cluster_type=cluster.cluster_type,
            allocation_state=cluster.allocation_state,
            managed_state=cluster.managed_state,
            cpu_overcommit_ratio=str(cluster.cpu_overcommit_ratio),
            memory_overcommit_ratio=str(cluster.memory_overcommit_ratio),
            fence_policy=cluster.fence_policy,
            lease_profile=cluster.lease_profile,
            resource_details=cluster.details,
        )
        for cluster in records
    ]


def _zone(zone: Zone) -> ZoneView:
    return ZoneView(
        id=zone.id,
        name=zone.name,
        dns1=zone.dns1,
        dns2=zone.dns2 or None,
        internal_dns1=zone.internal_dns1,
        internal_dns2=zone.internal_dns2 or None,
        guest_cidr_address=zone.guest_cidr,
        network_type=zone.network_type,
        type="Core",
        security_groups_enabled=zone.security_groups_enabled,
        allocation_state=zone.allocation_state,
        local_storage_enabled=zone.local_storage_enabled,
        dhcp_provider="VirtualRouter",
        zone_token=zone.id,
        resource_details=zone.details,
    )
