"""What is changed of virtual machines besides their state: size, keys; and where they could go."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Annotated, ClassVar

from mainstay_controller.api.access import EVERYBODY, ROOT, USERS, Caller
from mainstay_controller.api.answers import Accepted, Rows, accepted
from mainstay_controller.api.instant import instant_job
from mainstay_controller.api.listing import Listing, page_in_memory
from mainstay_controller.api.parameters import Length
from mainstay_controller.api.registry import command, job_of
from mainstay_controller.api.views import hosts as host_views
from mainstay_controller.api.views import one
from mainstay_controller.api.views import virtual_machines as views
from mainstay_controller.domain.ids import HostId, NetworkId, OfferingId, TemplateId, VmId
from mainstay_controller.domain.records import Vm
from mainstay_controller.domain.resource_types import ResourceType
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter, OperationError
from mainstay_controller.operations.resource_limits import check_limits
from mainstay_controller.operations.storage.volumes import check_stopped
from mainstay_controller.operations.vms import guest_passwords, restore_vm
from mainstay_controller.operations.vms.key_pairs import key_pairs_named
from mainstay_controller.operations.vms.migrate_vm import find_target
from mainstay_controller.operations.vms.resize_vm import resize_vm
from mainstay_controller.operations.vms.update_vm import VmChanges, update_vm
from mainstay_controller.store.port import LIVE, eq


@dataclass(frozen=True, slots=True, kw_only=True)
class NicRowView(views.NicView):
    wire_key: ClassVar[str] = "nic"

    virtual_machine_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationTargetView(host_views.HostView):
    wire_key: ClassVar[str] = "host"

    suitable_for_migration: bool
    requires_storage_motion: bool
    why_not: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeService:
    id: Annotated[VmId, "the ID of the virtual machine"]
    service_offering_id: Annotated[OfferingId, "the ID of the service offering"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetSshKey:
    id: Annotated[VmId, "the ID of the virtual machine"]
    key_pair: Annotated[str, "the name of the SSH key pair"] = ""
    key_pairs: Annotated[tuple[str, ...], "the names of SSH key pairs, where it is to have several"] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetPassword:
    id: Annotated[VmId, "the ID of the virtual machine"]
    password: Annotated[str, "the new password; without one it is made up", Length(64)] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreVirtualMachine:
    virtual_machine_id: Annotated[VmId, "the ID of the virtual machine"]
    template_id: Annotated[TemplateId | None, "another template than the one it was made from"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListNics(Listing):
    virtual_machine_id: Annotated[VmId, "the ID of the virtual machine"]
    nic_id: Annotated[str | None, "only this NIC"] = None
    network_id: Annotated[NetworkId | None, "only its NICs in this network"] = None
    for_display: Annotated[bool, "whether it is shown: all are"] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class FindHostsForMigration(Listing):
    virtual_machine_id: Annotated[VmId, "the ID of the virtual machine"]


@command("changeServiceForVirtualMachine", roles=USERS)
async def change_service(request: ChangeService, caller: Caller, cloud: Cloud) -> views.VmView:
    """Gives a virtual machine that is Stopped the size of another service offering."""
    return await one(views.virtual_machines, await _resized(request, cloud), caller, cloud)


@instant_job("scaleVirtualMachine", roles=USERS)
async def scale(request: ChangeService, caller: Caller, cloud: Cloud) -> views.VmView:
    """Gives a virtual machine that is Stopped the size of another service offering, as a job."""
    return await one(views.virtual_machines, await _resized(request, cloud), caller, cloud)


@instant_job("resetSSHKeyForVirtualMachine", roles=USERS)
async def reset_ssh_key(request: ResetSshKey, caller: Caller, cloud: Cloud) -> views.VmView:
    """Gives a virtual machine that is Stopped other SSH key pairs, and a new password where its template takes one; it reads them as it starts."""
    vm = await cloud.store.vms.by_id(request.id)
    check_stopped(vm)
    owner = await cloud.store.accounts.by_id(vm.account_id)
    pairs = await key_pairs_named((request.key_pair, *request.key_pairs), owner, cloud, "keypair")
    if not pairs:
        raise InvalidParameter("keypair", "name one by keypair, or several by keypairs")
    changed = await update_vm(vm.id, VmChanges(key_pairs=pairs), cloud)
    renewed = await guest_passwords.with_fresh_password(changed, cloud)
    return await one(views.virtual_machines_with_passwords, renewed, caller, cloud)


@instant_job("resetPasswordForVirtualMachine", roles=USERS)
async def reset_password(request: ResetPassword, caller: Caller, cloud: Cloud) -> views.VmView:
    """Gives a virtual machine that is Stopped another password; it is in the job's result and nowhere else."""
    vm = await cloud.store.vms.by_id(request.id)
    changed = await guest_passwords.reset_password(vm, request.password, cloud)
    return await one(views.virtual_machines_with_passwords, changed, caller, cloud)


