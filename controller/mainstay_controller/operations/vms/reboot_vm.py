"""Reboot a running VM on its host: ask the guest, or - forced - reset it.  Its epoch stays: it is the same run."""

from __future__ import annotations

from mainstay_controller.domain.ids import VmId
from mainstay_controller.domain.records import Job, Vm
from mainstay_controller.domain.states import VmState
from mainstay_controller.fleet.outcome import Done, in_words
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import ResourceInUse, ResourceUnavailable
from mainstay_controller.operations.jobs import Asker, JobRun
from mainstay_controller.operations.journal import Level
from mainstay_controller.operations.vms.vm_jobs import begin_vm_job, living_vm, tell_end

COMMAND, EVENT = "rebootVirtualMachine", "VM.REBOOT"


async def begin(vm_id: VmId, asker: Asker, cloud: Cloud, *, forced: bool = False, command: str = COMMAND) -> Job:
    vm = await living_vm(vm_id, cloud.store)
    check_runs(vm)
    return await begin_vm_job(command, EVENT, vm, asker, cloud, parameters={"forced": str(forced)})


async def work(run: JobRun) -> Vm:
    cloud = run.cloud
    vm = await living_vm(VmId(run.job.instance_id), cloud.store)
    check_runs(vm)
    assert vm.host_id is not None
    told = await cloud.fleet.reboot_guest(
        vm.host_id,
        vm.id,
        vm.epoch,
        forced=run.job.parameters.get("forced") == "True",
        command_id=run.command_id("reboot", vm.epoch),
        deadline_seconds=cloud.settings.order_deadline_seconds,
    )
    if not isinstance(told, Done):
        why = f"VM {vm.name} is not known to have rebooted: {in_words(told)}"
        await tell_end(EVENT, why, vm, run, cloud.store, level=Level.ERROR)
        raise ResourceUnavailable(why)
    await tell_end(EVENT, f"VM {vm.name} is rebooted", vm, run, cloud.store)
    return vm


def check_runs(vm: Vm) -> None:
    if vm.state is not VmState.RUNNING:
        raise ResourceInUse(f"VM {vm.name} cannot be rebooted: it is {vm.state}")
