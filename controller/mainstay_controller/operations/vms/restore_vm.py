"""Restore a VM: its root disk is made anew from a template; data disks stay.

The disk is thrown away only when the VM is at rest, and only once by one job: what is made afterwards is not thrown away again, whoever
takes the job up."""

from __future__ import annotations

from dataclasses import replace

from mainstay_controller.domain.ids import TemplateId, VmId
from mainstay_controller.domain.records import Job, Template, Vm
from mainstay_controller.domain.states import VmState, VolumeState
from mainstay_controller.fleet.guest_spec import next_file_name
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter, ResourceInUse
from mainstay_controller.operations.jobs import Asker, JobRun
from mainstay_controller.operations.living import living_template
from mainstay_controller.operations.orders.choose_host import Wish
from mainstay_controller.operations.storage.make_volumes import format_from, remove_file
from mainstay_controller.operations.vms.start_vm import bring_up_or_give_up, want_running
from mainstay_controller.operations.vms.stop_vm import bring_down
from mainstay_controller.operations.vms.vm_jobs import begin_vm_job, living_vm, tell_end
from mainstay_controller.store.port import LIVE, eq

COMMAND, EVENT = "restoreVirtualMachine", "VM.RESTORE"
THROWN_AWAY = "the old root disk is thrown away"


async def begin(vm_id: VmId, template_id: TemplateId | None, asker: Asker, cloud: Cloud) -> Job:
    vm = await living_vm(vm_id, cloud.store, "virtualmachineid")
    if vm.state not in (VmState.RUNNING, VmState.STOPPED):
        raise ResourceInUse(f"VM {vm.name} cannot be restored: it is {vm.state}")
    template = await _template(vm, template_id, cloud)
    said = {"templateid": template.id, "start": str(vm.wanted_running)}
    changed = replace(vm, wanted_running=False)
    return await begin_vm_job(COMMAND, EVENT, vm, asker, cloud, changed=changed, parameters=said)


async def work(run: JobRun) -> Vm:
    vm_id = VmId(run.job.instance_id)
    if run.job.phase != THROWN_AWAY:
        await want_running(vm_id, False, run)
        vm = await bring_down(vm_id, run, forced=False)
        await _throw_away(vm, await run.cloud.store.templates.by_id(run.job.parameters["templateid"]), run)
        await run.reached(THROWN_AWAY, 50)
    vm = await run.cloud.store.vms.by_id(vm_id)
    if vm.wanted_running:
        vm = await bring_up_or_give_up(vm.id, Wish(), run, EVENT, "is restored, and does not run again")
    await tell_end(EVENT, f"VM {vm.name} is restored", vm, run, run.cloud.store)
    return vm


async def _template(vm: Vm, wanted: TemplateId | None, cloud: Cloud) -> Template:
    template_id = wanted or vm.template_id
    if template_id is None:
        raise InvalidParameter("templateid", f"VM {vm.name} was made from no template: name one")
    template = await living_template(template_id, cloud.store)
    if template.hypervisor != vm.hypervisor or not template.is_ready:
        raise InvalidParameter("templateid", f"template {template.name} is not ready, or not for {vm.hypervisor}")
    return template


async def _throw_away(vm: Vm, template: Template, run: JobRun) -> None:
    """The file goes; the row stays, to be made into a file at the next start.  With it goes the user's wish: it runs again if it ran before."""
    store = run.cloud.store
    [root] = await store.volumes.find(eq("vm_id", vm.id), eq("type", "ROOT"), LIVE)
    if root.pool_id is not None:
        await remove_file(root, await store.pools.by_id(root.pool_id), run, first=vm.last_host_id)
    anew = replace(
        root,
        pool_id=None,
        state=VolumeState.ALLOCATED,
        template_id=template.id,
        size_bytes=max(root.size_bytes, template.size_bytes),
        format=format_from(template),
    )
    anew = replace(anew, path=next_file_name(anew, run.job.id))
    async with store.transaction() as books:
        await books.volumes.swap(root, anew)
        wanted = run.job.parameters["start"] == "True"
        await books.vms.swap(vm, replace(vm, template_id=template.id, wanted_running=wanted))
