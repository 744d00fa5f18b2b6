"""Tell hosts where their pools are and which lease slot is whose; number the slots on the way.

A slot, once given, stays the host's as long as the host exists; numbers are never given twice at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from mainstay_controller.domain.ids import HostId, PoolId
from mainstay_controller.domain.placement.snapshot import reaches
from mainstay_controller.domain.records import Cluster, Host, LeaseSlot, StoragePool
from mainstay_controller.fleet.gate import Mount, Orientation
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.store.port import LIVE, Conflict, Store, any_of, eq

Slots: TypeAlias = dict[PoolId, dict[HostId, LeaseSlot]]
Reached: TypeAlias = Mapping[HostId, Sequence[StoragePool]]


async def orient(hosts: Sequence[Host], store: Store) -> Orientation:
    """For the hosts of one agent; the first one's cluster says which lease profile holds."""
    [orientation] = await orient_all([hosts], store)
    return orientation


async def orient_all(agents: Sequence[Sequence[Host]], store: Store) -> list[Orientation]:
    """For the hosts of several agents, with as few questions as for those of one."""
    hosts = [host for group in agents for host in group]
    clusters = {each.id: each for each in await store.clusters.find(any_of("id", _distinct(hosts, "cluster_id")))}
    reached = await pools_reached(hosts, store)
    leased = {pool.id: pool for pools in reached.values() for pool in pools if has_slots(pool)}
    slots = await _slots(store, list(leased))
    for host in hosts:
        for pool in reached[host.id]:
            if has_slots(pool) and host.id not in slots[pool.id]:
                slots[pool.id][host.id] = await ensure_slot(store, pool, host)
    return [_orientation(group, clusters[group[0].cluster_id], reached, slots) for group in agents]


def _orientation(group: Sequence[Host], cluster: Cluster, reached: Reached, slots: Slots) -> Orientation:
    pool_ids = sorted({pool.id for host in group for pool in reached[host.id] if has_slots(pool)})
    of_pools = [slot for pool_id in pool_ids for slot in slots[pool_id].values()]
    return Orientation(
        profile=cluster.lease_profile,
        mounts={host.id: tuple(_mount(pool, host, slots) for pool in reached[host.id]) for host in group},
        lease_names=tuple((slot.pool_id, slot.slot, slot.host_id) for slot in sorted(of_pools, key=lambda s: s.slot)),
    )


def has_slots(pool: StoragePool) -> bool:
    return pool.has_leases and pool.scope != "HOST"


async def pools_reached(hosts: Sequence[Host], store: Store) -> Reached:
    """By scope, so that a host of a big cloud does not look at everybody's."""
    zone_wide = await store.pools.find(LIVE, any_of("zone_id", _distinct(hosts, "zone_id")), eq("scope", "ZONE"))
    of_cluster = await store.pools.find(
        LIVE, any_of("cluster_id", _distinct(hosts, "cluster_id")), eq("scope", "CLUSTER")
    )
    own = await store.pools.find(LIVE, any_of("host_id", _distinct(hosts, "id")), eq("scope", "HOST"))
    by_place: dict[str | None, list[StoragePool]] = {}
    for place, pools in (("zone_id", zone_wide), ("cluster_id", of_cluster), ("host_id", own)):
        for pool in pools:
            by_place.setdefault(getattr(pool, place), []).append(pool)
    return {
        host.id: [
            pool
            for place in (host.zone_id, host.cluster_id, host.id)
            for pool in by_place.get(place, ())
            if reaches(host, pool)
        ]
        for host in hosts
    }


def _distinct(hosts: Sequence[Host], field: str) -> list[str]:
    return sorted({getattr(host, field) for host in hosts})


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


async def _slots(store: Store, pool_ids: list[PoolId]) -> Slots:
    slots: Slots = {pool_id: {} for pool_id in pool_ids}
    for slot in await store.lease_slots.find(any_of("pool_id", sorted(pool_ids)), order_by="slot"):
        slots[slot.pool_id][slot.host_id] = slot
    return slots


def _mount(pool: StoragePool, host: Host, slots: Slots) -> Mount:
    mine = slots.get(pool.id, {}).get(host.id)
    return Mount(
        pool_id=pool.id, path=pool.path, slot=mine.slot if mine is not None else None, shared=pool.scope != "HOST"
    )
