"""Physical networks: what they carry, and who serves on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mainstay_controller.api.access import ROOT, ROOT_READS, Caller
from mainstay_controller.api.answers import Success
from mainstay_controller.api.instant import instant_job
from mainstay_controller.api.listing import Listing, listing
from mainstay_controller.api.parameters import Filter
from mainstay_controller.api.views import networks as views
from mainstay_controller.api.views import one
from mainstay_controller.domain.ids import PhysicalNetworkId, ServiceProviderId, TrafficTypeId, ZoneId
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.networking import physical_networks
from mainstay_controller.store.port import Where, eq, ne


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPhysicalNetworks(Listing):
    """Lists physical networks."""

    id: Annotated[PhysicalNetworkId | None, "the ID of the physical network", Filter()] = None
    name: Annotated[str | None, "the name of the physical network", Filter()] = None
    zone_id: Annotated[ZoneId | None, "the ID of the zone", Filter()] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatePhysicalNetwork:
    zone_id: Annotated[ZoneId, "the ID of the zone"]
    name: Annotated[str, "the name of the physical network"]
    vlan: Annotated[str, "ranges of VLANs, such as 100-200"] = ""
    network_speed: Annotated[str, "the speed, such as 10G"] = ""
    isolation_methods: Annotated[tuple[str, ...], "how networks on it are kept apart"] = ("VLAN",)
    broadcast_domain_range: Annotated[str, "ZONE or POD"] = "ZONE"
    tags: Annotated[tuple[str, ...], "tags of the physical network"] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdatePhysicalNetwork:
    id: Annotated[PhysicalNetworkId, "the ID of the physical network"]
    state: Annotated[str | None, "Enabled or Disabled"] = None
    vlan: Annotated[str | None, "ranges of VLANs"] = None
    network_speed: Annotated[str | None, "the speed"] = None
    tags: Annotated[tuple[str, ...] | None, "tags, instead of those it has"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletePhysicalNetwork:
    id: Annotated[PhysicalNetworkId, "the ID of the physical network"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddTrafficType:
    physical_network_id: Annotated[PhysicalNetworkId, "the ID of the physical network"]
    traffic_type: Annotated[str, "Management, Guest, Public or Storage"]
    kvm_network_label: Annotated[str | None, "the bridge on KVM hosts"] = None
    xen_network_label: Annotated[str | None, "the network on XenServer hosts"] = None
    vmware_network_label: Annotated[str | None, "the switch on VMware hosts"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTrafficTypes(Listing):
    """Lists what a physical network carries."""

    physical_network_id: Annotated[PhysicalNetworkId, "the ID of the physical network", Filter()]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteTrafficType:
    id: Annotated[TrafficTypeId, "the ID of the traffic type"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListServiceProviders(Listing):
    """Lists who serves on physical networks."""

    physical_network_id: Annotated[PhysicalNetworkId | None, "the ID of the physical network", Filter()] = None
    name: Annotated[str | None, "the name of the provider", Filter()] = None
    state: Annotated[str | None, "Enabled or Disabled", Filter()] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateServiceProvider:
    id: Annotated[ServiceProviderId, "the ID of the provider"]
    state: Annotated[str | None, "Enabled or Disabled"] = None
    service_list: Annotated[tuple[str, ...] | None, "the services it serves"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRouterElements(Listing):
    """Lists the router elements of providers."""

    id: Annotated[ServiceProviderId | None, "the ID of the element", Filter()] = None
    nsp_id: Annotated[ServiceProviderId | None, "the ID of the provider", Filter("id")] = None
    enabled: Annotated[bool | None, "whether the provider is Enabled"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigureRouterElement:
    id: Annotated[ServiceProviderId, "the ID of the element"]
    enabled: Annotated[bool, "whether its provider serves"]


list_physical_networks = listing(
    "listPhysicalNetworks",
    request=ListPhysicalNetworks,
    rows=lambda store: store.physical_networks,
    view=views.physical_networks,
    roles=ROOT_READS,
)

list_traffic_types = listing(
    "listTrafficTypes",
    request=ListTrafficTypes,
    rows=lambda store: store.traffic_types,
    view=views.traffic_types,
    roles=ROOT_READS,
    keyword=("traffic_type",),
    order_by="traffic_type",
    fixed=(),
)

list_providers = listing(
    "listNetworkServiceProviders",
    request=ListServiceProviders,
    rows=lambda store: store.service_providers,
    view=views.service_providers,
    roles=ROOT_READS,
    fixed=(),
)


async def _where_enabled(request: ListRouterElements, _caller: Caller, _cloud: Cloud) -> list[Where]:
    if request.enabled is None:
        return []
    return [eq("state", "Enabled") if request.enabled else ne("state", "Enabled")]


list_router_elements = listing(
    "listVirtualRouterElements",
    request=ListRouterElements,
    rows=lambda store: store.service_providers,
    view=views.virtual_router_elements,
    roles=ROOT_READS,
    fixed=(eq("name", "VirtualRouter"),),
    where=_where_enabled,
)


@instant_job("createPhysicalNetwork", roles=ROOT, creates=True)
async def create(request: CreatePhysicalNetwork, caller: Caller, cloud: Cloud) -> views.PhysicalNetworkView:
    """Creates a physical network, with the providers that may serve on it."""
    new = physical_networks.NewPhysicalNetwork(
        zone_id=request.zone_id,
        name=request.name,
        vlan=request.vlan,
        speed=request.network_speed,
        isolation_methods=request.isolation_methods,
        broadcast_domain_range=request.broadcast_domain_range,
        tags=request.tags,
    )
    network = await physical_networks.create_physical_network(new, cloud)
    return await one(views.physical_networks, network, caller, cloud)


@instant_job("updatePhysicalNetwork", roles=ROOT)
async def update(request: UpdatePhysicalNetwork, caller: Caller, cloud: Cloud) -> views.PhysicalNetworkView:
    """Changes, enables or disables a physical network."""
    change = physical_networks.PhysicalNetworkChange(
        state=request.state, vlan=request.vlan, speed=request.network_speed, tags=request.tags
    )
    known = await cloud.store.physical_networks.by_id(request.id)
    network = await physical_networks.update_physical_network(known, change, cloud)
    return await one(views.physical_networks, network, caller, cloud)


@instant_job("deletePhysicalNetwork", roles=ROOT)
async def delete(request: DeletePhysicalNetwork, _caller: Caller, cloud: Cloud) -> Success:
    """Deletes a physical network on which nothing is."""
    await physical_networks.delete_physical_network(await cloud.store.physical_networks.by_id(request.id), cloud)
    return Success()


@instant_job("addTrafficType", roles=ROOT, creates=True)
async def add_traffic_type(request: AddTrafficType, caller: Caller, cloud: Cloud) -> views.TrafficTypeView:
    """Says what a physical network carries, and by which bridge."""
    labels = {
        "kvm": request.kvm_network_label,
        "xen": request.xen_network_label,
        "vmware": request.vmware_network_label,
    }
    traffic = await physical_networks.add_traffic_type(
        await cloud.store.physical_networks.by_id(request.physical_network_id),
        request.traffic_type,
        {name: label for name, label in labels.items() if label},
        cloud,
    )
    return await one(views.traffic_types, traffic, caller, cloud)


@instant_job("deleteTrafficType", roles=ROOT)
async def delete_traffic_type(request: DeleteTrafficType, _caller: Caller, cloud: Cloud) -> Success:
    """Takes a traffic type off a physical network."""
    await cloud.store.traffic_types.remove(request.id)
    return Success()


@instant_job("updateNetworkServiceProvider", roles=ROOT)
async def update_provider(request: UpdateServiceProvider, caller: Caller, cloud: Cloud) -> views.ServiceProviderView:
    """Enables or disables a provider, or changes what it serves."""
    provider = await physical_networks.update_provider(
        await cloud.store.service_providers.by_id(request.id), request.state, request.service_list, cloud
    )
    return await one(views.service_providers, provider, caller, cloud)


@instant_job("configureVirtualRouterElement", roles=ROOT)
async def configure_router_element(
    request: ConfigureRouterElement, caller: Caller, cloud: Cloud
) -> views.VirtualRouterElementView:
    """Enables or disables the router element of a provider."""
    provider = await physical_networks.update_provider(
        await cloud.store.service_providers.by_id(request.id), "Enabled" if request.enabled else "Disabled", None, cloud
    )
    return await one(views.virtual_router_elements, provider, caller, cloud)


COMMANDS = (
    list_physical_networks,
    create,
    update,
    delete,
    add_traffic_type,
    list_traffic_types,
    delete_traffic_type,
    list_providers,
    update_provider,
    list_router_elements,
    configure_router_element,
)
