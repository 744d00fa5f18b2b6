"""Destroy a VM: stop it, and keep its disks for a while; expunge it: remove them too; recover it before that.

A disk is removed only when no host can be running its guest: a VM is at rest before it is expunged."""

from __future__ import annotations

from dataclasses import replace

from mainstay_controller.domain.ids import VmId
from mainstay_controller.domain.lifecycle.vm import VmEvent
from mainstay_controller.domain.records import Job, Vm
from mainstay_controller.domain.states import VmState
from mainstay_controller.operations.change_state import change_vm
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import PermissionDenied, ResourceInUse
from mainstay_controller.operations.jobs import Asker, JobRun
from mainstay_controller.operations.networking.networks import release_addresses
from mainstay_controller.operations.storage.make_volumes import remove_volumes
from mainstay_controller.operations.vms.start_vm import want_running
from mainstay_controller.operations.vms.stop_vm import bring_down
from mainstay_controller.operations.vms.vm_jobs import begin_vm_job, living_vm, tell_end

COMMAND, EVENT = "destroyVirtualMachine", "VM.DESTROY"
EXPUNGE_COMMAND, EXPUNGE_EVENT = "expungeVirtualMachine", "VM.EXPUNGE"
RECOVER_EVENT = "VM.RECOVER"
EXPUNGEABLE = (VmState.DESTROYED, VmState.ERROR, VmState.EXPUNGING)


async def begin(vm_id: VmId, asker: Asker, cloud: Cloud, *, expunge: bool = False, command: str = COMMAND) -> Job:
    vm = await living_vm(vm_id, cloud.store)
    if vm.delete_protection:
        raise PermissionDenied(f"VM {vm.name} is protected from deletion")
    changed = replace(vm, wanted_running=False)
    said = {"expunge": str(expunge)}
    return await begin_vm_job(command, EVENT, vm, asker, cloud, changed=changed, parameters=said)


async def begin_expunge(vm_id: VmId, asker: Asker, cloud: Cloud) -> Job:
    vm = await living_vm(vm_id, cloud.store)
    if vm.state not in EXPUNGEABLE:
        raise ResourceInUse(f"VM {vm.name} cannot be expunged: it is {vm.state}, not {VmState.DESTROYED}")
    return await begin_vm_job(EXPUNGE_COMMAND, EXPUNGE_EVENT, vm, asker, cloud)


async def recover(vm_id: VmId, cloud: Cloud) -> Vm:
    """At once: a destroyed VM is Stopped again."""
    vm = await living_vm(vm_id, cloud.store)
    if vm.state is not VmState.DESTROYED:
        raise ResourceInUse(f"VM {vm.name} cannot be recovered: it is {vm.state}, not {VmState.DESTROYED}")
    return await change_vm(cloud.store, vm, VmEvent.RECOVERY_REQUESTED, await cloud.store.now(), "by order")


async def work(run: JobRun) -> Vm:
    vm = await living_or_expunged(run)
    if vm.removed is None:
        vm = await want_running(vm.id, False, run)
        vm = await bring_down(vm.id, run, forced=False)
    if vm.state is VmState.STOPPED:
        now = await run.cloud.store.now()
        unwanted = replace(vm, wanted_running=False)  # whatever was wished while it was being stopped
        vm = await change_vm(run.cloud.store, vm, VmEvent.DESTROY_REQUESTED, now, "by order", into=unwanted)
    await tell_end(EVENT, f"VM {vm.name} is destroyed", vm, run, run.cloud.store)
    if run.job.parameters.get("expunge") == "True" or vm.state is VmState.ERROR:
        vm = await expunge(vm, run)
    return vm


async def work_expunge(run: JobRun) -> Vm:
    return await expunge(await living_or_expunged(run), run)


async def expunge(vm: Vm, run: JobRun) -> Vm:
    """Files and rows, then the VM's row; run again it does what is missing."""
    store = run.cloud.store
    if vm.removed is not None:
        return vm
    if vm.state not in EXPUNGEABLE:
        raise ResourceInUse(f"VM {vm.name} cannot be expunged: it is {vm.state}")
    vm = await change_vm(store, vm, VmEvent.EXPUNGE_OPERATION, await store.now(), "by order")
    await forget(vm, run)
    await remove_volumes(vm, run)
    async with store.transaction() as books:
        await release_addresses(vm.id, books)
        vm = await books.vms.swap(vm, replace(vm, removed=await books.now()))
    await tell_end(EXPUNGE_EVENT, f"VM {vm.name} is expunged", vm, run, store)
    return vm


async def forget(vm: Vm, run: JobRun) -> None:
    """Tidiness, not safety: a host that does not hear it keeps a definition it will not start."""
    if vm.last_host_id is None:
        return
    await run.cloud.fleet.forget_guest(
        vm.last_host_id,
        vm.id,
        vm.epoch,
        command_id=run.command_id("forget", vm.epoch),
        deadline_seconds=run.cloud.settings.order_deadline_seconds,
    )


async def living_or_expunged(run: JobRun) -> Vm:
    return await run.cloud.store.vms.by_id(run.job.instance_id)
