"""Ranges of addresses that may be given out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mainstay_controller.api.access import ROOT, ROOT_READS, Caller, owner_named
from mainstay_controller.api.answers import Success
from mainstay_controller.api.listing import Listing, listing
from mainstay_controller.api.parameters import Filter, NothingHas
from mainstay_controller.api.registry import command
from mainstay_controller.api.views import networks as views
from mainstay_controller.api.views import one
from mainstay_controller.domain.ids import DomainId, IpRangeId, NetworkId, PhysicalNetworkId, PodId, ZoneId
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter
from mainstay_controller.operations.networking import public_addresses


@dataclass(frozen=True, slots=True, kw_only=True)
class ListVlanIpRanges(Listing):
    """Lists ranges of addresses."""

    id: Annotated[IpRangeId | None, "the ID of the range", Filter()] = None
    zone_id: Annotated[ZoneId | None, "the ID of the zone", Filter()] = None
    pod_id: Annotated[PodId | None, "the ID of the pod", Filter()] = None
    network_id: Annotated[NetworkId | None, "the ID of the network", Filter()] = None
    physical_network_id: Annotated[PhysicalNetworkId | None, "the ID of the physical network", Filter()] = None
    vlan: Annotated[str | None, "the VLAN", Filter()] = None
    for_virtual_network: Annotated[bool | None, "whether they are public addresses", Filter()] = None
    account: Annotated[str | None, "whom it is dedicated to: ranges are everybody's", NothingHas()] = None
    domain_id: Annotated[str | None, "which domain it is dedicated to: ranges are everybody's", NothingHas()] = None
    project_id: Annotated[str | None, "which project it is dedicated to: ranges are everybody's", NothingHas()] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateVlanIpRange:
    start_ip: Annotated[str, "the first address"]
    gateway: Annotated[str, "the gateway"]
    netmask: Annotated[str, "the netmask"]
    end_ip: Annotated[str, "the last address"] = ""
    zone_id: Annotated[ZoneId | None, "the ID of the zone"] = None
    pod_id: Annotated[PodId | None, "the ID of the pod"] = None
    network_id: Annotated[NetworkId | None, "the ID of the shared network"] = None
    physical_network_id: Annotated[PhysicalNetworkId | None, "the ID of the physical network"] = None
    vlan: Annotated[str, "the VLAN"] = "untagged"
    for_virtual_network: Annotated[bool, "whether they are public addresses"] = True
    account: Annotated[str | None, "keep them for this account, with domainid"] = None
    domain_id: Annotated[DomainId | None, "the domain of the account"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteVlanIpRange:
    id: Annotated[IpRangeId, "the ID of the range"]


list_ranges = listing(
    "listVlanIpRanges",
    request=ListVlanIpRanges,
    rows=lambda store: store.ip_ranges,
    view=views.ip_ranges,
    roles=ROOT_READS,
    keyword=("start_ip", "end_ip", "vlan"),
    order_by="start_ip",
    fixed=(),
)


@command("createVlanIpRange", roles=ROOT)
async def create(request: CreateVlanIpRange, caller: Caller, cloud: Cloud) -> views.NewIpRangeView:
    """Creates a range of addresses."""
    owner = await owner_named(caller, request.account, request.domain_id, cloud.store) if request.account else None
    new = public_addresses.NewIpRange(
        zone_id=await _zone(request, cloud),
        gateway=request.gateway,
        netmask=request.netmask,
        start_ip=request.start_ip,
        end_ip=request.end_ip,
        vlan=request.vlan,
        physical_network_id=request.physical_network_id,
        network_id=request.network_id,
        pod_id=request.pod_id,
        for_virtual_network=request.for_virtual_network and request.network_id is None,
        owner=owner,
    )
    return await one(views.new_ip_ranges, await public_addresses.create_ip_range(new, cloud), caller, cloud)


@command("deleteVlanIpRange", roles=ROOT)
async def delete(request: DeleteVlanIpRange, _caller: Caller, cloud: Cloud) -> Success:
    """Deletes a range of which no address is given out."""
    await public_addresses.delete_ip_range(await cloud.store.ip_ranges.by_id(request.id), cloud)
    return Success()


async def _zone(request: CreateVlanIpRange, cloud: Cloud) -> ZoneId:
    """The one that is named, or that of the network it is for."""
    if request.zone_id is not None:
        return request.zone_id
    if request.network_id is not None:
        return (await cloud.store.networks.by_id(request.network_id)).zone_id
    if request.physical_network_id is not None:
        return (await cloud.store.physical_networks.by_id(request.physical_network_id)).zone_id
    raise InvalidParameter("zoneid", "name the zone, the network or the physical network")


COMMANDS = (list_ranges, create, delete)
