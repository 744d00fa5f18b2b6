"""Machines that serve the cloud itself - routers, console proxies, secondary storage VMs - are virtual machines under other names.

What is done to them is what is done to any virtual machine; here their verbs are described once, for each noun that has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from mainstay_controller.api.access import Caller
from mainstay_controller.api.answers import Accepted, accepted
from mainstay_controller.api.registry import Handled, command, job_of
from mainstay_controller.api.views import View, one
from mainstay_controller.domain.ids import OfferingId, VmId
from mainstay_controller.domain.placement.request import Purpose
from mainstay_controller.domain.records import Vm
from mainstay_controller.domain.roles import Role
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter
from mainstay_controller.operations.orders.choose_host import Wish
from mainstay_controller.operations.vms import destroy_vm, reboot_vm, start_vm, stop_vm
from mainstay_controller.operations.vms.resize_vm import resize_vm

V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class OneMachine:
    id: Annotated[VmId, "its ID"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StopMachine:
    id: Annotated[VmId, "its ID"]
    forced: Annotated[bool, "power it off without asking the guest"] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ResizeMachine:
    id: Annotated[VmId, "its ID"]
    service_offering_id: Annotated[OfferingId, "the ID of the service offering, which is for system VMs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Noun(Generic[V]):
    """`name` as it ends the names of commands, `word` as it stands in sentences; `types`: of the rows that it means."""

    name: str
    word: str
    types: tuple[str, ...]
    roles: frozenset[Role]
    view: View[Vm, V]

    async def meant(self, vm_id: VmId, cloud: Cloud, field: str = "id") -> Vm:
        vm = await cloud.store.vms.by_id(vm_id)
        if vm.type not in self.types:
            raise InvalidParameter(field, f"{vm.name} is no {self.word}")
        return vm

    async def resized(self, request: ResizeMachine, caller: Caller, cloud: Cloud) -> V:
        vm = await self.meant(request.id, cloud)
        offering = await cloud.store.service_offerings.by_id(request.service_offering_id)
        return await one(self.view, await resize_vm(vm, offering, cloud), caller, cloud)


def verbs_of(noun: Noun[V]) -> tuple[Handled, ...]:
    """Start, stop, reboot and destroy."""

    @command(
        start_name := f"start{noun.name}",
        roles=noun.roles,
        job=job_of(start_vm.work, noun.view),
        description=f"Starts a {noun.word}.",
    )
    async def start(request: OneMachine, caller: Caller, cloud: Cloud) -> Accepted:
        vm = await noun.meant(request.id, cloud)
        wish = Wish(purpose=Purpose.START)
        return accepted(await start_vm.begin(vm.id, wish, caller.asker, cloud, command=start_name))

    @command(
        stop_name := f"stop{noun.name}",
        roles=noun.roles,
        job=job_of(stop_vm.work, noun.view),
        description=f"Stops a {noun.word}; what it serves is without it until it is started again.",
    )
    async def stop(request: StopMachine, caller: Caller, cloud: Cloud) -> Accepted:
        vm = await noun.meant(request.id, cloud)
        return accepted(await stop_vm.begin(vm.id, caller.asker, cloud, forced=request.forced, command=stop_name))

    @command(
        reboot_name := f"reboot{noun.name}",
        roles=noun.roles,
        job=job_of(reboot_vm.work, noun.view),
        description=f"Reboots a {noun.word}.",
    )
    async def reboot(request: StopMachine, caller: Caller, cloud: Cloud) -> Accepted:
        vm = await noun.meant(request.id, cloud)
        return accepted(await reboot_vm.begin(vm.id, caller.asker, cloud, forced=request.forced, command=reboot_name))

    @command(
        destroy_name := f"destroy{noun.name}",
        roles=noun.roles,
        job=job_of(destroy_vm.work, noun.view),
        description=f"Destroys a {noun.word} and removes its disks.",
    )
    async def destroy(request: OneMachine, caller: Caller, cloud: Cloud) -> Accepted:
        vm = await noun.meant(request.id, cloud)
        return accepted(await destroy_vm.begin(vm.id, caller.asker, cloud, expunge=True, command=destroy_name))

    return (start, stop, reboot, destroy)
