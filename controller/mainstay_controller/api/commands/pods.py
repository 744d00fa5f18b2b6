"""Pods: the racks of a zone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mainstay_controller.api.access import ROOT, ROOT_READS, Caller
from mainstay_controller.api.answers import Success
from mainstay_controller.api.listing import Listing, listing
from mainstay_controller.api.parameters import Filter, NothingHas
from mainstay_controller.api.registry import command
from mainstay_controller.api.views import one
from mainstay_controller.api.views import zones as views
from mainstay_controller.domain.ids import PodId, ZoneId
from mainstay_controller.domain.states import AllocationState
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.places import create_pod, remove_place, update_places


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPods(Listing):
    """Lists pods."""

    id: Annotated[PodId | None, "the ID of the pod", Filter()] = None
    name: Annotated[str | None, "the name of the pod", Filter()] = None
    zone_id: Annotated[ZoneId | None, "the ID of the zone", Filter()] = None
    allocation_state: Annotated[AllocationState | None, "Enabled or Disabled", Filter()] = None
    storage_access_group: Annotated[str | None, "a storage access group: there is none", NothingHas()] = None


list_pods = listing(
    "listPods",
    request=ListPods,
    rows=lambda store: store.pods,
    view=views.pods,
    roles=ROOT_READS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatePod:
    name: Annotated[str, "the name of the pod"]
    zone_id: Annotated[ZoneId, "the ID of the zone"]
    gateway: Annotated[str, "the gateway of the pod"] = ""
    netmask: Annotated[str, "the netmask of the pod"] = ""
    start_ip: Annotated[str, "the first address it gives out"] = ""
    end_ip: Annotated[str, "the last address it gives out"] = ""
    allocation_state: Annotated[AllocationState, "Enabled or Disabled"] = AllocationState.ENABLED


@command("createPod", roles=ROOT)
async def create(request: CreatePod, caller: Caller, cloud: Cloud) -> views.PodView:
    """Creates a pod."""
    pod = await create_pod.create_pod(
        create_pod.NewPod(
            zone_id=request.zone_id,
            name=request.name,
            gateway=request.gateway,
            netmask=request.netmask,
            start_ip=request.start_ip,
            end_ip=request.end_ip,
            allocation_state=request.allocation_state,
        ),
        cloud,
    )
    return await one(views.pods, pod, caller, cloud)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdatePod:
    id: Annotated[PodId, "the ID of the pod"]
    name: Annotated[str | None, "the new name of the pod"] = None
    gateway: Annotated[str | None, "the gateway of the pod"] = None
    netmask: Annotated[str | None, "the netmask of the pod"] = None
    start_ip: Annotated[str | None, "the first address it gives out"] = None
    end_ip: Annotated[str | None, "the last address it gives out"] = None
    allocation_state: Annotated[AllocationState | None, "Enabled or Disabled"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletePod:
    id: Annotated[PodId, "the ID of the pod"]


@command("updatePod", roles=ROOT)
async def update(request: UpdatePod, caller: Caller, cloud: Cloud) -> views.PodView:
    """Changes a pod, or enables or disables it for new guests."""
    change = update_places.PodChange(
        name=request.name,
        gateway=request.gateway,
        netmask=request.netmask,
        start_ip=request.start_ip,
        end_ip=request.end_ip,
        allocation_state=request.allocation_state,
    )
    pod = await update_places.update_pod(await cloud.store.pods.by_id(request.id), change, cloud)
    return await one(views.pods, pod, caller, cloud)


@command("deletePod", roles=ROOT)
async def delete(request: DeletePod, _caller: Caller, cloud: Cloud) -> Success:
    """Deletes an empty pod."""
    await remove_place.remove_pod(request.id, cloud)
    return Success()


COMMANDS = (create, list_pods, update, delete)