@command("restoreVirtualMachine", roles=USERS, job=job_of(restore_vm.work, views.virtual_machines))
async def restore(request: RestoreVirtualMachine, caller: Caller, cloud: Cloud) -> Accepted:
    """Makes the root disk of a virtual machine anew; what was on it is lost."""
    return accepted(await restore_vm.begin(request.virtual_machine_id, request.template_id, caller.asker, cloud))


@command("listNics", roles=EVERYBODY)
async def list_nics(request: ListNics, caller: Caller, cloud: Cloud) -> Rows[NicRowView]:
    """Lists the NICs of a virtual machine."""
    vm = await cloud.store.vms.by_id(request.virtual_machine_id)
    shown = await one(views.virtual_machines, vm, caller, cloud)
    nics = [
        nic
        for nic in shown.nic
        if request.for_display and request.nic_id in (None, nic.id) and request.network_id in (None, nic.network_id)
    ]
    return page_in_memory(request, [NicRowView(**asdict(nic), virtual_machine_id=vm.id) for nic in nics])


@command("findHostsForMigration", roles=ROOT)
async def find_hosts(request: FindHostsForMigration, caller: Caller, cloud: Cloud) -> Rows[MigrationTargetView]:
    """Lists the hosts of its cluster to which a virtual machine could be migrated, and why not to the others."""
    vm = await cloud.store.vms.by_id(request.virtual_machine_id)
    hosts = await cloud.store.hosts.find(LIVE, eq("cluster_id", vm.cluster_id), order_by="name")
    targets = []
    for view in await host_views.hosts([host for host in hosts if host.id != vm.host_id], caller, cloud):
        why_not = await _why_not(vm, HostId(view.id), cloud)
        values = {each.name: getattr(view, each.name) for each in fields(view)}
        targets.append(
            MigrationTargetView(
                **values, suitable_for_migration=why_not is None, requires_storage_motion=False, why_not=why_not
            )
        )
    return page_in_memory(request, targets)


async def _resized(request: ChangeService, cloud: Cloud) -> Vm:
    vm = await cloud.store.vms.by_id(request.id)
    offering = await cloud.store.service_offerings.by_id(request.service_offering_id)
    more = {
        ResourceType.CPU: max(offering.cpus - vm.cpus, 0),
        ResourceType.MEMORY: max(offering.memory_mib - vm.memory_mib, 0),
    }
    await check_limits(await cloud.store.accounts.by_id(vm.account_id), more, cloud)
    return await resize_vm(vm, offering, cloud)


async def _why_not(vm: Vm, host_id: HostId, cloud: Cloud) -> str | None:
    """What the planner says of that host; None: it would do."""
    try:
        await find_target(vm, host_id, cloud)
    except OperationError as error:
        return str(error)
    return None


COMMANDS = (change_service, scale, reset_ssh_key, reset_password, restore, list_nics, find_hosts)
