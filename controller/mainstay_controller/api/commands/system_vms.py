"""System VMs: console proxies and secondary storage VMs.  What is done to them is what is done to any virtual machine, by root alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from mainstay_controller.api.access import ROOT, ROOT_READS, Caller
from mainstay_controller.api.answers import Accepted, accepted
from mainstay_controller.api.instant import instant_job
from mainstay_controller.api.listing import Listing, listing
from mainstay_controller.api.parameters import AllAre, Filter
from mainstay_controller.api.registry import command, job_of
from mainstay_controller.api.serving_machines import Noun, ResizeMachine, verbs_of
from mainstay_controller.api.views import system_vms as views
from mainstay_controller.domain.ids import HostId, PodId, PoolId, VmId, ZoneId
from mainstay_controller.domain.states import VmState
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.vms import migrate_vm
from mainstay_controller.store.port import LIVE, Where, any_of, eq

TYPES = tuple(views.WIRE_TYPES)
SYSTEM_VM = Noun(name="SystemVm", word="system VM", types=TYPES, roles=ROOT, view=views.system_vms)


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
    storage_id: Annotated[PoolId | None, "only those with a disk on this storage pool"] = None
    arch: Annotated[str | None, "the architecture: all is x86_64", AllAre(value="x86_64")] = None


async def _of_type(request: ListSystemVms, _caller: Caller, cloud: Cloud) -> list[Where]:
    kinds = [kind for kind, word in views.WIRE_TYPES.items() if word == request.system_vm_type]
    conditions = [eq("type", kinds[0])] if kinds else []
    if request.storage_id:
        disks = await cloud.store.volumes.find(eq("pool_id", request.storage_id), LIVE)
        conditions.append(any_of("id", sorted({each.vm_id for each in disks if each.vm_id})))
    return conditions


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
class MigrateSystemVm:
    virtual_machine_id: Annotated[VmId, "the ID of the system VM"]
    host_id: Annotated[HostId | None, "the host to migrate it to; without one the planner chooses"] = None


@command("migrateSystemVm", roles=ROOT, job=job_of(migrate_vm.work, views.system_vms))
async def migrate(request: MigrateSystemVm, caller: Caller, cloud: Cloud) -> Accepted:
    """Moves a running system VM to another host without stopping it."""
    vm = await SYSTEM_VM.meant(request.virtual_machine_id, cloud, "virtualmachineid")
    return accepted(
        await migrate_vm.begin(vm.id, caller.asker, cloud, host_id=request.host_id, command="migrateSystemVm")
    )


@instant_job("scaleSystemVm", roles=ROOT, envelope="changeserviceforsystemvmresponse")
async def scale(request: ResizeMachine, caller: Caller, cloud: Cloud) -> views.SystemVmView:
    """Gives a system VM that is Stopped the size of another service offering."""
    return await SYSTEM_VM.resized(request, caller, cloud)


COMMANDS = (list_system_vms, *verbs_of(SYSTEM_VM), migrate, scale)
