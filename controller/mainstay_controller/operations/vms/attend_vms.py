"""VMs that need a job which nobody asked for: those between two states that nobody works on, and destroyed ones whose time is over.

A job can end while its VM is still in transition - its deadline passed while a host did not answer.  The wish that was in it is in the row: a VM
that is wanted is brought up, one that is not is brought down, one that was being migrated is found."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from mainstay_controller.domain.ids import VmId
from mainstay_controller.domain.records import Job, Json, Vm
from mainstay_controller.domain.states import DecisionOutcome, JobState, VmState
from mainstay_controller.operations.beginning.first_admin import ADMIN_ACCOUNT_ID, ADMIN_USER_ID
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.jobs import Asker, JobRun
from mainstay_controller.operations.orders.choose_host import Wish
from mainstay_controller.operations.vms import destroy_vm
from mainstay_controller.operations.vms.settle_migration import settle_migration
from mainstay_controller.operations.vms.start_vm import bring_up
from mainstay_controller.operations.vms.stop_vm import bring_down
from mainstay_controller.operations.vms.vm_jobs import begin_vm_job, living_vm, tell_end
from mainstay_controller.store.port import LIVE, Stale, any_of, at_most, eq

COMMAND, EVENT = "settleVirtualMachine", "VM.SETTLE"
IN_TRANSITION = (VmState.STARTING, VmState.STOPPING, VmState.MIGRATING)
UNATTENDED_SECONDS = 30.0
SYSTEM = Asker(account_id=ADMIN_ACCOUNT_ID, user_id=ADMIN_USER_ID)


async def attend(cloud: Cloud) -> list[Job]:
    """The jobs begun.  Controllers that notice it in the same moment are told apart by the row's version."""
    now = await cloud.store.now()
    stuck_since = now - timedelta(seconds=UNATTENDED_SECONDS)
    ripe_since = now - timedelta(seconds=cloud.settings.expunge_delay_seconds)
    vms = cloud.store.vms
    stuck = await vms.find(any_of("state", IN_TRANSITION), at_most("state_since", stuck_since), LIVE)
    ripe = await vms.find(eq("state", VmState.DESTROYED), at_most("state_since", ripe_since), LIVE)
    begun = [await _begin(COMMAND, EVENT, vm, cloud) for vm in stuck]
    begun += [await _begin(destroy_vm.EXPUNGE_COMMAND, destroy_vm.EXPUNGE_EVENT, vm, cloud) for vm in ripe]
    return [job for job in begun if job is not None]


async def work(run: JobRun) -> Mapping[str, Json]:
    """Nobody asked for it, so nobody is shown more than this."""
    vm = await living_vm(VmId(run.job.instance_id), run.cloud.store)
    if vm.state is VmState.MIGRATING:
        vm = await settle_migration(vm, run)
    elif vm.state is VmState.STARTING and vm.wanted_running:
        vm = await bring_up(vm.id, Wish(), run)
    elif vm.state in (VmState.STARTING, VmState.STOPPING):
        vm = await bring_down(vm.id, run, forced=False)
    await tell_end(EVENT, f"VM {vm.name} is {vm.state} after all", vm, run, run.cloud.store)
    return {"id": vm.id, "state": vm.state.value}


async def _begin(command: str, event: str, vm: Vm, cloud: Cloud) -> Job | None:
    if await _in_hand(vm, cloud):
        return None
    try:
        return await begin_vm_job(command, event, vm, SYSTEM, cloud, changed=vm)
    except Stale:
        return None


async def _in_hand(vm: Vm, cloud: Cloud) -> bool:
    pending = (DecisionOutcome.PENDING, DecisionOutcome.WAITING_FOR_CAPACITY)
    jobs = await cloud.store.jobs.count(eq("instance_id", vm.id), eq("state", JobState.PENDING))
    return jobs > 0 or await cloud.store.decisions.count(eq("vm_id", vm.id), any_of("outcome", pending)) > 0
