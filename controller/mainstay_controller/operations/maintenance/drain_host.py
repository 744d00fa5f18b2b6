"""Empty a host for maintenance: plan all moves first, then make them, a few at once; never stop a guest.

The host takes no guests from the first moment on.  Each move is a job of its VM, so that it waits its turn behind what users asked of that VM and survives us;
this job ends when the host is empty, and then the host is in Maintenance.  A guest that has nowhere to go keeps running; why is told at once, by name and
number, and the rest goes on: it is tried again until there is room or the maintenance is cancelled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from mainstay_controller.domain.ids import HostId, VmId
from mainstay_controller.domain.lifecycle import resource
from mainstay_controller.domain.lifecycle.resource import ResourceEvent
from mainstay_controller.domain.lifecycle.table import ForbiddenTransition, after
from mainstay_controller.domain.placement.planner import plan
from mainstay_controller.domain.placement.request import NoRoom, Placed, Placement, Purpose, Request
from mainstay_controller.domain.records import Host, Job, Vm
from mainstay_controller.domain.states import HostState, JobState, ResourceState, VmState
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import ResourceInUse, ResourceUnavailable
from mainstay_controller.operations.jobs import JOBS, Asker, JobCancelled, JobRun, new_job, request_cancel
from mainstay_controller.operations.journal import AlertType, about_host, place_of
from mainstay_controller.operations.living import living_host
from mainstay_controller.operations.orders.choose_host import Wish, look_at_zone, request_for
from mainstay_controller.operations.vms import migrate_vm
from mainstay_controller.operations.vms.vm_jobs import INSTANCE_TYPE, add_vm_job
from mainstay_controller.store.port import LIVE, eq

COMMAND, EVENT = "prepareHostForMaintenance", "MAINT.PREPARE"
LOOK_AGAIN_SECONDS = 2.0
TRIES_MAX = 5
"""migrate.retry: after so many failed moves of one guest the host is shown as ErrorInPrepareForMaintenance; trying goes on."""
PREPARING = (ResourceState.PREPARE_FOR_MAINTENANCE, ResourceState.ERROR_IN_PREPARE_FOR_MAINTENANCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """What is to be done about each guest of the host."""

    guests: tuple[Vm, ...]
    under_way: frozenset[VmId]
    placements: Mapping[VmId, Placement]

    @property
    def stuck(self) -> dict[VmId, NoRoom]:
        return {vm_id: each for vm_id, each in self.placements.items() if isinstance(each, NoRoom)}


async def begin(host_id: HostId, asker: Asker, cloud: Cloud) -> Job:
    host = await living_host(host_id, cloud.store)
    if host.resource_state in (*PREPARING, ResourceState.MAINTENANCE):
        raise ResourceInUse(f"Host {host.name} is {host.resource_state} already")
    if host.state is not HostState.UP and await guests_on(host, cloud):
        raise ResourceUnavailable(f"Host {host.name} is {host.state}: its guests cannot be moved off it")
    now = await cloud.store.now()
    job = new_job(cloud, COMMAND, asker, now, instance_type="Host", instance_id=host.id, deadline_seconds=None)
    async with cloud.store.transaction() as store:
        changed = after_event(host, ResourceEvent.ADMIN_ASK_MAINTENANCE)
        await store.hosts.swap(host, changed)
        told = await cloud.journal.event(
            store,
            EVENT,
            f"host {host.name} is prepared for maintenance",
            replace(about_host(host), user_id=asker.user_id, job_id=job.id),
            state="Scheduled",
        )
        job = await store.jobs.add(replace(job, parent_event_id=told.id))
    cloud.fleet.bells.ring(JOBS)
    return job


async def work(run: JobRun) -> Host:
    cloud = run.cloud
    while True:
        host = await living_host(HostId(run.job.instance_id), cloud.store)
        if host.resource_state is ResourceState.MAINTENANCE:
            return host
        if host.resource_state not in PREPARING:
            raise JobCancelled(f"The maintenance of host {host.name} was cancelled")
        if await run.wished_to_cancel():
            await cancel(host.id, cloud)
            raise JobCancelled(f"The maintenance of host {host.name} was cancelled")
        moves = await plan_moves(host, run)
        if not moves.guests:
            return await finish(host, run)
        await order_moves(moves, run)
        await tell(host, moves, run)
        await cloud.clock.sleep(LOOK_AGAIN_SECONDS)


async def cancel(host_id: HostId, cloud: Cloud) -> Host:
    """cancelHostMaintenance: guests that were moved stay where they are, moves not yet begun are withdrawn."""
    host = await living_host(host_id, cloud.store)
    if host.resource_state is ResourceState.ENABLED:
        return host
    host = await cloud.store.hosts.swap(host, after_event(host, ResourceEvent.ADMIN_CANCEL_MAINTENANCE))
    for vm in await guests_on(host, cloud):
        for job in await jobs_moving(vm, cloud):
            await request_cancel(job.id, cloud)
    await cloud.journal.resolve(cloud.store, stuck_key(host))
    return host


# --- deciding ---------------------------------------------------------------------------------------------------------


async def plan_moves(host: Host, run: JobRun) -> Moves:
    """All that are still to be moved, as one problem."""
    cloud = run.cloud
    guests = await guests_on(host, cloud)
    under_way = {vm.id for vm in guests if await jobs_moving(vm, cloud)}
    waiting = [vm for vm in guests if vm.state is VmState.RUNNING and vm.id not in under_way]
    zone = await look_at_zone(host.zone_id, cloud)
    requests: list[Request] = []
    for vm in waiting:
        volumes = await cloud.store.volumes.find(eq("vm_id", vm.id), LIVE)
        offering = await cloud.store.service_offerings.get(vm.service_offering_id)
        wish = Wish(purpose=Purpose.MIGRATE, consider_last_host=False)
        requests.append(request_for(vm, volumes, offering, wish, zone))
    placements = plan(zone.snapshot, requests, cloud.rng)
    return Moves(guests=tuple(guests), under_way=frozenset(under_way), placements=placements)


async def guests_on(host: Host, cloud: Cloud) -> list[Vm]:
    """Whatever is charged to it: what runs there, comes there, or may run there."""
    here = await cloud.store.vms.find(eq("host_id", host.id), LIVE)
    coming = await cloud.store.vms.find(eq("target_host_id", host.id), LIVE)
    return list({vm.id: vm for vm in (*here, *coming)}.values())


async def jobs_moving(vm: Vm, cloud: Cloud) -> list[Job]:
    pending = eq("state", JobState.PENDING)
    return await cloud.store.jobs.find(eq("instance_id", vm.id), eq("command", migrate_vm.COMMAND), pending)


# --- doing ------------------------------------------------------------------------------------------------------------


async def order_moves(moves: Moves, run: JobRun) -> None:
    """As many as may be under way at once."""
    free = run.cloud.settings.migrations_at_once - len(moves.under_way)
    vms = {vm.id: vm for vm in moves.guests}
    placed = [(vm_id, each.host_id) for vm_id, each in moves.placements.items() if isinstance(each, Placed)]
    for vm_id, target_id in placed[: max(free, 0)]:
        await order_move(vms[vm_id], target_id, run)


async def order_move(vm: Vm, target_id: HostId, run: JobRun) -> None:
    asker = Asker(account_id=run.job.account_id, user_id=run.job.user_id)
    now = await run.cloud.store.now()
    job = new_job(
        run.cloud,
        migrate_vm.COMMAND,
        asker,
        now,
        instance_type=INSTANCE_TYPE,
        instance_id=vm.id,
        parameters={"hostid": target_id, "parentjobid": run.job.id},
    )
    async with run.cloud.store.transaction() as store:
        await add_vm_job(job, migrate_vm.EVENT, vm, store, run.cloud)
    run.cloud.fleet.bells.ring(JOBS)


async def finish(host: Host, run: JobRun) -> Host:
    cloud = run.cloud
    async with cloud.store.transaction() as store:
        host = await store.hosts.swap(host, after_event(host, ResourceEvent.INTERNAL_ENTER_MAINTENANCE))
        about = replace(about_host(host), user_id=run.job.user_id, job_id=run.job.id)
        text = f"host {host.name} is empty and in maintenance"
        await cloud.journal.event(store, EVENT, text, about, start_event_id=run.job.parent_event_id)
        await cloud.journal.resolve(store, stuck_key(host))
    return host


async def tell(host: Host, moves: Moves, run: JobRun) -> None:
    """How far it is; of guests that cannot move, why: in the job, in an alert, and in the host's state."""
    stuck = [f"{vm.name}: {moves.stuck[vm.id].alternatives}" for vm in moves.guests if vm.id in moves.stuck]
    failing = [f"{vm.name}: its moves fail" for vm in moves.guests if await failures(vm, run) >= TRIES_MAX]
    trouble = "; ".join([*stuck, *failing])
    await run.reached(f"{len(moves.guests)} guests left" + (f"; stuck: {trouble}" if trouble else ""))
    await show_trouble(host, trouble, run.cloud)


