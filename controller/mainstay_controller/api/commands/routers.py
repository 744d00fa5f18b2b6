"""Virtual routers: what is done to them is what is done to any virtual machine; and rules of addresses mapped one to one, of which there are none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from mainstay_controller.api.access import ADMINS, EVERYBODY, Caller
from mainstay_controller.api.answers import Accepted, Rows, accepted, rows_of
from mainstay_controller.api.listing import ScopedListing, listing
from mainstay_controller.api.parameters import Filter
from mainstay_controller.api.registry import command, job_of
from mainstay_controller.api.views import one
from mainstay_controller.api.views import system_vms as views
from mainstay_controller.domain.ids import ClusterId, HostId, IpAddressId, NetworkId, OfferingId, PodId, VmId, ZoneId
from mainstay_controller.domain.placement.request import Purpose
from mainstay_controller.domain.records import Vm
from mainstay_controller.domain.states import VmState
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter
from mainstay_controller.operations.orders.choose_host import Wish
from mainstay_controller.operations.vms import destroy_vm, reboot_vm, start_vm, stop_vm
from mainstay_controller.operations.vms.resize_vm import resize_vm
from mainstay_controller.store.port import LIVE, Where, any_of, eq

TYPE = "DomainRouter"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ListIpForwardingRules(ScopedListing):
    ip_address_id: Annotated[IpAddressId | None, "only rules of this public address"] = None
    virtual_machine_id: Annotated[VmId | None, "only rules that lead to this VM"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OneRouter:
    id: Annotated[VmId, "the ID of the router"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRouter:
    id: Annotated[VmId, "the ID of the router"]
    forced: Annotated[bool, "power it off without asking the guest"] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeService:
    id: Annotated[VmId, "the ID of the router"]
    service_offering_id: Annotated[OfferingId, "the ID of the service offering, which is for system VMs"]


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


@command("startRouter", roles=ADMINS, job=job_of(start_vm.work, views.routers))
async def start(request: OneRouter, caller: Caller, cloud: Cloud) -> Accepted:
    """Starts a router."""
    vm = await _meant(request.id, cloud)
    return accepted(
        await start_vm.begin(vm.id, Wish(purpose=Purpose.START), caller.asker, cloud, command="startRouter")
    )


@command("stopRouter", roles=ADMINS, job=job_of(stop_vm.work, views.routers))
async def stop(request: StopRouter, caller: Caller, cloud: Cloud) -> Accepted:
    """Stops a router; its network is without it until it is started again."""
    vm = await _meant(request.id, cloud)
    return accepted(await stop_vm.begin(vm.id, caller.asker, cloud, forced=request.forced, command="stopRouter"))


@command("rebootRouter", roles=ADMINS, job=job_of(reboot_vm.work, views.routers))
async def reboot(request: StopRouter, caller: Caller, cloud: Cloud) -> Accepted:
    """Reboots a router."""
    vm = await _meant(request.id, cloud)
    return accepted(await reboot_vm.begin(vm.id, caller.asker, cloud, forced=request.forced, command="rebootRouter"))


@command("destroyRouter", roles=ADMINS, job=job_of(destroy_vm.work, views.routers))
async def destroy(request: OneRouter, caller: Caller, cloud: Cloud) -> Accepted:
    """Destroys a router and removes its disks."""
    vm = await _meant(request.id, cloud)
    return accepted(await destroy_vm.begin(vm.id, caller.asker, cloud, expunge=True, command="destroyRouter"))


@command("changeServiceForRouter", roles=ADMINS)
async def change_service(request: ChangeService, caller: Caller, cloud: Cloud) -> views.RouterView:
    """Gives a router that is Stopped the size of another service offering."""
    vm = await _meant(request.id, cloud)
    offering = await cloud.store.service_offerings.by_id(request.service_offering_id)
    return await one(views.routers, await resize_vm(vm, offering, cloud), caller, cloud)


@command("listIpForwardingRules", roles=EVERYBODY)
async def list_ip_forwarding_rules(
    _request: ListIpForwardingRules, _caller: Caller, _cloud: Cloud
) -> Rows[IpForwardingRuleView]:
    """Lists the rules of addresses that are mapped to one VM as a whole; there are none yet."""
    return rows_of([])


async def _meant(vm_id: VmId, cloud: Cloud) -> Vm:
    vm = await cloud.store.vms.by_id(vm_id)
    if vm.type != TYPE:
        raise InvalidParameter("id", f"{vm.name} is no router")
    return vm


COMMANDS = (list_routers, start, stop, reboot, destroy, change_service, list_ip_forwarding_rules)
