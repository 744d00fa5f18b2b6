"""Virtual machines: deploy, start, stop, reboot, migrate, destroy, and see."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from mainstay_controller.api.access import ADMINS, EVERYBODY, ROOT, USERS, Caller
from mainstay_controller.api.answers import Accepted, accepted
from mainstay_controller.api.listing import ScopedListing, listing
from mainstay_controller.api.parameters import AllAre, Filter, Length, NothingHas
from mainstay_controller.api.placing import wish_of
from mainstay_controller.api.registry import command, job_of
from mainstay_controller.api.views import View, one
from mainstay_controller.api.views import virtual_machines as views
from mainstay_controller.domain.ids import (
    AffinityGroupId,
    ClusterId,
    HostId,
    NetworkId,
    OfferingId,
    PodId,
    PoolId,
    TemplateId,
    UserDataId,
    UserId,
    VmId,
    ZoneId,
)
from mainstay_controller.domain.placement.request import Purpose
from mainstay_controller.domain.records import Vm
from mainstay_controller.domain.states import VmState
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.vms import (
    destroy_vm,
    guest_passwords,
    migrate_vm,
    reboot_vm,
    start_vm,
    stop_vm,
    update_vm,
)
from mainstay_controller.operations.vms.groups import members_of
from mainstay_controller.operations.vms.user_data import Asked, Told, told_by, with_details
from mainstay_controller.store.port import LIVE, Where, any_of, contains, eq, none_of


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
    key_pair: Annotated[str | None, "the name of an SSH key pair it has"] = None
    iso_id: Annotated[TemplateId | None, "the ID of the ISO it has", Filter()] = None
    network_id: Annotated[NetworkId | None, "only those with an address in this network"] = None
    storage_id: Annotated[PoolId | None, "only those with a disk on this storage pool"] = None
    affinity_group_id: Annotated[AffinityGroupId | None, "only members of this affinity group"] = None
    details: Annotated[tuple[str, ...], "which details to show: all are always shown"] = ()
    group_id: Annotated[str | None, "an instance group by its ID: groups have none here", NothingHas()] = None
    vpc_id: Annotated[str | None, "a VPC: there is none", NothingHas()] = None
    security_group_id: Annotated[str | None, "a security group: there is none", NothingHas()] = None
    backup_offering_id: Annotated[str | None, "a backup offering: there is none", NothingHas()] = None
    autoscale_vm_group_id: Annotated[str | None, "a group that scales by itself: there is none", NothingHas()] = None
    user_data_id: Annotated[UserDataId | None, "only those with this registered user data", Filter()] = None
    user_data: Annotated[bool, "show the user data of each, which is not shown otherwise"] = False
    is_vnf: Annotated[bool, "network appliances: there are none", NothingHas()] = False
    leased: Annotated[bool, "those that end by themselves: there are none", NothingHas()] = False
    gpu_enabled: Annotated[bool, "those with a GPU: there are none", NothingHas()] = False
    user_id: Annotated[UserId | None, "only those that this user deployed", Filter()] = None
    display_vm: Annotated[bool | None, "whether it is shown to its owner: all are", AllAre(value=True)] = None
    for_virtual_network: Annotated[bool | None, "true: only those in an isolated network; false: the others"] = None
    extension_id: Annotated[str | None, "an extension: there is none", NothingHas()] = None
    arch: Annotated[str | None, "the architecture: all is x86_64", AllAre(value="x86_64")] = None


async def _by_what_rows_do_not_say(request: ListVirtualMachines, _caller: Caller, cloud: Cloud) -> list[Where]:
    conditions: list[Where] = []
    if request.key_pair:
        named = await cloud.store.vms.find(contains(("key_pair",), request.key_pair), LIVE)
        conditions.append(any_of("id", [vm.id for vm in named if request.key_pair in vm.key_pair.split(",")]))
    if request.network_id:
        given = await cloud.store.ip_addresses.find(eq("network_id", request.network_id))
        conditions.append(any_of("id", sorted({each.vm_id for each in given if each.vm_id})))
    if request.storage_id:
        disks = await cloud.store.volumes.find(eq("pool_id", request.storage_id), LIVE)
        conditions.append(any_of("id", sorted({each.vm_id for each in disks if each.vm_id})))
    if request.for_virtual_network is not None:
        isolated = await cloud.store.networks.find(eq("guest_type", "Isolated"), LIVE)
        inside = await cloud.store.ip_addresses.find(any_of("network_id", [network.id for network in isolated]))
        which = any_of if request.for_virtual_network else none_of
        conditions.append(which("id", sorted({each.vm_id for each in inside if each.vm_id})))
    if request.affinity_group_id:
        group = await cloud.store.affinity_groups.by_id(request.affinity_group_id)
        conditions.append(any_of("id", [vm.id for vm in await members_of(group, cloud)]))
    return conditions


def _with_user_data(request: ListVirtualMachines) -> View[Vm, views.VmView]:
    return views.virtual_machines_with_user_data if request.user_data else views.virtual_machines


list_virtual_machines = listing(
    "listVirtualMachines",
    request=ListVirtualMachines,
    rows=lambda store: store.vms,
    view=views.virtual_machines,
    roles=EVERYBODY,
    keyword=("name", "display_name", "instance_name", "state"),
    fixed=(LIVE, eq("type", "User")),
    where=_by_what_rows_do_not_say,
    view_for=_with_user_data,
)

list_virtual_machines_metrics = listing(
    "listVirtualMachinesMetrics",
    request=ListVirtualMachines,
    rows=lambda store: store.vms,
    view=views.virtual_machines,
    roles=EVERYBODY,
    keyword=("name", "display_name", "instance_name", "state"),
    fixed=(LIVE, eq("type", "User")),
    where=_by_what_rows_do_not_say,
    view_for=_with_user_data,
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
class RebootVirtualMachine:
    id: Annotated[VmId, "the ID of the virtual machine"]
    forced: Annotated[bool, "power it off and on instead of asking the guest"] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DestroyVirtualMachine:
    id: Annotated[VmId, "the ID of the virtual machine"]
    expunge: Annotated[bool, "remove its disks at once"] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OneVirtualMachine:
    id: Annotated[VmId, "the ID of the virtual machine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateVirtualMachine:
    id: Annotated[VmId, "the ID of the virtual machine"]
    name: Annotated[str | None, "the new host name"] = None
    display_name: Annotated[str | None, "the name shown for it"] = None
    group: Annotated[str | None, "the group it is shown in"] = None
    ha_enable: Annotated[bool | None, "whether it is restarted when its host fails"] = None
    user_data: Annotated[str | None, "user data, in Base64", Length(32768)] = None
    user_data_id: Annotated[UserDataId | None, "the ID of registered user data, instead"] = None
    user_data_details: Annotated[dict[str, str] | None, "values of the variables in it", Length(4096)] = None
    delete_protection: Annotated[bool | None, "whether it is protected from deletion"] = None
    details: Annotated[dict[str, str] | None, "details, instead of those it has", Length(4096)] = None
    cleanup_details: Annotated[bool, "take away all details"] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrateVirtualMachine:
    virtual_machine_id: Annotated[VmId, "the ID of the virtual machine"]
    host_id: Annotated[HostId | None, "the host to migrate it to; without one the planner chooses"] = None


@command("startVirtualMachine", roles=USERS, job=job_of(start_vm.work, views.virtual_machines))
async def start_virtual_machine(request: StartVirtualMachine, caller: Caller, cloud: Cloud) -> Accepted:
    """Starts a virtual machine."""
    wish = wish_of(caller, request.pod_id, request.cluster_id, request.host_id)
    wish = replace(wish, purpose=Purpose.START, consider_last_host=request.consider_last_host)
    return accepted(await start_vm.begin(request.id, wish, caller.asker, cloud))


@command("stopVirtualMachine", roles=USERS, job=job_of(stop_vm.work, views.virtual_machines))
async def stop_virtual_machine(request: StopVirtualMachine, caller: Caller, cloud: Cloud) -> Accepted:
    """Stops a virtual machine; HA leaves alone what was stopped on purpose."""
    return accepted(await stop_vm.begin(request.id, caller.asker, cloud, forced=request.forced))


@command("rebootVirtualMachine", roles=USERS, job=job_of(reboot_vm.work, views.virtual_machines))
async def reboot_virtual_machine(request: RebootVirtualMachine, caller: Caller, cloud: Cloud) -> Accepted:
    """Reboots a virtual machine."""
    return accepted(await reboot_vm.begin(request.id, caller.asker, cloud, forced=request.forced))


@command("destroyVirtualMachine", roles=USERS, job=job_of(destroy_vm.work, views.virtual_machines))
async def destroy_virtual_machine(request: DestroyVirtualMachine, caller: Caller, cloud: Cloud) -> Accepted:
    """Stops a virtual machine and gives it up; until it is expunged it can be recovered."""
    return accepted(await destroy_vm.begin(request.id, caller.asker, cloud, expunge=request.expunge))


@command("expungeVirtualMachine", roles=ROOT, job=job_of(destroy_vm.work_expunge, views.virtual_machines))
async def expunge_virtual_machine(request: OneVirtualMachine, caller: Caller, cloud: Cloud) -> Accepted:
    """Removes a destroyed virtual machine and its disks for good."""
    return accepted(await destroy_vm.begin_expunge(request.id, caller.asker, cloud))


@command("recoverVirtualMachine", roles=ADMINS)
async def recover_virtual_machine(request: OneVirtualMachine, caller: Caller, cloud: Cloud) -> views.VmView:
    """Takes a destroyed virtual machine back; it is Stopped."""
    return await one(views.virtual_machines, await destroy_vm.recover(request.id, cloud), caller, cloud)


@command("migrateVirtualMachine", roles=ROOT, job=job_of(migrate_vm.work, views.virtual_machines))
async def migrate_virtual_machine(request: MigrateVirtualMachine, caller: Caller, cloud: Cloud) -> Accepted:
    """Moves a running virtual machine to another host without stopping it."""
    job = await migrate_vm.begin(request.virtual_machine_id, caller.asker, cloud, host_id=request.host_id)
    return accepted(job)


async def _user_data(request: UpdateVirtualMachine, cloud: Cloud) -> Told | None:
    """None: it stays as it is.  Values alone are of the user data that it has."""
    if request.user_data is None and request.user_data_id is None and not request.user_data_details:
        return None
    vm = await cloud.store.vms.by_id(request.id)
    template = await cloud.store.templates.get(vm.template_id) if vm.template_id else None
    details = request.user_data_details or {}
    if request.user_data is None and request.user_data_id is None:
        return await with_details(Told(content=vm.user_data, id=vm.user_data_id), details, cloud)
    asked = Asked(content=request.user_data, data_id=request.user_data_id, details=details)
    return await told_by(asked, template, cloud)


@command("updateVirtualMachine", roles=USERS)
async def update_virtual_machine(request: UpdateVirtualMachine, caller: Caller, cloud: Cloud) -> views.VmView:
    """Changes a virtual machine; name and user data only when it is Stopped."""
    told = await _user_data(request, cloud)
    changes = update_vm.VmChanges(
        name=request.name,
        display_name=request.display_name,
        group=request.group,
        ha_enabled=request.ha_enable,
        user_data=told.content if told is not None else None,
        user_data_id=told.id if told is not None else None,
        user_data_details=told.details if told is not None else {},
        delete_protection=request.delete_protection,
        details={} if request.cleanup_details else request.details,
    )
    return await one(views.virtual_machines, await update_vm.update_vm(request.id, changes, cloud), caller, cloud)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserDataView:
    wire_key: ClassVar[str] = "virtualmachineuserdata"

    virtual_machine_id: str
    user_data: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptedPasswordView:
    wire_key: ClassVar[str] = "password"

    encrypted_password: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetUserData:
    virtual_machine_id: Annotated[VmId, "the ID of the virtual machine"]


@command("getVirtualMachineUserData", roles=EVERYBODY)
async def get_user_data(request: GetUserData, _caller: Caller, cloud: Cloud) -> UserDataView:
    """Shows the user data of a virtual machine, in Base64."""
    vm = await cloud.store.vms.by_id(request.virtual_machine_id)
    return UserDataView(virtual_machine_id=vm.id, user_data=vm.user_data or None)


@command("getVMPassword", roles=USERS)
async def get_password(request: OneVirtualMachine, _caller: Caller, cloud: Cloud) -> EncryptedPasswordView:
    """Shows the password of a virtual machine, encrypted with its SSH key of RSA."""
    vm = await cloud.store.vms.by_id(request.id)
    return EncryptedPasswordView(encrypted_password=guest_passwords.encrypted_password_of(vm))


COMMANDS = (
    list_virtual_machines,
    list_virtual_machines_metrics,
    start_virtual_machine,
    stop_virtual_machine,
    reboot_virtual_machine,
    destroy_virtual_machine,
    expunge_virtual_machine,
    recover_virtual_machine,
    update_virtual_machine,
    migrate_virtual_machine,
    get_user_data,
    get_password,
)
