"""Remove a host that runs nothing: its row, its agent's certificate and its session.

Forced means without maintenance first; it never means without its guests' consent: while a guest is on the host by its row, the host stays.
Its lease slots are not given to others: an agent that has not heard of its removal may still be writing there."""

from __future__ import annotations

from dataclasses import replace

from mainstay_controller.domain.ids import HostId
from mainstay_controller.domain.lifecycle.host import HostEvent
from mainstay_controller.domain.records import Host
from mainstay_controller.domain.states import ResourceState
from mainstay_controller.fleet.gate import Orientation
from mainstay_controller.operations.change_state import change_host
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import ResourceInUse
from mainstay_controller.operations.living import living_host
from mainstay_controller.operations.maintenance.drain_host import guests_on
from mainstay_controller.store.port import LIVE, Store, eq

REMOVABLE = (ResourceState.MAINTENANCE, ResourceState.DEGRADED)


async def remove_host(host_id: HostId, cloud: Cloud, *, forced: bool = False) -> Host:
    host = await living_host(host_id, cloud.store)
    if not forced and host.resource_state not in REMOVABLE:
        raise ResourceInUse(f"Host {host.name} is {host.resource_state}: put it into maintenance first")
    await check_nothing_is_on(host, cloud)
    async with cloud.store.transaction() as store:
        now = await store.now()
        gone = replace(host, removed=now)
        host = await change_host(store, host, HostEvent.REMOVE, now, "removed by order", into=gone)
        await revoke_certificates(host, store)
    profile = (await cloud.store.clusters.by_id(host.cluster_id)).lease_profile
    await cloud.fleet.orient(host.id, Orientation(profile=profile, mounts={}, lease_names=()))
    cloud.fleet.drop_session(host.id, "the host was removed")
    cloud.fleet.forget(host.id)
    return host


async def check_nothing_is_on(host: Host, cloud: Cloud) -> None:
    guests = await guests_on(host, cloud)
    if guests:
        names = ", ".join(sorted(vm.name for vm in guests))
        raise ResourceInUse(f"Host {host.name} runs, or may run, {len(guests)} guests: {names}")
    pools = await cloud.store.pools.find(eq("host_id", host.id), LIVE)
    if pools:
        raise ResourceInUse(f"Host {host.name} has local storage pools: {', '.join(pool.name for pool in pools)}")


async def revoke_certificates(host: Host, store: Store) -> None:
    """Those of its own agent; an agent that speaks for many hosts keeps its certificate, and is refused this host."""
    for certificate in await store.certificates.find(eq("subject_id", host.id), eq("revoked", None)):
        await store.certificates.swap(certificate, replace(certificate, revoked=await store.now()))
