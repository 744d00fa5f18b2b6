"""System VMs: console proxies and secondary storage VMs.  What is done to them is what is done to any virtual machine, by root alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from mainstay_controller.api.access import ROOT, ROOT_READS, Caller
from mainstay_controller.api.answers import Accepted, accepted
from mainstay_controller.api.instant import instant_job
from mainstay_controller.api.listing import Listing, listing
from mainstay_controller.api.parameters import Filter
from mainstay_controller.api.registry import command, job_of
from mainstay_controller.api.views import one
from mainstay_controller.api.views import system_vms as views
from mainstay_controller.domain.ids import HostId, OfferingId, PodId, VmId, ZoneId
from mainstay_controller.domain.placement.request import Purpose
from mainstay_controller.domain.records import Vm
from mainstay_controller.domain.states import VmState
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter
from mainstay_controller.operations.orders.choose_host import Wish
from mainstay_controller.operations.vms import destroy_vm, migrate_vm, reboot_vm, start_vm, stop_vm
from mainstay_controller.operations.vms.resize_vm import resize_vm
from mainstay_controller.store.port import LIVE, Where, any_of, eq

TYPES = tuple(views.WIRE_TYPES)


class SystemVmType(StrEnum):
    CONSOLE_PROXY = "consoleproxy"
    SECONDARY_STORAGE = "secondarystoragevm"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSystemVms(Listing):
    """Lists system VMs."""

    id: Annotated[VmId | None, "the ID of the system VM", Filter()] = None
    name: Annotated[str | None, "the name of the system VM", Filter()] = None
    state: Annotated[VmState | None, "the state of the system VM", Filter()] = None
    system_vm_type: Annotated[SystemVmType | None, "consoleproxy or secondarystoragevm"] = None
    zone_id: Annotated[ZoneId | None, "the ID of the zone", Filter()] = None
    pod_id: Annotated[PodId | None, "the ID of the pod", Filter()] = None
    host_id: Annotated[HostId | None, "the ID of the host", Filter()] = None


async def _of_type(request: ListSystemVms, _caller: Caller, _cloud: Cloud) -> list[Where]:
    kinds = [kind for kind, word in views.WIRE_TYPES.items() if word == request.system_vm_type]
    return [eq("type", kinds[0])] if kinds else []


list_system_vms = listing(
    "listSystemVms",
    request=ListSystemVms,
    rows=lambda store: store.vms,
    view=views.system_vms,
    roles=ROOT_READS,
    keyword=("name", "state"),
    fixed=(LIVE, any_of("type", TYPES)),
    where=_of_type,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OneSystemVm:
    id: Annotated[VmId, "the ID of the system VM"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StopSystemVm:
    id: Annotated[VmId, "the ID of the system VM"]
    forced: Annotated[bool, "power it off without asking the guest"] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrateSystemVm:
    virtual_machine_id: Annotated[VmId, "the ID of the system VM"]
    host_id: Annotated[HostId | None, "the host to migrate it to; without one the planner chooses"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleSystemVm:
    id: Annotated[VmId, "the ID of the system VM"]
    service_offering_id: Annotated[OfferingId, "the ID of the service offering, which is for system VMs"]


@command("startSystemVm", roles=ROOT, job=job_of(start_vm.work, views.system_vms))
async def start(request: OneSystemVm, caller: Caller, cloud: Cloud) -> Accepted:
    """Starts a system VM."""
    vm = await _meant(request.id, cloud)
    return accepted(
        await start_vm.begin(vm.id, Wish(purpose=Purpose.START), caller.asker, cloud, command="startSystemVm")
    )


@command("stopSystemVm", roles=ROOT, job=job_of(stop_vm.work, views.system_vms))
async def stop(request: StopSystemVm, caller: Caller, cloud: Cloud) -> Accepted:
    """Stops a system VM."""
    vm = await _meant(request.id, cloud)
    return accepted(await stop_vm.begin(vm.id, caller.asker, cloud, forced=request.forced, command="stopSystemVm"))


@command("rebootSystemVm", roles=ROOT, job=job_of(reboot_vm.work, views.system_vms))
async def reboot(request: StopSystemVm, caller: Caller, cloud: Cloud) -> Accepted:
    """Reboots a system VM."""
    vm = await _meant(request.id, cloud)
    return accepted(await reboot_vm.begin(vm.id, caller.asker, cloud, forced=request.forced, command="rebootSystemVm"))


@command("destroySystemVm", roles=ROOT, job=job_of(destroy_vm.work, views.system_vms))
async def destroy(request: OneSystemVm, caller: Caller, cloud: Cloud) -> Accepted:
    """Destroys a system VM and removes its disks."""
    vm = await _meant(request.id, cloud)
    return accepted(await destroy_vm.begin(vm.id, caller.asker, cloud, expunge=True, command="destroySystemVm"))


@command("migrateSystemVm", roles=ROOT, job=job_of(migrate_vm.work, views.system_vms))
async def migrate(request: MigrateSystemVm, caller: Caller, cloud: Cloud) -> Accepted:
    """Moves a running system VM to another host without stopping it."""
    vm = await _meant(request.virtual_machine_id, cloud, "virtualmachineid")
    return accepted(
        await migrate_vm.begin(vm.id, caller.asker, cloud, host_id=request.host_id, command="migrateSystemVm")
    )


@instant_job("scaleSystemVm", roles=ROOT, envelope="changeserviceforsystemvmresponse")
async def scale(request: ScaleSystemVm, caller: Caller, cloud: Cloud) -> views.SystemVmView:
    """Gives a system VM that is Stopped the size of another service offering."""
    vm = await _meant(request.id, cloud)
    offering = await cloud.store.service_offerings.by_id(request.service_offering_id)
    return await one(views.system_vms, await resize_vm(vm, offering, cloud), caller, cloud)


async def _meant(vm_id: VmId, cloud: Cloud, field: str = "id") -> Vm:
    vm = await cloud.store.vms.by_id(vm_id)
    if vm.type not in TYPES:
        raise InvalidParameter(field, f"{vm.name} is no system VM")
    return vm


COMMANDS = (list_system_vms, start, stop, reboot, destroy, migrate, scale)
