"""Stop a VM: ask the guest, then pull its plug; and only its host's word, or proof that the host is gone, makes it Stopped.

Forced means without asking the guest.  It never means to believe without knowing: while the host does not answer the VM is Stopping, and the job waits
for the host, for recovery's proof, or for its deadline."""

from __future__ import annotations

from dataclasses import replace

from mainstay_controller.domain.ids import VmId
from mainstay_controller.domain.lifecycle.vm import VmEvent
from mainstay_controller.domain.records import Job, Vm
from mainstay_controller.domain.states import VmState
from mainstay_controller.fleet.outcome import Done, Outcome, Refused, in_words
from mainstay_controller.operations.change_state import change_vm
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import ResourceInUse
from mainstay_controller.operations.jobs import Asker, JobRun
from mainstay_controller.operations.orders.ask_again import boot_is_over
from mainstay_controller.operations.orders.start_orders import as_victim, taken_off
from mainstay_controller.operations.storage.make_volumes import VolumeNotMade, make_volumes
from mainstay_controller.operations.vms.settle_migration import settle_migration
from mainstay_controller.operations.vms.start_vm import release, want_running
from mainstay_controller.operations.vms.vm_jobs import begin_vm_job, living_vm, tell_end
from mainstay_controller.store.port import Stale

COMMAND, EVENT = "stopVirtualMachine", "VM.STOP"
AT_REST = frozenset({VmState.STOPPED, VmState.DESTROYED, VmState.EXPUNGING, VmState.ERROR})


async def begin(vm_id: VmId, asker: Asker, cloud: Cloud, *, forced: bool = False, command: str = COMMAND) -> Job:
    vm = await living_vm(vm_id, cloud.store)
    if vm.state in (VmState.DESTROYED, VmState.EXPUNGING, VmState.ERROR):
        raise ResourceInUse(f"VM {vm.name} cannot be stopped: it is {vm.state}")
    changed = replace(vm, wanted_running=False)
    said = {"forced": str(forced)}
    return await begin_vm_job(command, EVENT, vm, asker, cloud, changed=changed, parameters=said)


async def work(run: JobRun) -> Vm:
    vm = await want_running(VmId(run.job.instance_id), False, run)
    vm = await bring_down(vm.id, run, forced=run.job.parameters.get("forced") == "True")
    await tell_end(EVENT, f"VM {vm.name} is stopped", vm, run, run.cloud.store)
    return vm


async def bring_down(vm_id: VmId, run: JobRun, *, forced: bool) -> Vm:
    """At rest, however long it takes to know."""
    stop = Stop(run, forced)
    while True:
        vm = await run.cloud.store.vms.by_id(vm_id)
        if vm.state in AT_REST:
            return vm
        try:
            await stop.next_step(vm)
        except Stale:
            continue


class Stop:
    """One attempt to get a VM down.  `barred` is the epoch under which starts that are still on their way will be refused."""

    def __init__(self, run: JobRun, forced: bool) -> None:
        self.run = run
        self.cloud = run.cloud
        self.forced = forced
        self.barred: int | None = None
        self.orders = 0

    async def next_step(self, vm: Vm) -> None:
        match vm.state:
            case VmState.RUNNING:
                await self.run.reached(
                    "stopping it", 10
                )  # if the job is ours no more, who runs may run by a later wish
                await change_vm(self.cloud.store, vm, VmEvent.STOP_REQUESTED, await self.cloud.store.now(), "by order")
            case VmState.MIGRATING:
                await settle_migration(vm, self.run)
            case VmState.STARTING if vm.host_id is None:
                await self.withdraw(vm)
            case VmState.STARTING if vm.epoch != self.barred:
                await self.bar_the_start(vm)
            case _:
                await self.order(vm)

    async def withdraw(self, vm: Vm) -> None:
        """No host was told of the guest, but one may be making its disks."""
        if vm.target_host_id is not None:
            host = await self.cloud.store.hosts.by_id(vm.target_host_id)
            try:
                await make_volumes(vm, host, self.run, may_have_been_sent=True)
            except VolumeNotMade as error:
                await self.run.reached(str(error))
        await release(vm, VmEvent.OPERATION_FAILED, "stopped while it was being started", self.cloud)

    async def bar_the_start(self, vm: Vm) -> None:
        """A start order may still be on its way: raise the epoch, so that the host that hears the stop first refuses it.  Not for a job that is ours
        no more: whoever has it raised the epoch too, and each would find his own outdated for ever."""
        await self.run.reached("barring its start", 10)
        higher = replace(vm, epoch=vm.epoch + 1)
        now = await self.cloud.store.now()
        vm = await change_vm(self.cloud.store, vm, VmEvent.OPERATION_RETRY, now, "to be stopped", into=higher)
        self.barred = vm.epoch

    async def order(self, vm: Vm) -> None:
        assert vm.host_id is not None
        told = await self._order(vm)
        if isinstance(told, Done):
            await self.note_gone(vm, "stopped by order")
        elif await boot_is_over(vm.host_id, vm.host_boot_id, self.cloud, await as_victim(vm, self.cloud.store)):
            await self.note_gone(vm, "its host is proven dead")
        else:
            self.forced = self.forced or not isinstance(told, Refused)  # a guest that was asked had its chance
            await self.run.reached(f"waiting for its host: {in_words(told)}", 50)
            await self.cloud.clock.sleep(self.cloud.settings.ask_again_seconds)

    async def note_gone(self, vm: Vm, why: str) -> None:
        """A guest that ran has taken its password: it is not handed out again."""
        ran = vm.state is VmState.STOPPING
        event = VmEvent.PROVEN_GONE if ran else VmEvent.FOLLOW_AGENT_POWER_OFF
        gone = taken_off(replace(vm, password=None if ran else vm.password), why)
        await change_vm(self.cloud.store, vm, event, await self.cloud.store.now(), why, into=gone)

    async def _order(self, vm: Vm) -> Outcome:
        assert vm.host_id is not None
        self.orders += 1
        settings = self.cloud.settings
        grace_seconds = 0.0 if self.forced else settings.stop_grace_seconds
        return await self.cloud.fleet.stop_guest(
            vm.host_id,
            vm.id,
            vm.epoch,
            forced=self.forced,
            grace_seconds=grace_seconds,
            command_id=self.run.command_id("stop", vm.epoch, self.run.job.attempts, self.orders),
            deadline_seconds=grace_seconds + settings.order_deadline_seconds,
        )
