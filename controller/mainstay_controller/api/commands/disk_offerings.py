"""Disk offerings: the sizes in which data disks come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mainstay_controller.api.access import EVERYBODY, ROOT, Caller
from mainstay_controller.api.answers import Success
from mainstay_controller.api.listing import Listing, listing
from mainstay_controller.api.offered import offered_in, offered_to
from mainstay_controller.api.parameters import AllAre, Filter, NotKept
from mainstay_controller.api.registry import command
from mainstay_controller.api.views import one
from mainstay_controller.api.views import volumes as views
from mainstay_controller.domain.ids import DiskOfferingId, DomainId, PoolId, VmId, VolumeId, ZoneId
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.offerings import disk_offerings
from mainstay_controller.store.port import LIVE, Where


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDiskOfferings(Listing):
    """Lists disk offerings."""

    id: Annotated[DiskOfferingId | None, "the ID of the disk offering", Filter()] = None
    name: Annotated[str | None, "the name of the disk offering", Filter()] = None
    storage_type: Annotated[str | None, "shared or local", Filter()] = None
    state: Annotated[str | None, "Active or Inactive", Filter()] = None
    zone_id: Annotated[ZoneId | None, "only those offered in this zone"] = None
    domain_id: Annotated[DomainId | None, "only those offered in this domain"] = None
    encrypt: Annotated[bool | None, "whether disks are encrypted: none are", AllAre(value=False)] = None
    volume_id: Annotated[VolumeId | None, "which offerings suit a volume is not told", NotKept()] = None
    virtual_machine_id: Annotated[VmId | None, "which offerings suit a virtual machine is not told", NotKept()] = None
    storage_id: Annotated[PoolId | None, "which offerings suit a storage pool is not told", NotKept()] = None


async def _where_offered(request: ListDiskOfferings, _caller: Caller, cloud: Cloud) -> list[Where]:
    if request.zone_id is None and request.domain_id is None:
        return []
    everything = await cloud.store.disk_offerings.find(LIVE)
    in_zone = [offered_in(request.zone_id, everything)] if request.zone_id is not None else []
    return [*in_zone, *([offered_to(request.domain_id, everything)] if request.domain_id is not None else [])]


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateDiskOffering:
    name: Annotated[str, "the name of the disk offering"]
    display_text: Annotated[str, "the text shown for it"] = ""
    disk_size: Annotated[int | None, "the size in GiB"] = None
    customized: Annotated[bool, "whether the size is said when a disk is made"] = False
    storage_type: Annotated[str, "shared or local"] = "shared"
    tags: Annotated[tuple[str, ...], "tags its storage must have"] = ()
    domain_id: Annotated[tuple[DomainId, ...], "only for these domains"] = ()
    zone_id: Annotated[tuple[ZoneId, ...], "only for these zones"] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateDiskOffering:
    id: Annotated[DiskOfferingId, "the ID of the disk offering"]
    name: Annotated[str | None, "the new name"] = None
    display_text: Annotated[str | None, "the text shown for it"] = None
    state: Annotated[str | None, "Active or Inactive"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteDiskOffering:
    id: Annotated[DiskOfferingId, "the ID of the disk offering"]


list_disk_offerings = listing(
    "listDiskOfferings",
    request=ListDiskOfferings,
    rows=lambda store: store.disk_offerings,
    view=views.disk_offerings,
    roles=EVERYBODY,
    keyword=("name", "display_text"),
    where=_where_offered,
)


@command("createDiskOffering", roles=ROOT)
async def create(request: CreateDiskOffering, caller: Caller, cloud: Cloud) -> views.DiskOfferingView:
    """Creates a disk offering."""
    new = disk_offerings.NewDiskOffering(
        name=request.name,
        display_text=request.display_text,
        size_gib=request.disk_size,
        is_customized=request.customized,
        storage_type=request.storage_type,
        storage_tags=request.tags,
        domain_ids=request.domain_id,
        zone_ids=request.zone_id,
    )
    return await one(views.disk_offerings, await disk_offerings.create_disk_offering(new, cloud), caller, cloud)


@command("updateDiskOffering", roles=ROOT)
async def update(request: UpdateDiskOffering, caller: Caller, cloud: Cloud) -> views.DiskOfferingView:
    """Changes what is said of a disk offering."""
    known = await cloud.store.disk_offerings.by_id(request.id)
    change = disk_offerings.OfferingChange(name=request.name, display_text=request.display_text, state=request.state)
    changed = await disk_offerings.update_disk_offering(known, change, cloud)
    return await one(views.disk_offerings, changed, caller, cloud)


@command("deleteDiskOffering", roles=ROOT)
async def delete(request: DeleteDiskOffering, _caller: Caller, cloud: Cloud) -> Success:
    """Deletes a disk offering; disks made from it stay."""
    await disk_offerings.delete_disk_offering(await cloud.store.disk_offerings.by_id(request.id), cloud)
    return Success()


COMMANDS = (list_disk_offerings, create, update, delete)
