"""Guest networks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from mainstay_controller.api.access import EVERYBODY, USERS, Caller, is_within, owner_named
from mainstay_controller.api.answers import Success
from mainstay_controller.api.instant import instant_job
from mainstay_controller.api.listing import ScopedListing, listing
from mainstay_controller.api.parameters import AllAre, Filter, NothingHas
from mainstay_controller.api.registry import command
from mainstay_controller.api.views import networks as views
from mainstay_controller.api.views import one
from mainstay_controller.domain.ids import DomainId, NetworkId, NetworkOfferingId, PhysicalNetworkId, ProjectId, ZoneId
from mainstay_controller.domain.resource_types import ResourceType
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.networking import networks
from mainstay_controller.operations.resource_limits import check_limits
from mainstay_controller.store.port import LIVE, Store, Where, any_of, eq


class NetworkFilter(StrEnum):
    ACCOUNT = "Account"
    DOMAIN = "Domain"
    ACCOUNT_DOMAIN = "AccountDomain"
    SHARED = "Shared"
    ALL = "All"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListNetworks(ScopedListing):
    """Lists guest networks."""

    id: Annotated[NetworkId | None, "the ID of the network", Filter()] = None
    name: Annotated[str | None, "the name of the network", Filter()] = None
    zone_id: Annotated[ZoneId | None, "the ID of the zone", Filter()] = None
    type: Annotated[str | None, "Isolated, Shared or L2", Filter("guest_type")] = None
    traffic_type: Annotated[str | None, "the traffic type", Filter()] = None
    acl_type: Annotated[str | None, "Account or Domain", Filter()] = None
    physical_network_id: Annotated[PhysicalNetworkId | None, "the ID of the physical network", Filter()] = None
    network_offering_id: Annotated[NetworkOfferingId | None, "the ID of the offering", Filter("offering_id")] = None
    is_system: Annotated[bool | None, "whether it is the system's", Filter()] = None
    vlan: Annotated[str | None, "the VLAN", Filter()] = None
    vpc_id: Annotated[str | None, "a VPC: there is none", NothingHas()] = None
    for_vpc: Annotated[bool, "those of VPCs: there are none", NothingHas()] = False
    supported_services: Annotated[tuple[str, ...], "only those with all of these services"] = ()
    specify_ip_ranges: Annotated[bool | None, "whether ranges are said"] = None
    restart_required: Annotated[bool | None, "whether it must be restarted: none must", AllAre(value=False)] = None
    can_use_for_deploy: Annotated[bool | None, "whether machines can be deployed in it", AllAre(value=True)] = None
    display_network: Annotated[bool | None, "whether it is shown to its owner: all are", AllAre(value=True)] = None
    associated_network_id: Annotated[str | None, "an associated network: there is none", NothingHas()] = None
    network_filter: Annotated[NetworkFilter | None, "Account, Domain, AccountDomain, Shared or All"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateNetwork:
    """`bridge` is ours: the bridge on the hosts that guests are connected to."""

    name: Annotated[str, "the name of the network"]
    zone_id: Annotated[ZoneId, "the ID of the zone"]
    network_offering_id: Annotated[NetworkOfferingId, "the ID of the network offering"]
    display_text: Annotated[str, "the text shown for it"] = ""
    physical_network_id: Annotated[PhysicalNetworkId | None, "the ID of the physical network"] = None
    acl_type: Annotated[str, "Account or Domain: who may use it"] = ""
    gateway: Annotated[str, "the gateway"] = ""
    netmask: Annotated[str, "the netmask"] = ""
    start_ip: Annotated[str, "the first address it gives out"] = ""
    end_ip: Annotated[str, "the last address it gives out"] = ""
    vlan: Annotated[str, "the VLAN"] = ""
    bridge: Annotated[str, "the bridge on the hosts"] = ""
    network_domain: Annotated[str, "the network domain"] = ""
    dns1: Annotated[str, "the first DNS server"] = ""
    dns2: Annotated[str, "the second DNS server"] = ""
    project_id: Annotated[ProjectId | None, "make it for this project"] = None
    account: Annotated[str | None, "make it for this account, with domainid; administrators only"] = None
    domain_id: Annotated[DomainId | None, "the domain of the account"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateNetwork:
    id: Annotated[NetworkId, "the ID of the network"]
    name: Annotated[str | None, "the new name"] = None
    display_text: Annotated[str | None, "the text shown for it"] = None
    network_domain: Annotated[str | None, "the network domain"] = None
    dns1: Annotated[str | None, "the first DNS server"] = None
    dns2: Annotated[str | None, "the second DNS server"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteNetwork:
    id: Annotated[NetworkId, "the ID of the network"]
    forced: Annotated[bool, "taken for false: a network with guests is not deleted"] = False


async def _of_the_domains_above(caller: Caller, store: Store) -> list[Where]:
    """Networks for everybody in the caller's domain, or in one above it."""
    above = [domain.id for domain in await store.domains.find(LIVE) if is_within(caller.domain, domain)]
    return [LIVE, eq("acl_type", "Domain"), any_of("domain_id", above)]


