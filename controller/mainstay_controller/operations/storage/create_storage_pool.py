"""Create a primary storage pool: a directory that every host of its scope finds mounted at the same path.

It is looked at through every live host of the scope before anything is written; then slots are numbered and the hosts are told."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mainstay_controller.domain.ids import ClusterId, HostId, PodId, PoolId, ZoneId
from mainstay_controller.domain.records import Host, StoragePool
from mainstay_controller.domain.states import HostState
from mainstay_controller.fleet.gate import Mount
from mainstay_controller.fleet.outcome import Done, Outcome, in_words
from mainstay_controller.operations.checks import a_name, a_url, an_absolute_path, one_of, tags
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter, ResourceUnavailable
from mainstay_controller.operations.hosts.orient_host import reorient_pool
from mainstay_controller.operations.living import living_cluster, living_host, living_zone
from mainstay_controller.operations.storage.make_volumes import hosts_reaching
from mainstay_controller.store.port import LIVE, eq
from mainstay_runtime.tasks import all_of

SCOPES = ("CLUSTER", "ZONE", "HOST")
PROVIDER = "DefaultPrimary"
"""There is one, under CloudStack's name."""
TYPES = {
    "sharedmountpoint": "SharedMountPoint",
    "nfs": "NetworkFilesystem",
    "file": "Filesystem",
    "sim": "SharedMountPoint",
}
"""By the URL's scheme.  An NFS export is mounted by the host's operator, at the path the detail `mountpoint` names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStoragePool:
    zone_id: ZoneId
    name: str
    url: str
    scope: str = "CLUSTER"
    cluster_id: ClusterId | None = None
    host_id: HostId | None = None
    pod_id: PodId | None = None
    hypervisor: str | None = None
    tags: tuple[str, ...] = ()
    has_leases: bool = True
    mount_point: str = ""
    provider: str = PROVIDER


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one host says of the path."""

    host: Host
    told: Outcome


async def create_storage_pool(new: NewStoragePool, cloud: Cloud) -> StoragePool:
    pool = await checked(new, cloud)
    seen = await look_through_hosts(pool, cloud)
    pool = measured(pool, seen, cloud)
    async with cloud.store.transaction() as store:
        if await store.pools.find(eq("zone_id", pool.zone_id), eq("name", pool.name), LIVE, limit=1):
            raise InvalidParameter("name", f"a storage pool {pool.name} exists in that zone")
        pool = await store.pools.add(pool)
    await reorient_pool(pool, cloud)
    return pool


async def checked(new: NewStoragePool, cloud: Cloud) -> StoragePool:
    zone = await living_zone(new.zone_id, cloud.store)
    scope = one_of("scope", new.scope, SCOPES)
    cluster = await living_cluster(new.cluster_id, cloud.store) if new.cluster_id else None
    host = await living_host(new.host_id, cloud.store, "hostid") if new.host_id else None
    if scope == "CLUSTER" and (cluster is None or cluster.zone_id != zone.id):
        raise InvalidParameter("clusterid", f"a pool of scope CLUSTER needs a cluster of zone {zone.name}")
    if scope == "HOST" and (host is None or host.zone_id != zone.id):
        raise InvalidParameter("hostid", f"a pool of scope HOST needs a host of zone {zone.name}")
    url = a_url("url", new.url, *TYPES)
    return StoragePool(
        id=PoolId(cloud.rng.uuid()),
        zone_id=zone.id,
        name=a_name("name", new.name),
        created=await cloud.store.now(),
        pod_id=cluster.pod_id if cluster else None,
        cluster_id=cluster.id if cluster else None,
        host_id=host.id if host else None,
        scope=scope,
        type=TYPES[url.scheme],
        url=new.url,
        path=an_absolute_path("url", new.mount_point or url.path),
        has_leases=new.has_leases and scope != "HOST",
        hypervisor=new.hypervisor if scope == "ZONE" else None,
        provider=new.provider,
        tags=tags("tags", new.tags),
        overprovision_factor=cloud.settings.storage_overprovisioning_factor,
    )


async def look_through_hosts(pool: StoragePool, cloud: Cloud) -> list[Seen]:
    """All at once; at least one live host must be there to look."""
    hosts = await hosts_reaching(pool, cloud.store)
    if not hosts:
        raise ResourceUnavailable(f"No host that could use storage pool {pool.name} is {HostState.UP}")
    return await all_of(*(_look(host, pool, cloud) for host in hosts))


async def _look(host: Host, pool: StoragePool, cloud: Cloud) -> Seen:
    told = await cloud.fleet.check_pool(
        host.id,
        Mount(pool_id=pool.id, path=pool.path, slot=None, shared=pool.scope != "HOST"),
        command_id=f"check-pool:{pool.id}:{host.id}",
        deadline_seconds=cloud.settings.order_deadline_seconds,
    )
    return Seen(host=host, told=told)


def measured(pool: StoragePool, seen: list[Seen], cloud: Cloud) -> StoragePool:
    """With its size.  Raises InvalidParameter naming every host that does not find it."""
    blind = [f"host {each.host.name}: {in_words(each.told)}" for each in seen if not finds_it(each.told)]
    if blind:
        raise InvalidParameter("url", f"{pool.path} is not a mounted, writable pool on {'; '.join(blind)}")
    answers = [each.told.answer for each in seen if isinstance(each.told, Done)]
    return replace(
        pool,
        capacity_bytes=min(int(answer.get("total_bytes", 0)) for answer in answers),
        used_bytes=max(int(answer.get("used_bytes", 0)) for answer in answers),
    )


def finds_it(told: Outcome) -> bool:
    return isinstance(told, Done) and told.answer.get("mounted") == "true"
