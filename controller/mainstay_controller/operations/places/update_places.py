"""Change zones, pods, clusters and storage pools: what an operator says of them, and whether new guests may come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from mainstay_controller.domain.records import Cluster, Pod, StoragePool, Zone
from mainstay_controller.domain.states import AllocationState
from mainstay_controller.operations.changes import Check, with_changes
from mainstay_controller.operations.checks import a_name, an_address, one_of, tags
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter
from mainstay_controller.operations.hosts.orient_host import reorient_pool
from mainstay_controller.operations.own_details import OURS
from mainstay_controller.operations.places.add_cluster import CLUSTER_TYPES, FENCE_POLICIES, LEASE_PROFILES
from mainstay_controller.operations.places.create_pod import checked_range
from mainstay_controller.store.port import LIVE, eq


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneChange:
    """What is None stays as it is, here and below."""

    name: str | None = None
    dns1: str | None = None
    dns2: str | None = None
    internal_dns1: str | None = None
    internal_dns2: str | None = None
    guest_cidr: str | None = None
    allocation_state: AllocationState | None = None
    local_storage_enabled: bool | None = None
    details: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PodChange:
    name: str | None = None
    gateway: str | None = None
    netmask: str | None = None
    start_ip: str | None = None
    end_ip: str | None = None
    allocation_state: AllocationState | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterChange:
    name: str | None = None
    cluster_type: str | None = None
    allocation_state: AllocationState | None = None
    managed_state: str | None = None
    fence_policy: str | None = None
    lease_profile: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolChange:
    name: str | None = None
    tags: tuple[str, ...] | None = None
    details: Mapping[str, str] | None = None


def _one_of(*allowed: str) -> Check:
    return lambda field, value: one_of(field, value, allowed)


def _an_address_or_none(field: str, value: str) -> str:
    return an_address(field, value) if value else ""


ZONE_CHECKS: Mapping[str, Check] = {
    "name": a_name,
    "dns1": an_address,
    "dns2": _an_address_or_none,
    "internal_dns1": an_address,
    "internal_dns2": _an_address_or_none,
}
CLUSTER_CHECKS: Mapping[str, Check] = {
    "name": a_name,
    "cluster_type": _one_of(*CLUSTER_TYPES),
    "managed_state": _one_of("Managed", "Unmanaged"),
    "fence_policy": _one_of(*FENCE_POLICIES),
    "lease_profile": _one_of(*LEASE_PROFILES),
}


def beside_ours(known: Mapping[str, str], wanted: Mapping[str, str] | None) -> Mapping[str, str] | None:
    """What this cloud notes for itself outlives what an operator writes over the rest."""
    if wanted is None:
        return None
    return {**wanted, **{name: known[name] for name in OURS if name in known}}


async def update_zone(zone: Zone, change: ZoneChange, cloud: Cloud) -> Zone:
    change = replace(change, details=beside_ours(zone.details, change.details))
    changed = with_changes(zone, change, ZONE_CHECKS)
    async with cloud.store.transaction() as store:
        if changed.name != zone.name and await store.zones.find(eq("name", changed.name), LIVE, limit=1):
            raise InvalidParameter("name", f"a zone {changed.name} exists")
        return await store.zones.swap(zone, changed)


async def update_pod(pod: Pod, change: PodChange, cloud: Cloud) -> Pod:
    changed = with_changes(pod, change, {"name": a_name})
    fit = checked_range(changed.gateway, changed.netmask, changed.start_ip, changed.end_ip)
    return await cloud.store.pods.swap(pod, replace(changed, start_ip=fit.start_ip, end_ip=fit.end_ip))


async def update_cluster(cluster: Cluster, change: ClusterChange, cloud: Cloud) -> Cluster:
    """Another lease profile is told to the hosts of its pools at once."""
    changed = await cloud.store.clusters.swap(cluster, with_changes(cluster, change, CLUSTER_CHECKS))
    if changed.lease_profile != cluster.lease_profile:
        for pool in await cloud.store.pools.find(eq("cluster_id", cluster.id), LIVE):
            await reorient_pool(pool, cloud)
    return changed


async def update_pool(pool: StoragePool, change: PoolChange, cloud: Cloud) -> StoragePool:
    change = replace(change, details=beside_ours(pool.details, change.details))
    return await cloud.store.pools.swap(pool, with_changes(pool, change, {"name": a_name, "tags": tags}))