async def _by_offering(request: ListNetworks, caller: Caller, cloud: Cloud) -> list[Where]:
    conditions: list[Where] = []
    if request.supported_services or request.specify_ip_ranges is not None:
        wanted = {service.lower() for service in request.supported_services}
        suitable = [
            offering.id
            for offering in await cloud.store.network_offerings.find()
            if wanted <= {service.lower() for service in offering.services}
            and request.specify_ip_ranges in (None, offering.specify_ip_ranges)
        ]
        conditions.append(any_of("offering_id", suitable))
    match request.network_filter:
        case NetworkFilter.ACCOUNT:
            conditions += [eq("acl_type", "Account"), eq("account_id", caller.account.id)]
        case NetworkFilter.DOMAIN:
            conditions.append(eq("acl_type", "Domain"))
        case NetworkFilter.SHARED:
            conditions.append(eq("guest_type", "Shared"))
    return conditions


list_networks = listing(
    "listNetworks",
    request=ListNetworks,
    rows=lambda store: store.networks,
    view=views.networks,
    roles=EVERYBODY,
    keyword=("name", "display_text"),
    where=_by_offering,
    shared=_of_the_domains_above,
)


@command("createNetwork", roles=USERS)
async def create(request: CreateNetwork, caller: Caller, cloud: Cloud) -> views.NetworkView:
    """Creates a guest network."""
    owner = await owner_named(caller, request.account, request.domain_id, cloud.store, project_id=request.project_id)
    await check_limits(owner, {ResourceType.NETWORK: 1}, cloud)
    new = networks.NewNetwork(
        zone_id=request.zone_id,
        offering_id=request.network_offering_id,
        account_id=owner.id,
        domain_id=owner.domain_id,
        name=request.name,
        display_text=request.display_text,
        physical_network_id=request.physical_network_id,
        acl_type=request.acl_type,
        gateway=request.gateway,
        netmask=request.netmask,
        start_ip=request.start_ip,
        end_ip=request.end_ip,
        vlan=request.vlan,
        bridge=request.bridge,
        network_domain=request.network_domain,
        dns1=request.dns1,
        dns2=request.dns2,
    )
    return await one(views.networks, await networks.create_network(new, cloud), caller, cloud)


@instant_job("updateNetwork", roles=USERS)
async def update(request: UpdateNetwork, caller: Caller, cloud: Cloud) -> views.NetworkView:
    """Changes what is said of a network."""
    change = networks.NetworkChange(
        name=request.name,
        display_text=request.display_text,
        network_domain=request.network_domain,
        dns1=request.dns1,
        dns2=request.dns2,
    )
    changed = await networks.update_network(await cloud.store.networks.by_id(request.id), change, cloud)
    return await one(views.networks, changed, caller, cloud)


@instant_job("deleteNetwork", roles=USERS)
async def delete(request: DeleteNetwork, _caller: Caller, cloud: Cloud) -> Success:
    """Deletes a network without guests."""
    await networks.delete_network(await cloud.store.networks.by_id(request.id), cloud)
    return Success()


COMMANDS = (list_networks, create, update, delete)
