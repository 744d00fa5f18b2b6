"""Enable and disable hosts for allocation.  What runs there runs on; only new placements are affected."""

from __future__ import annotations

from dataclasses import replace

from mainstay_controller.domain.ids import HostId
from mainstay_controller.domain.lifecycle.resource import TRANSITIONS, ResourceEvent
from mainstay_controller.domain.lifecycle.table import ForbiddenTransition, after
from mainstay_controller.domain.records import Host
from mainstay_controller.domain.states import ResourceState
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import ResourceInUse
from mainstay_controller.operations.living import living_host


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
