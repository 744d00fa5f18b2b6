"""Primary storage pools."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mainstay_controller.api.access import ROOT, ROOT_READS, Caller
from mainstay_controller.api.answers import Accepted, Success, accepted
from mainstay_controller.api.instant import instant_job
from mainstay_controller.api.listing import Listing, listing
from mainstay_controller.api.parameters import Filter, NothingHas
from mainstay_controller.api.registry import command, job_of
from mainstay_controller.api.views import metrics, one
from mainstay_controller.api.views import storage_pools as views
from mainstay_controller.domain.ids import ClusterId, HostId, PodId, PoolId, ZoneId
from mainstay_controller.domain.states import PoolState
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.maintenance import storage_maintenance
from mainstay_controller.operations.places import remove_place, update_places
from mainstay_controller.operations.storage import create_storage_pool


@dataclass(frozen=True, slots=True, kw_only=True)
class ListStoragePools(Listing):
    """Lists primary storage pools."""

    id: Annotated[PoolId | None, "the ID of the storage pool", Filter()] = None
    name: Annotated[str | None, "the name of the storage pool", Filter()] = None
    zone_id: Annotated[ZoneId | None, "the ID of the zone", Filter()] = None
    pod_id: Annotated[PodId | None, "the ID of the pod", Filter()] = None
    cluster_id: Annotated[ClusterId | None, "the ID of the cluster", Filter()] = None
    host_id: Annotated[HostId | None, "only the local storage of this host", Filter()] = None
    path: Annotated[str | None, "the path of the storage pool", Filter()] = None
    scope: Annotated[str | None, "CLUSTER, ZONE or HOST", Filter()] = None
    status: Annotated[PoolState | None, "the state of the storage pool", Filter("state")] = None
    ip_address: Annotated[
        str | None, "the address of the storage: hosts have mounted it, none is known", NothingHas()
    ] = None
    storage_access_group: Annotated[str | None, "a storage access group: there is none", NothingHas()] = None


list_storage_pools = listing(
    "listStoragePools",
    request=ListStoragePools,
    rows=lambda store: store.pools,
    view=views.storage_pools,
    roles=ROOT_READS,
)

list_storage_pools_metrics = listing(
    "listStoragePoolsMetrics",
    request=ListStoragePools,
    rows=lambda store: store.pools,
    view=metrics.storage_pools,
    roles=ROOT_READS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateStoragePool:
    """`has_leases` is ours: whether hosts keep leases on it, so that lease expiry is a proof for its guests."""

    name: Annotated[str, "the name of the storage pool"]
    zone_id: Annotated[ZoneId, "the ID of the zone"]
    url: Annotated[str, "sharedmountpoint://, nfs://, file:// or sim://, with the path at which hosts find it"]
    scope: Annotated[str, "CLUSTER, ZONE or HOST"] = "CLUSTER"
    pod_id: Annotated[PodId | None, "the ID of the pod"] = None
    cluster_id: Annotated[ClusterId | None, "the ID of the cluster, for scope CLUSTER"] = None
    host_id: Annotated[HostId | None, "the ID of the host, for scope HOST"] = None
    hypervisor: Annotated[str | None, "the hypervisor, for scope ZONE"] = None
    provider: Annotated[str, "the storage provider"] = create_storage_pool.PROVIDER
    tags: Annotated[tuple[str, ...], "tags of the storage pool"] = ()
    has_leases: Annotated[bool, "whether hosts keep leases on it"] = True
    details: Annotated[dict[str, str] | None, "details; mountpoint: where hosts find an NFS export mounted"] = None


@command("createStoragePool", roles=ROOT)
async def create(request: CreateStoragePool, caller: Caller, cloud: Cloud) -> views.StoragePoolView:
    """Creates a primary storage pool, after looking at it through its hosts."""
    pool = await create_storage_pool.create_storage_pool(
        create_storage_pool.NewStoragePool(
            zone_id=request.zone_id,
            name=request.name,
            url=request.url,
            scope=request.scope,
            pod_id=request.pod_id,
            cluster_id=request.cluster_id,
            host_id=request.host_id,
            hypervisor=request.hypervisor,
            provider=request.provider,
            tags=request.tags,
            has_leases=request.has_leases,
            mount_point=(request.details or {}).get("mountpoint", ""),
        ),
        cloud,
    )
    return await one(views.storage_pools, pool, caller, cloud)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteStoragePool:
    id: Annotated[PoolId, "the ID of the storage pool"]
    forced: Annotated[bool, "taken for false: a pool with volumes is not deleted"] = False


@command("deleteStoragePool", roles=ROOT)
async def delete(request: DeleteStoragePool, _caller: Caller, cloud: Cloud) -> Success:
    """Deletes a storage pool without volumes."""
    await remove_place.remove_storage_pool(request.id, cloud)
    return Success()


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateStoragePool:
    id: Annotated[PoolId, "the ID of the storage pool"]
    name: Annotated[str | None, "the new name"] = None
    tags: Annotated[tuple[str, ...] | None, "tags, instead of those it has"] = None
    details: Annotated[dict[str, str] | None, "details, instead of those it has"] = None


@command("updateStoragePool", roles=ROOT)
async def update(request: UpdateStoragePool, caller: Caller, cloud: Cloud) -> views.StoragePoolView:
    """Changes what is said of a storage pool."""
    change = update_places.PoolChange(name=request.name, tags=request.tags, details=request.details)
    pool = await update_places.update_pool(await cloud.store.pools.by_id(request.id), change, cloud)
    return await one(views.storage_pools, pool, caller, cloud)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnePool:
    id: Annotated[PoolId, "the ID of the storage pool"]


@command(
    "enableStorageMaintenance",
    roles=ROOT,
    job=job_of(storage_maintenance.work, views.storage_pools),
    envelope="prepareprimarystorageformaintenanceresponse",
)
async def enable_maintenance(request: OnePool, caller: Caller, cloud: Cloud) -> Accepted:
    """Stops every virtual machine with a disk on a storage pool; the job ends when the pool is in Maintenance."""
    return accepted(await storage_maintenance.begin(request.id, caller.asker, cloud))


@instant_job("cancelStorageMaintenance", roles=ROOT, envelope="cancelprimarystoragemaintenanceresponse")
async def cancel_maintenance(request: OnePool, caller: Caller, cloud: Cloud) -> views.StoragePoolView:
    """Takes a storage pool into service again and starts what was stopped for its maintenance."""
    pool = await storage_maintenance.cancel(request.id, caller.asker, cloud)
    return await one(views.storage_pools, pool, caller, cloud)


COMMANDS = (
    create,
    list_storage_pools,
    list_storage_pools_metrics,
    update,
    delete,
    enable_maintenance,
    cancel_maintenance,
)
