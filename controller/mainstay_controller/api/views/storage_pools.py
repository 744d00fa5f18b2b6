"""Primary storage as clients see it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from urllib.parse import urlsplit

from mainstay_controller.api.access import Caller
from mainstay_controller.api.answers import Worked
from mainstay_controller.api.views.related import names_of
from mainstay_controller.domain.records import StoragePool
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.store.port import LIVE, any_of

EACH_HOST = "localhost"
"""The address of what every host finds mounted: clients want one of each pool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoragePoolView(Worked):
    """`has_leases`: whether lease expiry is a proof for guests on it, so that they restart without a power controller."""

    wire_key: ClassVar[str] = "storagepool"

    name: str
    zone_id: str
    zone_name: str | None
    pod_id: str | None
    pod_name: str | None
    cluster_id: str | None
    cluster_name: str | None
    ip_address: str
    path: str
    type: str
    scope: str
    state: str
    provider: str
    hypervisor: str | None
    tags: str
    disk_size_total: int
    disk_size_used: int
    disk_size_allocated: int
    overprovision_factor: str
    managed: bool
    has_leases: bool
    created: datetime
    details: dict[str, str]


async def storage_pools(records: Sequence[StoragePool], _caller: Caller, cloud: Cloud) -> list[StoragePoolView]:
    zones = await names_of(cloud.store.zones, (pool.zone_id for pool in records))
    pods = await names_of(cloud.store.pods, (pool.pod_id for pool in records))
    clusters = await names_of(cloud.store.clusters, (pool.cluster_id for pool in records))
    allocated = await _allocated(records, cloud)
    return [
        StoragePoolView(
            id=pool.id,
            name=pool.name,
            zone_id=pool.zone_id,
            zone_name=zones.get(pool.zone_id),
            pod_id=pool.pod_id,
            pod_name=pods.get(pool.pod_id),
            cluster_id=pool.cluster_id,
            cluster_name=clusters.get(pool.cluster_id),
            ip_address=urlsplit(pool.url).hostname or EACH_HOST,
            path=pool.path,
            type=pool.type,
            scope=pool.scope,
            state=pool.state,
            provider=pool.provider,
            hypervisor=pool.hypervisor,
            tags=",".join(pool.tags),
            disk_size_total=pool.capacity_bytes,
            disk_size_used=pool.used_bytes,
            disk_size_allocated=allocated[pool.id],
            overprovision_factor=str(pool.overprovision_factor),
            managed=False,
            has_leases=pool.has_leases,
            created=pool.created,
            details=pool.details,
        )
        for pool in records
    ]


async def _allocated(records: Sequence[StoragePool], cloud: Cloud) -> Counter[str]:
    """Bytes promised to volumes, by pool."""
    promised: Counter[str] = Counter()
    for volume in await cloud.store.volumes.find(LIVE, any_of("pool_id", [pool.id for pool in records])):
        promised[volume.pool_id or ""] += volume.size_bytes
    return promised
