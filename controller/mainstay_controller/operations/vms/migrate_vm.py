"""Move a running VM to another host while it runs.

The row says Migrating and where to before either host is told.  Source and target are told under ids that do not change when the job is run
again, so that a migration under way is found again and not begun twice; whatever is unclear at the end is settled by asking."""

from __future__ import annotations

from dataclasses import replace

from mainstay_controller.domain.ids import HostId, VmId
from mainstay_controller.domain.lifecycle.vm import VmEvent
from mainstay_controller.domain.placement.request import Purpose
from mainstay_controller.domain.records import Host, Job, Vm
from mainstay_controller.domain.states import VmState
from mainstay_controller.fleet.outcome import Done, Outcome, in_words
from mainstay_controller.operations.change_state import change_vm
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import (
    InvalidParameter,
    OperationError,
    ResourceInUse,
    ResourceUnavailable,
)
from mainstay_controller.operations.jobs import Asker, JobRun
from mainstay_controller.operations.journal import Level
from mainstay_controller.operations.orders.choose_host import (
    Wish,
    choose,
    is_overcommitted,
    look_at_zone,
    request_for,
)
from mainstay_controller.operations.orders.start_orders import belongings, guest_order, unmoved
from mainstay_controller.operations.vms.settle_migration import arrived, settle_migration, stayed
from mainstay_controller.operations.vms.vm_jobs import begin_vm_job, living_vm, tell_end
from mainstay_controller.store.port import LIVE, eq
from mainstay_runtime.tasks import background

COMMAND, EVENT = "migrateVirtualMachine", "VM.MIGRATE"
PROGRESS_SECONDS = 1.0


async def begin(
    vm_id: VmId, asker: Asker, cloud: Cloud, *, host_id: HostId | None = None, command: str = COMMAND
) -> Job:
    """`host_id` None: the planner chooses.  Refused at once when there is no room now."""
    vm = await living_vm(vm_id, cloud.store, "virtualmachineid")
    if vm.state is not VmState.RUNNING:
        raise ResourceInUse(f"VM {vm.name} cannot be migrated: it is {vm.state}")
    if host_id is not None and host_id == vm.host_id:
        raise InvalidParameter("hostid", f"VM {vm.name} is on that host already")
    await find_target(vm, host_id, cloud)
    said = {"hostid": host_id} if host_id else {}
    return await begin_vm_job(command, EVENT, vm, asker, cloud, parameters=said)


async def work(run: JobRun) -> Vm:
    vm = await living_vm(VmId(run.job.instance_id), run.cloud.store)
    wanted = run.job.parameters.get("hostid")
    try:
        vm = await move(vm, HostId(wanted) if wanted else None, run)
    except OperationError as error:
        await tell_end(EVENT, f"VM {vm.name} is not migrated: {error}", vm, run, run.cloud.store, level=Level.ERROR)
        raise
    await tell_end(EVENT, f"VM {vm.name} is migrated to {vm.host_id}", vm, run, run.cloud.store)
    return vm


async def move(vm: Vm, wanted: HostId | None, run: JobRun) -> Vm:
    if vm.state is VmState.RUNNING:
        if wanted is not None and vm.host_id == wanted:
            return vm  # an earlier run of this job brought it there
        await run.checkpoint()
        vm = await announce(vm, await find_target(vm, wanted, run.cloud), run)
    if vm.state is not VmState.MIGRATING:
        raise ResourceInUse(f"VM {vm.name} cannot be migrated: it is {vm.state}")
    told = await carry_over(vm, run)
    settled = await arrived(vm, run) if isinstance(told, Done) else await settle_migration(vm, run)
    if settled.host_id != vm.target_host_id:
        raise ResourceUnavailable(f"VM {vm.name} was not migrated: {in_words(told)}; it is {settled.state}")
    return settled


