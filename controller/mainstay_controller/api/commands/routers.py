"""Virtual routers: what is done to them is what is done to any virtual machine; and rules of addresses mapped one to one, of which there are none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from mainstay_controller.api.access import ADMINS, EVERYBODY, Caller
from mainstay_controller.api.answers import Rows, rows_of
from mainstay_controller.api.listing import ScopedListing, listing
from mainstay_controller.api.parameters import AllAre, Filter, NothingHas
from mainstay_controller.api.registry import command
from mainstay_controller.api.serving_machines import Noun, ResizeMachine, verbs_of
from mainstay_controller.api.views import system_vms as views
from mainstay_controller.domain.ids import ClusterId, HostId, IpAddressId, NetworkId, PodId, VmId, ZoneId
from mainstay_controller.domain.states import VmState
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.store.port import LIVE, Where, any_of, eq

TYPE = "DomainRouter"
ROUTER = Noun(name="Router", word="router", types=(TYPE,), roles=ADMINS, view=views.routers)


@dataclass(frozen=True, slots=True, kw_only=True)
class IpForwardingRuleView:
    wire_key: ClassVar[str] = "ipforwardingrule"

    id: str
    protocol: str
    start_port: int
    end_port: int
    ip_address: str
    virtual_machine_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRouters(ScopedListing):
    """Lists the routers of networks."""

    id: Annotated[VmId | None, "the ID of the router", Filter()] = None
    name: Annotated[str | None, "the name of the router", Filter()] = None
    state: Annotated[VmState | None, "the state of the router", Filter()] = None
    zone_id: Annotated[ZoneId | None, "only routers of this zone", Filter()] = None
    pod_id: Annotated[PodId | None, "only routers of this pod", Filter()] = None
    cluster_id: Annotated[ClusterId | None, "only routers of this cluster", Filter()] = None
    host_id: Annotated[HostId | None, "only routers on this host", Filter()] = None
    network_id: Annotated[NetworkId | None, "only routers of this network"] = None
    vpc_id: Annotated[str | None, "a VPC: there is none", NothingHas()] = None
    for_vpc: Annotated[bool, "those of VPCs: there are none", NothingHas()] = False
    version: Annotated[str | None, "the version of the router: none is known", NothingHas()] = None
    health_checks_failed: Annotated[
        bool | None, "whether a check of its health failed: none are made", AllAre(value=False)
    ] = None
    arch: Annotated[str | None, "the architecture: all is x86_64", AllAre(value="x86_64")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListIpForwardingRules(ScopedListing):
    ip_address_id: Annotated[IpAddressId | None, "only rules of this public address"] = None
    virtual_machine_id: Annotated[VmId | None, "only rules that lead to this VM"] = None


async def _of_network(request: ListRouters, _caller: Caller, cloud: Cloud) -> list[Where]:
    if request.network_id is None:
        return []
    routers = await cloud.store.vms.find(LIVE, eq("type", TYPE))
    serving = [vm.id for vm in routers if any(nic.network_id == request.network_id for nic in vm.nics)]
    return [any_of("id", serving)]


list_routers = listing(
    "listRouters",
    request=ListRouters,
    rows=lambda store: store.vms,
    view=views.routers,
    roles=EVERYBODY,
    keyword=("name", "state"),
    fixed=(LIVE, eq("type", TYPE)),
    where=_of_network,
)


@command("changeServiceForRouter", roles=ADMINS)
async def change_service(request: ResizeMachine, caller: Caller, cloud: Cloud) -> views.RouterView:
    """Gives a router that is Stopped the size of another service offering."""
    return await ROUTER.resized(request, caller, cloud)


@command("listIpForwardingRules", roles=EVERYBODY)
async def list_ip_forwarding_rules(
    _request: ListIpForwardingRules, _caller: Caller, _cloud: Cloud
) -> Rows[IpForwardingRuleView]:
    """Lists the rules of addresses that are mapped to one VM as a whole; there are none yet."""
    return rows_of([])


COMMANDS = (list_routers, *verbs_of(ROUTER), change_service, list_ip_forwarding_rules)
