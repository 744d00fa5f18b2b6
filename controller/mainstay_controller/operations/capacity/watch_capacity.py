"""Measure pools through the hosts that use them and image stores where they are mounted, and tell when a cluster is nearly full.

An alert stays one as long as the shortage lasts, and is resolved when it is over: the next one is told again."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import PurePosixPath
from urllib.parse import urlparse

from mainstay_controller.domain.capacity.totals import Capacity, CapacityType
from mainstay_controller.domain.records import Cluster, ImageStore, StoragePool
from mainstay_controller.domain.states import PoolState
from mainstay_controller.domain.tunable import Scope
from mainstay_controller.fleet.gate import Mount
from mainstay_controller.fleet.outcome import Done
from mainstay_controller.operations.capacity.count_capacity import Within, count_capacity
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.journal import AlertType, Place
from mainstay_controller.operations.settings import Settings
from mainstay_controller.operations.storage import image_files
from mainstay_controller.operations.storage.make_volumes import hosts_reaching
from mainstay_controller.store.port import LIVE, Stale, eq
from mainstay_runtime.logs import logger

log = logger(__name__)
ALERTS = {
    CapacityType.CPU: AlertType.CPU,
    CapacityType.MEMORY: AlertType.MEMORY,
    CapacityType.STORAGE: AlertType.STORAGE,
    CapacityType.STORAGE_ALLOCATED: AlertType.STORAGE_ALLOCATED,
}


async def watch_capacity(cloud: Cloud) -> None:
    for pool in await cloud.store.pools.find(eq("state", PoolState.UP), LIVE):
        await measure(pool, cloud)
    for image_store in await cloud.store.image_stores.find(LIVE):
        await measure_image_store(image_store, cloud)
    for cluster in await cloud.store.clusters.find(LIVE):
        within = Within(zone_id=cluster.zone_id, cluster_id=cluster.id)
        for capacity in await count_capacity(within, cloud):
            await _judge(cluster, capacity, cloud)


async def measure(pool: StoragePool, cloud: Cloud) -> None:
    """By the first host that answers; if none does, the old figures stand."""
    mount = Mount(pool_id=pool.id, path=pool.path, slot=None, shared=pool.scope != "HOST")
    for host in await hosts_reaching(pool, cloud.store):
        told = await cloud.fleet.check_pool(
            host.id,
            mount,
            command_id=f"measure:{pool.id}:{cloud.rng.uuid()}",
            deadline_seconds=cloud.settings.order_deadline_seconds,
        )
        if isinstance(told, Done):
            await _note(pool, told.answer, cloud)
            return


async def measure_image_store(known: ImageStore, cloud: Cloud) -> None:
    """Where this controller has it mounted; of others the old figures stand."""
    place = urlparse(known.url)
    if place.scheme != "file":
        return
    try:
        space = await image_files.space_at(PurePosixPath(place.path))
    except OSError as error:
        log.info("an image store cannot be measured here", store=known.name, error=str(error))
        return
    measured = replace(known, capacity_bytes=space.total_bytes, used_bytes=space.used_bytes)
    if measured != known:
        with suppress(Stale):  # somebody changed the row: it is measured again soon
            await cloud.store.image_stores.swap(known, measured)


async def _note(pool: StoragePool, answer: Mapping[str, str], cloud: Cloud) -> None:
    total = int(answer.get("total_bytes", pool.capacity_bytes))
    measured = replace(pool, capacity_bytes=total, used_bytes=int(answer.get("used_bytes", pool.used_bytes)))
    if measured == pool:
        return
    try:
        await cloud.store.pools.swap(pool, measured)
    except Stale:
        return  # somebody changed the pool: it is measured again soon


async def _judge(cluster: Cluster, capacity: Capacity, cloud: Cloud) -> None:
    threshold = thresholds(cloud.settings_in(Scope.CLUSTER, cluster.id)).get(capacity.type)
    if threshold is None:
        return
    key = f"capacity:{cluster.id}:{capacity.type.name}"
    async with cloud.store.transaction() as store:
        if capacity.percent_used <= 100 * threshold:
            await cloud.journal.resolve(store, key)
            return
        what = capacity.type.name.lower().replace("_", " ")
        subject = f"System Alert: Low available {what} in cluster {cluster.name}"
        text = f"{subject}: {capacity.used} of {capacity.total} ({capacity.percent_used:.2f} %) are taken"
        place = Place(zone_id=cluster.zone_id, pod_id=cluster.pod_id, cluster_id=cluster.id)
        await cloud.journal.alert(store, ALERTS[capacity.type], subject, description=text, dedupe_key=key, place=place)


def thresholds(settings: Settings) -> Mapping[CapacityType, float]:
    return {
        CapacityType.CPU: settings.cluster_cpu_notification_threshold,
        CapacityType.MEMORY: settings.cluster_memory_notification_threshold,
        CapacityType.STORAGE: settings.cluster_storage_notification_threshold,
        CapacityType.STORAGE_ALLOCATED: settings.cluster_storage_allocated_notification_threshold,
    }
