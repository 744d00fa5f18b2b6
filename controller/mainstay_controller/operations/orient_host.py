"""Tell hosts where their pools are and which lease slot is whose; number the slots on the way.

A slot, once given, stays the host's as long as the host exists; numbers are never given twice at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mainstay_controller.domain.ids import HostId, PoolId
from mainstay_controller.domain.placement.snapshot import reaches
from mainstay_controller.domain.records import Host, LeaseSlot, StoragePool
from mainstay_controller.fleet.gate import Mount, Orientation
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.store.port import LIVE, Conflict, Store, any_of, eq


async def orient(hosts: Sequence[Host], store: Store) -> Orientation:
    """For the hosts of one agent; the first one's cluster says which lease profile holds."""
    cluster = await store.clusters.by_id(hosts[0].cluster_id)
    reached = {host.id: await pools_reached(host, store) for host in hosts}
    for host in hosts:
        for pool in reached[host.id]:
            if pool.has_leases and pool.scope != "HOST":
                await ensure_slot(store, pool, host)
    slots = await _slots(store, {pool.id for each in reached.values() for pool in each})
    return Orientation(
        profile=cluster.lease_profile,
        mounts={host.id: tuple(_mount(pool, host, slots) for pool in reached[host.id]) for host in hosts},
        lease_names=tuple((slot.pool_id, slot.slot, slot.host_id) for slot in slots),
    )


async def pools_reached(host: Host, store: Store) -> list[StoragePool]:
    """By scope, so that a host of a big cloud does not look at everybody's."""
    zone_wide = await store.pools.find(LIVE, eq("zone_id", host.zone_id), eq("scope", "ZONE"))
    of_cluster = await store.pools.find(LIVE, eq("cluster_id", host.cluster_id), eq("scope", "CLUSTER"))
    own = await store.pools.find(LIVE, eq("host_id", host.id), eq("scope", "HOST"))
    return [pool for pool in (*zone_wide, *of_cluster, *own) if reaches(host, pool)]


async def reorient_pool(pool: StoragePool, cloud: Cloud) -> None:
    """A pool came, went, or has a new user: every live host that reaches it is told."""
    hosts = await cloud.store.hosts.find(eq("zone_id", pool.zone_id), LIVE)
    live = [host for host in hosts if pool.host_id in (None, host.id) and cloud.fleet.is_connected(host.id)]
    if live:
        await orient(live, cloud.store)  # every slot is numbered before the first host is told
    for host in live:
        await cloud.fleet.orient(host.id, await orient([host], cloud.store))


async def ensure_slot(store: Store, pool: StoragePool, host: Host) -> LeaseSlot:
    while True:
        taken = await store.lease_slots.find(eq("pool_id", pool.id))
        mine = next((slot for slot in taken if slot.host_id == host.id), None)
        if mine is not None:
            return mine
        fresh = LeaseSlot(
            id=f"{pool.id}:{host.id}",
            pool_id=pool.id,
            host_id=host.id,
            slot=first_free(slot.slot for slot in taken),
            created=await store.now(),
        )
        try:
            return await store.lease_slots.add(fresh)
        except Conflict:
            continue


def first_free(taken: Iterable[int]) -> int:
    numbers = set(taken)
    return next(number for number in range(len(numbers) + 1) if number not in numbers)


async def _slots(store: Store, pool_ids: set[PoolId]) -> list[LeaseSlot]:
    return await store.lease_slots.find(any_of("pool_id", sorted(pool_ids)), order_by="slot")


def _mount(pool: StoragePool, host: Host, slots: Iterable[LeaseSlot]) -> Mount:
    mine = [slot.slot for slot in slots if slot.pool_id == pool.id and slot.host_id == host.id]
    return Mount(pool_id=pool.id, path=pool.path, slot=mine[0] if mine else None, shared=pool.scope != "HOST")


async def leased_pools(store: Store, host_id: HostId) -> list[PoolId]:
    """Pools on which the host has a slot."""
    return [slot.pool_id for slot in await store.lease_slots.find(eq("host_id", host_id))]
