"""Network offerings: the kinds in which guest networks come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from mainstay_controller.api.access import EVERYBODY, ROOT, Caller
from mainstay_controller.api.answers import Success
from mainstay_controller.api.listing import Listing, listing
from mainstay_controller.api.offered import offered_in, offered_to
from mainstay_controller.api.parameters import Filter, NothingHas
from mainstay_controller.api.registry import command
from mainstay_controller.api.views import networks as views
from mainstay_controller.api.views import one
from mainstay_controller.domain.ids import DomainId, NetworkId, NetworkOfferingId, ZoneId
from mainstay_controller.domain.records import NetworkOffering
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.networking import network_offerings
from mainstay_controller.store.port import LIVE, Where, any_of, eq, ne


@dataclass(frozen=True, slots=True, kw_only=True)
class ListNetworkOfferings(Listing):
    """Lists network offerings."""

    id: Annotated[NetworkOfferingId | None, "the ID of the network offering", Filter()] = None
    name: Annotated[str | None, "the name of the network offering", Filter()] = None
    display_text: Annotated[str | None, "the text shown for it", Filter()] = None
    guest_ip_type: Annotated[str | None, "Isolated, Shared or L2", Filter("guest_type")] = None
    traffic_type: Annotated[str | None, "the traffic type", Filter()] = None
    state: Annotated[str | None, "Enabled or Disabled", Filter()] = None
    availability: Annotated[str | None, "Optional or Required", Filter()] = None
    is_default: Annotated[bool | None, "whether it was there from the beginning", Filter()] = None
    specify_vlan: Annotated[bool | None, "whether the VLAN is said", Filter()] = None
    specify_ip_ranges: Annotated[bool | None, "whether ranges are said", Filter()] = None
    for_vpc: Annotated[bool, "those of VPCs: there are none", NothingHas()] = False
    domain_id: Annotated[DomainId | None, "only those offered in this domain"] = None
    zone_id: Annotated[ZoneId | None, "only those offered in this zone"] = None
    network_id: Annotated[NetworkId | None, "only those that this network could be changed to"] = None
    supported_services: Annotated[tuple[str, ...], "only those with all of these services"] = ()
    source_nat_supported: Annotated[bool | None, "whether SourceNat is among its services"] = None
    is_tagged: Annotated[bool | None, "whether it has tags"] = None
    tags: Annotated[str | None, "only those with this tag"] = None
    routing_mode: Annotated[str | None, "a routing mode: there is none", NothingHas()] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateNetworkOffering:
    name: Annotated[str, "the name of the network offering"]
    guest_ip_type: Annotated[str, "Isolated, Shared or L2"]
    traffic_type: Annotated[str, "the traffic type: Guest"]
    display_text: Annotated[str, "the text shown for it"] = ""
    supported_services: Annotated[tuple[str, ...], "services that networks have"] = ()
    service_provider_list: Annotated[tuple[dict[str, str], ...], "service and provider, pair by pair"] = ()
    availability: Annotated[str, "Optional or Required"] = "Optional"
    enable: Annotated[bool, "enable it at once"] = False
    specify_vlan: Annotated[bool, "whether the VLAN is said"] = False
    specify_ip_ranges: Annotated[bool, "whether ranges are said"] = False
    conserve_mode: Annotated[bool, "whether services share an address"] = True
    is_persistent: Annotated[bool, "whether networks stay without guests"] = False
    egress_default_policy: Annotated[bool, "whether guests may reach out unless told otherwise"] = False
    tags: Annotated[tuple[str, ...], "tags of the physical network it needs"] = ()
    domain_id: Annotated[tuple[DomainId, ...], "only for these domains"] = ()
    zone_id: Annotated[tuple[ZoneId, ...], "only for these zones"] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateNetworkOffering:
    id: Annotated[NetworkOfferingId, "the ID of the network offering"]
    name: Annotated[str | None, "the new name"] = None
    display_text: Annotated[str | None, "the text shown for it"] = None
    availability: Annotated[str | None, "Optional or Required"] = None
    state: Annotated[str | None, "Enabled or Disabled"] = None
    tags: Annotated[tuple[str, ...] | None, "tags, instead of those it has"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteNetworkOffering:
    id: Annotated[NetworkOfferingId, "the ID of the network offering"]


async def _where_offered(request: ListNetworkOfferings, _caller: Caller, cloud: Cloud) -> list[Where]:
    conditions = await _where_served(request, cloud)
    if request.network_id is not None:
        network = await cloud.store.networks.by_id(request.network_id)
        conditions += [eq("guest_type", network.guest_type), ne("id", network.offering_id), eq("state", "Enabled")]
    return conditions


async def _where_served(request: ListNetworkOfferings, cloud: Cloud) -> list[Where]:
    """What is told of lists in a row; all are read only where that is asked."""
    asked = (request.zone_id, request.domain_id, request.source_nat_supported, request.is_tagged, request.tags)
    if not request.supported_services and all(each is None for each in asked):
        return []
    everything = await cloud.store.network_offerings.find(LIVE)
    conditions = [any_of("id", [each.id for each in everything if _serves(each, request)])]
    if request.zone_id is not None:
        conditions.append(offered_in(request.zone_id, everything))
    if request.domain_id is not None:
        conditions.append(offered_to(request.domain_id, everything))
    return conditions


def _serves(offering: NetworkOffering, request: ListNetworkOfferings) -> bool:
    services = {service.lower() for service in offering.services}
    return (
        all(service.lower() in services for service in request.supported_services)
        and request.source_nat_supported in (None, "sourcenat" in services)
        and request.is_tagged in (None, bool(offering.tags))
        and (request.tags is None or request.tags in offering.tags)
    )


list_offerings = listing(
    "listNetworkOfferings",
    request=ListNetworkOfferings,
    rows=lambda store: store.network_offerings,
    view=views.network_offerings,
    roles=EVERYBODY,
    keyword=("name", "display_text"),
    where=_where_offered,
)


@command("createNetworkOffering", roles=ROOT)
async def create(request: CreateNetworkOffering, caller: Caller, cloud: Cloud) -> views.NetworkOfferingView:
    """Creates a network offering; it is Disabled unless told otherwise."""
    new = network_offerings.NewNetworkOffering(
        name=request.name,
        display_text=request.display_text,
        guest_type=request.guest_ip_type,
        traffic_type=request.traffic_type,
        services=_services(request),
        availability=request.availability,
        is_enabled=request.enable,
        specify_vlan=request.specify_vlan,
        specify_ip_ranges=request.specify_ip_ranges,
        conserve_mode=request.conserve_mode,
        is_persistent=request.is_persistent,
        egress_default_allow=request.egress_default_policy,
        tags=request.tags,
        domain_ids=request.domain_id,
        zone_ids=request.zone_id,
    )
    offering = await network_offerings.create_network_offering(new, cloud)
    return await one(views.network_offerings, offering, caller, cloud)


@command("updateNetworkOffering", roles=ROOT)
async def update(request: UpdateNetworkOffering, caller: Caller, cloud: Cloud) -> views.NetworkOfferingView:
    """Changes, enables or disables a network offering."""
    change = network_offerings.NetworkOfferingChange(
        name=request.name,
        display_text=request.display_text,
        availability=request.availability,
        state=request.state,
        tags=request.tags,
    )
    known = await cloud.store.network_offerings.by_id(request.id)
    offering = await network_offerings.update_network_offering(known, change, cloud)
    return await one(views.network_offerings, offering, caller, cloud)


@command("deleteNetworkOffering", roles=ROOT)
async def delete(request: DeleteNetworkOffering, _caller: Caller, cloud: Cloud) -> Success:
    """Deletes a network offering that no network has."""
    await network_offerings.delete_network_offering(await cloud.store.network_offerings.by_id(request.id), cloud)
    return Success()


def _services(request: CreateNetworkOffering) -> Mapping[str, str]:
    """What is supported by the provider that is named for it, or by the virtual router."""
    named = {pair.get("service", "").lower(): pair.get("provider", "") for pair in request.service_provider_list}
    return {service: named.get(service.lower(), "VirtualRouter") for service in request.supported_services}


COMMANDS = (list_offerings, create, update, delete)
