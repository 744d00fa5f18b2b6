"""Give a VM an ISO image, or take it away: at once while it runs, by an order to its host; else with its next start.

The row is changed first, so that a restart meanwhile is with what the user wants; a host that certainly did not do it has it put back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NoReturn

from mainstay_controller.domain.ids import TemplateId, VmId
from mainstay_controller.domain.records import Job, Template, Vm
from mainstay_controller.domain.states import VmState
from mainstay_controller.fleet.outcome import Done, Outcome, in_words
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter, ResourceInUse, ResourceUnavailable
from mainstay_controller.operations.jobs import Asker, JobRun
from mainstay_controller.operations.journal import Level
from mainstay_controller.operations.orders.ask_again import boot_is_over, until_known
from mainstay_controller.operations.orders.proof_on_file import work_on
from mainstay_controller.operations.orders.start_orders import belongings, iso_on_host
from mainstay_controller.operations.storage.update_template import delete_template
from mainstay_controller.operations.vms.vm_jobs import begin_vm_job, living_vm, tell_end
from mainstay_controller.store.port import LIVE, eq

ATTACH, DETACH = "attachIso", "detachIso"
EVENTS = {ATTACH: "ISO.ATTACH", DETACH: "ISO.DETACH"}


class NoLongerThere(Exception):
    """The guest does not run on that host under that epoch any more: its next start is with what its row says."""


async def begin_attach(iso: Template, vm: Vm, asker: Asker, cloud: Cloud, *, forced: bool = False) -> Job:
    check_fits(iso, vm)
    if vm.iso_id is not None:
        raise ResourceInUse(f"VM {vm.name} has an ISO already: detach it first")
    return await _begin(ATTACH, vm, {"isoid": iso.id, "forced": str(forced)}, asker, cloud)


async def begin_detach(vm: Vm, asker: Asker, cloud: Cloud, *, forced: bool = False) -> Job:
    if vm.iso_id is None:
        raise InvalidParameter("virtualmachineid", f"VM {vm.name} has no ISO")
    return await _begin(DETACH, vm, {"was": vm.iso_id, "forced": str(forced)}, asker, cloud)


async def _begin(command: str, vm: Vm, said: Mapping[str, str], asker: Asker, cloud: Cloud) -> Job:
    check_settled(vm)
    return await begin_vm_job(command, EVENTS[command], vm, asker, cloud, parameters=said)


def check_fits(iso: Template, vm: Vm) -> None:
    if iso.removed is not None:
        raise InvalidParameter("id", f"ISO {iso.name} is deleted")
    if iso.hypervisor != vm.hypervisor or iso.zone_id not in (None, vm.zone_id):
        raise InvalidParameter("id", f"ISO {iso.name} is for {iso.hypervisor}, or in another zone than VM {vm.name}")


def check_settled(vm: Vm) -> None:
    """An order to run it that is under way names the ISO it had."""
    if vm.state not in (VmState.RUNNING, VmState.STOPPED):
        raise ResourceInUse(f"VM {vm.name} is {vm.state}: its ISO can be changed when it is Running or Stopped")


async def work(run: JobRun) -> Vm:
    said = run.job.parameters
    wanted, before = _iso_id(said.get("isoid")), _iso_id(said.get("was"))
    vm = await _note_wish(await living_vm(VmId(run.job.instance_id), run.cloud.store), wanted, before, run.cloud)
    told = await change_medium(vm, run) if vm.state is VmState.RUNNING else Done()
    if not isinstance(told, Done):
        await _put_back(vm, before, f"The ISO of VM {vm.name} is not changed: {in_words(told)}", run)
    text = f"VM {vm.name} has {'an' if wanted else 'no'} ISO now"
    await tell_end(EVENTS[run.job.command], text, vm, run, run.cloud.store)
    return vm


async def _note_wish(vm: Vm, wanted: TemplateId | None, before: TemplateId | None, cloud: Cloud) -> Vm:
    check_settled(vm)
    if wanted is not None:
        check_fits(await cloud.store.templates.by_id(wanted), vm)
    if vm.iso_id not in (before, wanted):
        raise ResourceInUse(f"VM {vm.name} has another ISO by now")
    return await cloud.store.vms.swap(vm, replace(vm, iso_id=wanted))


async def _put_back(vm: Vm, before: TemplateId | None, why: str, run: JobRun) -> NoReturn:
    now = await run.cloud.store.vms.by_id(vm.id)
    await run.cloud.store.vms.swap(now, replace(now, iso_id=before))
    await tell_end(EVENTS[run.job.command], why, now, run, run.cloud.store, level=Level.ERROR)
    raise ResourceUnavailable(why)


async def change_medium(vm: Vm, run: JobRun) -> Outcome:
    """Done too when it does not run there any more."""
    cloud, host_id = run.cloud, vm.host_id
    owns = await belongings(vm, cloud.store)
    pool_id = next(volume.pool_id for volume in owns.volumes if volume.type == "ROOT")
    assert host_id is not None
    assert pool_id is not None

    async def order(attempt: int) -> Outcome:
        return await cloud.fleet.change_medium(
            host_id,
            vm.id,
            vm.epoch,
            iso_on_host(owns.iso),
            pool_id,
            forced=run.job.parameters.get("forced") == "True",
            command_id=run.command_id("medium", vm.epoch, run.job.attempts, attempt),
            deadline_seconds=cloud.settings.order_deadline_seconds,
        )

    async def end_if_gone() -> bool:
        row = await cloud.store.vms.by_id(vm.id)
        moved = (row.host_id, row.epoch) != (vm.host_id, vm.epoch)
        if moved or await boot_is_over(host_id, vm.host_boot_id, cloud, work_on([pool_id])):
            raise NoLongerThere
        return False

    try:
        return await until_known(order, may_have_been_sent=True, host_is_gone=end_if_gone, cloud=cloud)
    except NoLongerThere:
        return Done()


def _iso_id(said: object) -> TemplateId | None:
    return TemplateId(str(said)) if said else None


async def delete_iso(iso: Template, cloud: Cloud) -> None:
    users = await cloud.store.vms.find(eq("iso_id", iso.id), LIVE, limit=1)
    if users:
        raise ResourceInUse(f"ISO {iso.name} is attached to VM {users[0].name}")
    await delete_template(iso, cloud)
