"""Rows that a parameter names, if they exist and belong where the caller says; otherwise InvalidParameter with the field's name."""

from __future__ import annotations

from typing import TypeVar

from mainstay_controller.domain.ids import ClusterId, HostId, OfferingId, PodId, PoolId, TemplateId, ZoneId
from mainstay_controller.domain.records import Cluster, Host, Pod, ServiceOffering, StoragePool, Template, Zone
from mainstay_controller.operations.errors import InvalidParameter
from mainstay_controller.store.port import Repository, Store

R = TypeVar("R", Zone, Pod, Cluster, Host, StoragePool, ServiceOffering, Template)


async def living_zone(zone_id: ZoneId, store: Store, field: str = "zoneid") -> Zone:
    return await _living(store.zones, zone_id, field, "zone")


async def living_pod(pod_id: PodId, zone: Zone, store: Store, field: str = "podid") -> Pod:
    pod = await _living(store.pods, pod_id, field, "pod")
    if pod.zone_id != zone.id:
        raise InvalidParameter(field, f"pod {pod.name} is not in zone {zone.name}")
    return pod


async def living_cluster(cluster_id: ClusterId, store: Store, field: str = "clusterid") -> Cluster:
    return await _living(store.clusters, cluster_id, field, "cluster")


async def living_host(host_id: HostId, store: Store, field: str = "id") -> Host:
    return await _living(store.hosts, host_id, field, "host")


async def living_pool(pool_id: PoolId, store: Store, field: str = "id") -> StoragePool:
    return await _living(store.pools, pool_id, field, "storage pool")


async def living_offering(offering_id: OfferingId, store: Store, field: str = "serviceofferingid") -> ServiceOffering:
    return await _living(store.service_offerings, offering_id, field, "service offering")


async def living_template(template_id: TemplateId, store: Store, field: str = "templateid") -> Template:
    return await _living(store.templates, template_id, field, "template")


async def _living(repository: Repository[R], record_id: str, field: str, noun: str) -> R:
    record = await repository.get(record_id)
    if record is None or record.removed is not None:
        raise InvalidParameter(field, f"there is no {noun} {record_id}")
    return record