async def find_target(vm: Vm, wanted: HostId | None, cloud: Cloud) -> Host:
    """Raises InsufficientCapacity, which says of every host why not."""
    zone = await look_at_zone(vm.zone_id, cloud)
    if wanted is not None and wanted not in zone.hosts:
        raise InvalidParameter("hostid", f"there is no host {wanted} in the zone of VM {vm.name}")
    volumes = await cloud.store.volumes.find(eq("vm_id", vm.id), LIVE)
    offering = await cloud.store.service_offerings.get(vm.service_offering_id)
    wish = Wish(purpose=Purpose.MIGRATE, host_id=wanted, consider_last_host=False)
    request = request_for(vm, volumes, offering, wish, zone)
    assert vm.host_id is not None
    elsewhere = replace(request.demand, avoid=frozenset({(vm.host_id, "it runs here")}))
    return zone.hosts[choose(zone, replace(request, demand=elsewhere), cloud).host_id]


async def announce(vm: Vm, target: Host, run: JobRun) -> Vm:
    """Two may take the last room at once: both look again, and both let go."""
    store, now = run.cloud.store, await run.cloud.store.now()
    aimed = replace(vm, target_host_id=target.id)
    vm = await change_vm(store, vm, VmEvent.MIGRATION_REQUESTED, now, f"to {target.name}", into=aimed)
    if await is_overcommitted(target, await store.clusters.by_id(target.cluster_id), store):
        await stayed(vm, run)
        raise ResourceUnavailable(f"the room on host {target.name} went to another guest")
    return vm


async def carry_over(vm: Vm, run: JobRun) -> Outcome:
    """Done only when the source says that its copy is gone and the target's runs."""
    assert vm.host_id is not None
    assert vm.target_host_id is not None
    source_id, target_id, cloud = vm.host_id, vm.target_host_id, run.cloud
    tenure = cloud.fleet.tenure(target_id)  # before the row is read again: see order_start
    vm = await unmoved(vm, cloud.store)
    guest = guest_order(replace(vm, epoch=vm.epoch + 1), await belongings(vm, cloud.store), cloud)
    await run.reached(f"preparing host {target_id}", 5)
    told = await cloud.fleet.prepare_incoming(
        target_id,
        guest,
        source_id,
        tenure,
        command_id=run.command_id("incoming", target_id, vm.epoch),
        deadline_seconds=cloud.settings.order_deadline_seconds,
    )
    if not isinstance(told, Done):
        return told
    command_id = run.command_id("migrate", target_id, vm.epoch)
    async with background(lambda: follow(vm, command_id, run)):
        return await cloud.fleet.migrate_guest(
            source_id,
            vm.id,
            vm.epoch,
            target_epoch=vm.epoch + 1,
            target_id=target_id,
            target_url=await migration_url(target_id, cloud),
            command_id=command_id,
            deadline_seconds=cloud.settings.migrate_deadline_seconds,
        )


async def follow(vm: Vm, command_id: str, run: JobRun) -> None:
    """Show how far it is; when the job is to be cancelled, ask the source to stay - once, and the migration itself says what became of it."""
    assert vm.host_id is not None
    asked_to_stay = False
    while True:
        await run.cloud.clock.sleep(PROGRESS_SECONDS)
        step = run.cloud.fleet.migration_step(command_id)
        if step is not None:
            await run.reached(f"migrating: {step.phase}", step.percent)
        if await run.wished_to_cancel() and not asked_to_stay:
            asked_to_stay = True
            await run.cloud.fleet.abort_migration(
                vm.host_id,
                vm.id,
                command_id=run.command_id("abort", vm.epoch),
                deadline_seconds=run.cloud.settings.order_deadline_seconds,
            )


async def migration_url(host_id: HostId, cloud: Cloud) -> str:
    """As the host itself told it, or as it was added."""
    arrival = cloud.fleet.arrival(host_id)
    return arrival.url if arrival is not None and arrival.url else (await cloud.store.hosts.by_id(host_id)).url
