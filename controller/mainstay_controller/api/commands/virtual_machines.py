"""Virtual machines: deploy, start, stop, reboot, migrate, destroy, and see."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from mainstay_controller.api.access import EVERYBODY, ROOT, USERS, Caller, Role
from mainstay_controller.api.answers import Accepted, accepted
from mainstay_controller.api.listing import ScopedListing, listing
from mainstay_controller.api.parameters import Filter
from mainstay_controller.api.registry import command, job_of
from mainstay_controller.api.views import virtual_machines as views
from mainstay_controller.domain.ids import ClusterId, HostId, OfferingId, PodId, TemplateId, VmId, ZoneId
from mainstay_controller.domain.placement.request import Purpose
from mainstay_controller.domain.states import VmState
from mainstay_controller.operations import migrate_vm, start_vm, stop_vm
from mainstay_controller.operations.choose_host import Wish
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import PermissionDenied
from mainstay_controller.store.port import LIVE, eq


@dataclass(frozen=True, slots=True, kw_only=True)
class ListVirtualMachines(ScopedListing):
    """Lists virtual machines."""

    id: Annotated[VmId | None, "the ID of the virtual machine", Filter()] = None
    ids: Annotated[tuple[VmId, ...] | None, "the IDs of the virtual machines", Filter("id")] = None
    name: Annotated[str | None, "the name of the virtual machine", Filter()] = None
    state: Annotated[VmState | None, "the state of the virtual machine", Filter()] = None
    zone_id: Annotated[ZoneId | None, "the ID of the zone", Filter()] = None
    pod_id: Annotated[PodId | None, "the ID of the pod", Filter()] = None
    cluster_id: Annotated[ClusterId | None, "the ID of the cluster", Filter()] = None
    host_id: Annotated[HostId | None, "the ID of the host", Filter()] = None
    hypervisor: Annotated[str | None, "the hypervisor", Filter()] = None
    template_id: Annotated[TemplateId | None, "the ID of the template", Filter()] = None
    service_offering_id: Annotated[OfferingId | None, "the ID of the service offering", Filter()] = None
    ha_enable: Annotated[bool | None, "whether it is restarted when its host fails", Filter("ha_enabled")] = None
    key_pair: Annotated[str | None, "the name of its SSH key pair", Filter()] = None
    details: Annotated[tuple[str, ...], "which details to show: all are always shown"] = ()


list_virtual_machines = listing(
    "listVirtualMachines",
    request=ListVirtualMachines,
    rows=lambda store: store.vms,
    view=views.virtual_machines,
    roles=EVERYBODY,
    keyword=("name", "display_name", "instance_name", "state"),
    fixed=(LIVE, eq("type", "User")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartVirtualMachine:
    id: Annotated[VmId, "the ID of the virtual machine"]
    host_id: Annotated[HostId | None, "start it on this host; root administrators only"] = None
    cluster_id: Annotated[ClusterId | None, "start it in this cluster; root administrators only"] = None
    pod_id: Annotated[PodId | None, "start it in this pod; root administrators only"] = None
    consider_last_host: Annotated[bool, "prefer the host it ran on last"] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class StopVirtualMachine:
    id: Annotated[VmId, "the ID of the virtual machine"]
    forced: Annotated[bool, "power it off without asking the guest"] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrateVirtualMachine:
    virtual_machine_id: Annotated[VmId, "the ID of the virtual machine"]
    host_id: Annotated[HostId | None, "the host to migrate it to; without one the planner chooses"] = None


@command("startVirtualMachine", roles=USERS, job=job_of(start_vm.work, views.virtual_machines))
async def start_virtual_machine(request: StartVirtualMachine, caller: Caller, cloud: Cloud) -> Accepted:
    """Starts a virtual machine."""
    wish = _wish(caller, request.pod_id, request.cluster_id, request.host_id)
    wish = replace(wish, purpose=Purpose.START, consider_last_host=request.consider_last_host)
    return accepted(await start_vm.begin(request.id, wish, caller.asker, cloud))


@command("stopVirtualMachine", roles=USERS, job=job_of(stop_vm.work, views.virtual_machines))
async def stop_virtual_machine(request: StopVirtualMachine, caller: Caller, cloud: Cloud) -> Accepted:
    """Stops a virtual machine; HA leaves alone what was stopped on purpose."""
    return accepted(await stop_vm.begin(request.id, caller.asker, cloud, forced=request.forced))


@command("migrateVirtualMachine", roles=ROOT, job=job_of(migrate_vm.work, views.virtual_machines))
async def migrate_virtual_machine(request: MigrateVirtualMachine, caller: Caller, cloud: Cloud) -> Accepted:
    """Moves a running virtual machine to another host without stopping it."""
    job = await migrate_vm.begin(request.virtual_machine_id, caller.asker, cloud, host_id=request.host_id)
    return accepted(job)


def _wish(caller: Caller, pod_id: PodId | None, cluster_id: ClusterId | None, host_id: HostId | None) -> Wish:
    """Places are named by root administrators; what they name is used even if it is Disabled."""
    is_root = caller.role is Role.ROOT_ADMIN
    wish = Wish(pod_id=pod_id, cluster_id=cluster_id, host_id=host_id, by_root=is_root)
    if wish.names_a_place and not is_root:
        raise PermissionDenied("Only root administrators may name the host, cluster or pod of a virtual machine")
    return wish


COMMANDS = (list_virtual_machines, start_virtual_machine, stop_virtual_machine, migrate_virtual_machine)
