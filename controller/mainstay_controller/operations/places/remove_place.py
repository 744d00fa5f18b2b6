"""Remove zones, pods, clusters and storage pools: only when nothing is in them."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from mainstay_controller.domain.ids import ClusterId, PodId, PoolId, ZoneId
from mainstay_controller.domain.records import Cluster, Pod, StoragePool, Zone
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter, ResourceInUse
from mainstay_controller.operations.hosts.orient_host import reorient_pool
from mainstay_controller.operations.living import living_cluster, living_pool, living_zone
from mainstay_controller.store.port import LIVE, Repository, Where, eq

R = TypeVar("R")


async def remove_zone(zone_id: ZoneId, cloud: Cloud) -> Zone:
    zone = await living_zone(zone_id, cloud.store, "id")
    inside = eq("zone_id", zone.id)
    async with cloud.store.transaction() as store:
        await _check_empty(f"Zone {zone.name}", "pods", store.pods, inside)
        await _check_empty(f"Zone {zone.name}", "VMs", store.vms, inside)
        return await store.zones.swap(zone, replace(zone, removed=await store.now()))


async def remove_pod(pod_id: PodId, cloud: Cloud) -> Pod:
    pod = await cloud.store.pods.get(pod_id)
    if pod is None or pod.removed is not None:
        raise InvalidParameter("id", f"there is no pod {pod_id}")
    async with cloud.store.transaction() as store:
        await _check_empty(f"Pod {pod.name}", "clusters", store.clusters, eq("pod_id", pod.id))
        return await store.pods.swap(pod, replace(pod, removed=await store.now()))


async def remove_cluster(cluster_id: ClusterId, cloud: Cloud) -> Cluster:
    cluster = await living_cluster(cluster_id, cloud.store, "id")
    inside = eq("cluster_id", cluster.id)
    async with cloud.store.transaction() as store:
        await _check_empty(f"Cluster {cluster.name}", "hosts", store.hosts, inside)
        await _check_empty(f"Cluster {cluster.name}", "storage pools", store.pools, inside)
        return await store.clusters.swap(cluster, replace(cluster, removed=await store.now()))


async def remove_storage_pool(pool_id: PoolId, cloud: Cloud) -> StoragePool:
    pool = await living_pool(pool_id, cloud.store)
    async with cloud.store.transaction() as store:
        await _check_empty(f"Storage pool {pool.name}", "volumes", store.volumes, eq("pool_id", pool.id))
        pool = await store.pools.swap(pool, replace(pool, removed=await store.now()))
    await reorient_pool(pool, cloud)
    return pool


async def _check_empty(place: str, things: str, repository: Repository[R], inside: Where) -> None:
    count = await repository.count(inside, LIVE)
    if count:
        raise ResourceInUse(f"{place} still has {count} {things}")