async def failures(vm: Vm, run: JobRun) -> int:
    """Moves of that guest that this job ordered and that failed."""
    failed = await run.cloud.store.jobs.find(
        eq("instance_id", vm.id), eq("command", migrate_vm.COMMAND), eq("state", JobState.FAILED)
    )
    return sum(job.parameters.get("parentjobid") == run.job.id for job in failed)


async def show_trouble(host: Host, trouble: str, cloud: Cloud) -> None:
    """Once when it begins, and once when it is over."""
    if bool(trouble) is (host.resource_state is ResourceState.ERROR_IN_PREPARE_FOR_MAINTENANCE):
        return
    event = ResourceEvent.UNABLE_TO_MIGRATE if trouble else ResourceEvent.ERRORS_CORRECTED
    async with cloud.store.transaction() as store:
        await store.hosts.swap(host, after_event(host, event))
        if trouble:
            subject = f"Host {host.name} cannot be emptied for maintenance"
            place = place_of(host)
            await cloud.journal.alert(
                store, AlertType.HOST, subject, description=trouble, dedupe_key=stuck_key(host), place=place
            )
        else:
            await cloud.journal.resolve(store, stuck_key(host))


def after_event(host: Host, event: ResourceEvent) -> Host:
    try:
        return replace(host, resource_state=after(resource.TRANSITIONS, host.resource_state, event))
    except ForbiddenTransition as error:
        raise ResourceInUse(f"Host {host.name}: {error}") from error


def stuck_key(host: Host) -> str:
    return f"maintenance-stuck:{host.id}"
