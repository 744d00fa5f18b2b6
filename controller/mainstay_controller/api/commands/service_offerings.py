"""Service offerings: the sizes in which virtual machines come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mainstay_controller.api.access import EVERYBODY, ROOT, Caller
from mainstay_controller.api.answers import Success
from mainstay_controller.api.listing import Listing, listing
from mainstay_controller.api.offered import offered_in, offered_to
from mainstay_controller.api.parameters import AllAre, Between, Filter, NothingHas
from mainstay_controller.api.registry import command
from mainstay_controller.api.views import offerings as views
from mainstay_controller.api.views import one
from mainstay_controller.domain.ids import DomainId, OfferingId, VmId, ZoneId
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.offerings import create_service_offering, update_offering
from mainstay_controller.store.port import LIVE, Where, ne


@dataclass(frozen=True, slots=True, kw_only=True)
class ListServiceOfferings(Listing):
    """Lists service offerings."""

    id: Annotated[OfferingId | None, "the ID of the service offering", Filter()] = None
    name: Annotated[str | None, "the name of the service offering", Filter()] = None
    is_system: Annotated[bool, "list those of system VMs instead", Filter()] = False
    system_vm_type: Annotated[str | None, "the kind of system VM", Filter()] = None
    cpu_number: Annotated[int | None, "the number of CPUs", Filter("cpus")] = None
    cpu_speed: Annotated[int | None, "the speed of a CPU in MHz", Filter("cpu_mhz")] = None
    memory: Annotated[int | None, "the memory in MiB", Filter("memory_mib")] = None
    storage_type: Annotated[str | None, "shared or local", Filter()] = None
    state: Annotated[str | None, "Active or Inactive", Filter()] = None
    zone_id: Annotated[ZoneId | None, "only those offered in this zone"] = None
    virtual_machine_id: Annotated[VmId | None, "only those that this virtual machine could be changed to"] = None
    domain_id: Annotated[DomainId | None, "only those offered in this domain"] = None
    encrypt_root: Annotated[bool | None, "whether root disks are encrypted: none are", AllAre(value=False)] = None
    gpu_enabled: Annotated[bool | None, "whether they have a GPU: none have", AllAre(value=False)] = None
    vgpu_profile_id: Annotated[str | None, "a profile of a GPU: there is none", NothingHas()] = None


async def _where_offered(request: ListServiceOfferings, _caller: Caller, cloud: Cloud) -> list[Where]:
    conditions: list[Where] = []
    if request.zone_id is not None:
        conditions.append(offered_in(request.zone_id, await cloud.store.service_offerings.find(LIVE)))
    if request.domain_id is not None:
        conditions.append(offered_to(request.domain_id, await cloud.store.service_offerings.find(LIVE)))
    if request.virtual_machine_id is not None:
        vm = await cloud.store.vms.by_id(request.virtual_machine_id)
        conditions.append(ne("id", vm.service_offering_id))
    return conditions


list_service_offerings = listing(
    "listServiceOfferings",
    request=ListServiceOfferings,
    rows=lambda store: store.service_offerings,
    view=views.service_offerings,
    roles=EVERYBODY,
    keyword=("name", "display_text"),
    where=_where_offered,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateServiceOffering:
    """`restart_after_guest_shutdown` and `priority` are ours: whether a guest that shut itself down is started again, and who restarts first."""

    name: Annotated[str, "the name of the service offering"]
    cpu_number: Annotated[int, "the number of CPUs"]
    cpu_speed: Annotated[int, "the speed of a CPU in MHz"]
    memory: Annotated[int, "the memory in MiB"]
    display_text: Annotated[str, "the text shown for it"] = ""
    offer_ha: Annotated[bool, "whether its virtual machines are restarted when their host fails"] = False
    restart_after_guest_shutdown: Annotated[bool, "whether a guest that shut itself down is started again"] = False
    priority: Annotated[int, "restart order: higher first", Between(-1000, 1000)] = 0
    limit_cpu_use: Annotated[bool, "whether a guest may not use more CPU than it was given"] = False
    is_volatile: Annotated[bool, "whether the root disk is made anew at every start"] = False
    storage_type: Annotated[str, "shared or local"] = "shared"
    tags: Annotated[tuple[str, ...], "tags its storage must have"] = ()
    host_tags: Annotated[tuple[str, ...], "tags its hosts must have"] = ()
    domain_id: Annotated[tuple[DomainId, ...], "only for these domains"] = ()
    zone_id: Annotated[tuple[ZoneId, ...], "only for these zones"] = ()


@command("createServiceOffering", roles=ROOT)
async def create(request: CreateServiceOffering, caller: Caller, cloud: Cloud) -> views.ServiceOfferingView:
    """Creates a service offering."""
    offering = await create_service_offering.create_service_offering(
        create_service_offering.NewServiceOffering(
            name=request.name,
            display_text=request.display_text,
            cpus=request.cpu_number,
            cpu_mhz=request.cpu_speed,
            memory_mib=request.memory,
            offer_ha=request.offer_ha,
            restart_after_guest_shutdown=request.restart_after_guest_shutdown,
            priority=request.priority,
            limit_cpu_use=request.limit_cpu_use,
            is_volatile=request.is_volatile,
            storage_type=request.storage_type,
            storage_tags=request.tags,
            host_tags=request.host_tags,
            domain_ids=request.domain_id,
            zone_ids=request.zone_id,
        ),
        cloud,
    )
    return await one(views.service_offerings, offering, caller, cloud)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateServiceOffering:
    id: Annotated[OfferingId, "the ID of the service offering"]
    name: Annotated[str | None, "the new name"] = None
    display_text: Annotated[str | None, "the text shown for it"] = None
    state: Annotated[str | None, "Active or Inactive"] = None
    host_tags: Annotated[tuple[str, ...] | None, "tags its hosts must have, from the next start on"] = None
    storage_tags: Annotated[tuple[str, ...] | None, "tags its storage must have"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteServiceOffering:
    id: Annotated[OfferingId, "the ID of the service offering"]


@command("updateServiceOffering", roles=ROOT)
async def update(request: UpdateServiceOffering, caller: Caller, cloud: Cloud) -> views.ServiceOfferingView:
    """Changes what is said of a service offering, and its tags."""
    known = await cloud.store.service_offerings.by_id(request.id)
    change = update_offering.ServiceOfferingChange(
        name=request.name,
        display_text=request.display_text,
        state=request.state,
        host_tags=request.host_tags,
        storage_tags=request.storage_tags,
    )
    changed = await update_offering.update_service_offering(known, change, cloud)
    return await one(views.service_offerings, changed, caller, cloud)


@command("deleteServiceOffering", roles=ROOT)
async def delete(request: DeleteServiceOffering, _caller: Caller, cloud: Cloud) -> Success:
    """Deletes a service offering; virtual machines that have it keep their size."""
    await update_offering.delete_service_offering(await cloud.store.service_offerings.by_id(request.id), cloud)
    return Success()


COMMANDS = (create, list_service_offerings, update, delete)
