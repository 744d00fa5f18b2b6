"""Zones: the places that share nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mainstay_controller.api.access import EVERYBODY, ROOT, ROOT_READS, Caller
from mainstay_controller.api.answers import Success
from mainstay_controller.api.listing import TaggedListing, listing
from mainstay_controller.api.parameters import Filter, NothingHas
from mainstay_controller.api.registry import command
from mainstay_controller.api.views import metrics, one
from mainstay_controller.api.views import zones as views
from mainstay_controller.domain.ids import ZoneId
from mainstay_controller.domain.states import AllocationState
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.places import create_zone, remove_place, update_places
from mainstay_controller.store.port import LIVE, Where, any_of, eq


@dataclass(frozen=True, slots=True, kw_only=True)
class ListZones(TaggedListing):
    """Lists zones."""

    id: Annotated[ZoneId | None, "the ID of the zone", Filter()] = None
    ids: Annotated[tuple[ZoneId, ...] | None, "the IDs of the zones", Filter("id")] = None
    name: Annotated[str | None, "the name of the zone", Filter()] = None
    network_type: Annotated[str | None, "the network type of the zone", Filter()] = None
    available: Annotated[bool | None, "false: only those in which the caller has a virtual machine"] = None
    storage_access_group: Annotated[str | None, "a storage access group: there is none", NothingHas()] = None


async def _in_use(request: ListZones, caller: Caller, cloud: Cloud) -> list[Where]:
    if request.available is not False:
        return []
    own = await cloud.store.vms.find(eq("account_id", caller.account.id), LIVE)
    return [any_of("id", sorted({vm.zone_id for vm in own}))]


list_zones = listing(
    "listZones",
    request=ListZones,
    rows=lambda store: store.zones,
    view=views.zones,
    roles=EVERYBODY,
    where=_in_use,
)

list_zones_metrics = listing(
    "listZonesMetrics",
    request=ListZones,
    rows=lambda store: store.zones,
    view=metrics.zones,
    roles=ROOT_READS,
    where=_in_use,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateZone:
    name: Annotated[str, "the name of the zone"]
    dns1: Annotated[str, "the first DNS server for guests"]
    internal_dns1: Annotated[str, "the first DNS server for system VMs"]
    network_type: Annotated[str, "Basic or Advanced"]
    dns2: Annotated[str, "the second DNS server for guests"] = ""
    internal_dns2: Annotated[str, "the second DNS server for system VMs"] = ""
    guest_cidr_address: Annotated[str | None, "the guest CIDR of the zone"] = None
    allocation_state: Annotated[AllocationState, "Enabled or Disabled"] = AllocationState.DISABLED
    local_storage_enabled: Annotated[bool, "whether local storage of hosts is used"] = False
    security_group_enabled: Annotated[bool, "whether security groups are used"] = False


@command("createZone", roles=ROOT)
async def create(request: CreateZone, caller: Caller, cloud: Cloud) -> views.ZoneView:
    """Creates a zone; it begins Disabled unless said otherwise."""
    zone = await create_zone.create_zone(
        create_zone.NewZone(
            name=request.name,
            dns1=request.dns1,
            dns2=request.dns2,
            internal_dns1=request.internal_dns1,
            internal_dns2=request.internal_dns2,
            network_type=request.network_type,
            guest_cidr=request.guest_cidr_address,
            allocation_state=request.allocation_state,
            local_storage_enabled=request.local_storage_enabled,
            security_groups_enabled=request.security_group_enabled,
        ),
        cloud,
    )
    return await one(views.zones, zone, caller, cloud)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateZone:
    id: Annotated[ZoneId, "the ID of the zone"]
    name: Annotated[str | None, "the new name of the zone"] = None
    dns1: Annotated[str | None, "the first DNS server for guests"] = None
    dns2: Annotated[str | None, "the second DNS server for guests"] = None
    internal_dns1: Annotated[str | None, "the first DNS server for system VMs"] = None
    internal_dns2: Annotated[str | None, "the second DNS server for system VMs"] = None
    guest_cidr_address: Annotated[str | None, "the guest CIDR of the zone"] = None
    allocation_state: Annotated[AllocationState | None, "Enabled or Disabled"] = None
    local_storage_enabled: Annotated[bool | None, "whether local storage of hosts is used"] = None
    details: Annotated[dict[str, str] | None, "details, instead of those it has"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteZone:
    id: Annotated[ZoneId, "the ID of the zone"]


@command("updateZone", roles=ROOT)
async def update(request: UpdateZone, caller: Caller, cloud: Cloud) -> views.ZoneView:
    """Changes a zone, or enables or disables it for new guests."""
    change = update_places.ZoneChange(
        name=request.name,
        dns1=request.dns1,
        dns2=request.dns2,
        internal_dns1=request.internal_dns1,
        internal_dns2=request.internal_dns2,
        guest_cidr=request.guest_cidr_address,
        allocation_state=request.allocation_state,
        local_storage_enabled=request.local_storage_enabled,
        details=request.details,
    )
    zone = await update_places.update_zone(await cloud.store.zones.by_id(request.id), change, cloud)
    return await one(views.zones, zone, caller, cloud)


@command("deleteZone", roles=ROOT)
async def delete(request: DeleteZone, _caller: Caller, cloud: Cloud) -> Success:
    """Deletes an empty zone."""
    await remove_place.remove_zone(request.id, cloud)
    return Success()


COMMANDS = (create, list_zones, list_zones_metrics, update, delete)
