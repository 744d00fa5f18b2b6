"""Enable and disable zones, pods, clusters and hosts for allocation.  What runs there runs on; only new placements are affected."""

from __future__ import annotations

from dataclasses import replace

from mainstay_controller.domain.ids import ClusterId, HostId, PodId, ZoneId
from mainstay_controller.domain.lifecycle.resource import TRANSITIONS, ResourceEvent
from mainstay_controller.domain.lifecycle.table import ForbiddenTransition, after
from mainstay_controller.domain.records import Cluster, Host, Pod, Zone
from mainstay_controller.domain.states import AllocationState, ResourceState
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter, ResourceInUse
from mainstay_controller.operations.living import living_cluster, living_host, living_zone


async def set_zone_allocation(zone_id: ZoneId, state: AllocationState, cloud: Cloud) -> Zone:
    zone = await living_zone(zone_id, cloud.store, "id")
    return await cloud.store.zones.swap(zone, replace(zone, allocation_state=state))


async def set_pod_allocation(pod_id: PodId, state: AllocationState, cloud: Cloud) -> Pod:
    pod = await cloud.store.pods.get(pod_id)
    if pod is None or pod.removed is not None:
        raise InvalidParameter("id", f"there is no pod {pod_id}")
    return await cloud.store.pods.swap(pod, replace(pod, allocation_state=state))


async def set_cluster_allocation(cluster_id: ClusterId, state: AllocationState, cloud: Cloud) -> Cluster:
    cluster = await living_cluster(cluster_id, cloud.store, "id")
    return await cloud.store.clusters.swap(cluster, replace(cluster, allocation_state=state))


async def set_host_allocation(host_id: HostId, event: ResourceEvent, cloud: Cloud) -> Host:
    """`event`: Enable or Disable, CloudStack's verbs.  A host that is already so is left so."""
    host = await living_host(host_id, cloud.store)
    wanted = ResourceState.ENABLED if event is ResourceEvent.ENABLE else ResourceState.DISABLED
    if host.resource_state is wanted:
        return host
    try:
        state = after(TRANSITIONS, host.resource_state, event)
    except ForbiddenTransition as error:
        raise ResourceInUse(f"Host {host.name}: {error}") from error
    return await cloud.store.hosts.swap(host, replace(host, resource_state=state))
