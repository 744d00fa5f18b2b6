"""Take a storage pool out of service: stop what runs from it, take in nothing new; and afterwards start again what was stopped.

The pool takes no guest from the first moment on; the job ends when no guest with a disk there runs, and then the pool is in Maintenance.  Each stop and each
start is a job of its VM, so that it waits its turn.  Which VMs are to run again is written in the pool's row before they are stopped; one that
its user stops or starts meanwhile follows its user."""

from __future__ import annotations

from dataclasses import replace

from mainstay_controller.domain.ids import PoolId
from mainstay_controller.domain.records import Job, StoragePool, Vm
from mainstay_controller.domain.states import JobState, PoolState, VmState
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import ResourceInUse
from mainstay_controller.operations.jobs import JOBS, Asker, JobCancelled, JobRun, new_job
from mainstay_controller.operations.journal import About
from mainstay_controller.operations.living import living_pool
from mainstay_controller.operations.orders.choose_host import Wish
from mainstay_controller.operations.own_details import STOPPED_FOR_IT
from mainstay_controller.operations.vms import start_vm, stop_vm
from mainstay_controller.store.port import LIVE, Stale, any_of, eq

COMMAND, EVENT, CANCEL_EVENT = "enableStorageMaintenance", "MAINT.PREPARE.PS", "MAINT.CANCEL.PS"
LOOK_AGAIN_SECONDS = 1.0
GONE = (VmState.DESTROYED, VmState.EXPUNGING, VmState.ERROR)


async def begin(pool_id: PoolId, asker: Asker, cloud: Cloud) -> Job:
    pool = await living_pool(pool_id, cloud.store)
    if pool.state is not PoolState.UP:
        raise ResourceInUse(f"Storage pool {pool.name} is {pool.state}, not {PoolState.UP}")
    now = await cloud.store.now()
    job = new_job(cloud, COMMAND, asker, now, instance_type="StoragePool", instance_id=pool.id, deadline_seconds=None)
    async with cloud.store.transaction() as store:
        await store.pools.swap(pool, replace(pool, state=PoolState.PREPARE_FOR_MAINTENANCE))
        about = replace(_about(pool), user_id=asker.user_id, account_id=asker.account_id, job_id=job.id)
        text = f"storage pool {pool.name} is prepared for maintenance"
        told = await cloud.journal.event(store, EVENT, text, about, state="Scheduled")
        job = await store.jobs.add(replace(job, parent_event_id=told.id))
    cloud.fleet.bells.ring(JOBS)
    return job


async def work(run: JobRun) -> StoragePool:
    cloud = run.cloud
    asker = Asker(account_id=run.job.account_id, user_id=run.job.user_id)
    while True:
        pool = await living_pool(PoolId(run.job.instance_id), cloud.store)
        if pool.state is PoolState.MAINTENANCE:
            return pool
        if pool.state is not PoolState.PREPARE_FOR_MAINTENANCE:
            raise JobCancelled(f"The maintenance of storage pool {pool.name} was cancelled")
        if await run.wished_to_cancel():
            await cancel(pool.id, asker, cloud)
            raise JobCancelled(f"The maintenance of storage pool {pool.name} was cancelled")
        guests = await _guests_of(pool, cloud)
        if not guests:
            return await _finish(pool, run)
        await run.reached(f"{len(guests)} guests still run from it", 50)
        await _stop(pool, guests, asker, cloud)
        await cloud.clock.sleep(LOOK_AGAIN_SECONDS)


async def cancel(pool_id: PoolId, asker: Asker, cloud: Cloud) -> StoragePool:
    """In service again; the VMs that were stopped for it start.  All of that is written together, or nothing of it."""
    while True:
        pool = await living_pool(pool_id, cloud.store)
        if pool.state is PoolState.UP:
            return pool
        try:
            pool = await _reopen(pool, asker, cloud)
        except Stale:
            continue  # a user or the job that empties it was faster: look again
        cloud.fleet.bells.ring(JOBS)
        return pool


async def _reopen(pool: StoragePool, asker: Asker, cloud: Cloud) -> StoragePool:
    details = {name: value for name, value in pool.details.items() if name != STOPPED_FOR_IT}
    async with cloud.store.transaction() as store:
        for vm in await store.vms.find(any_of("id", _stopped_for_it(pool)), LIVE):
            if vm.state not in GONE and not vm.wanted_running:  # some may still wait for their stop
                await start_vm.begin_within(store, vm, Wish(), asker, cloud)
        about = replace(_about(pool), user_id=asker.user_id, account_id=asker.account_id)
        await cloud.journal.event(store, CANCEL_EVENT, f"storage pool {pool.name} is in service again", about)
        return await store.pools.swap(pool, replace(pool, state=PoolState.UP, details=details))


async def _guests_of(pool: StoragePool, cloud: Cloud) -> list[Vm]:
    """Whatever has a disk there and is not at rest."""
    volumes = await cloud.store.volumes.find(eq("pool_id", pool.id), LIVE)
    vms = await cloud.store.vms.find(any_of("id", sorted({each.vm_id for each in volumes if each.vm_id})), LIVE)
    return [vm for vm in vms if vm.state not in stop_vm.AT_REST]


async def _stop(pool: StoragePool, guests: list[Vm], asker: Asker, cloud: Cloud) -> None:
    to_run_again = sorted({*_stopped_for_it(pool), *(vm.id for vm in guests if vm.wanted_running)})
    if to_run_again != _stopped_for_it(pool):
        kept = {**pool.details, STOPPED_FOR_IT: ",".join(to_run_again)}
        await cloud.store.pools.swap(pool, replace(pool, details=kept))
    for vm in guests:
        pending = eq("state", JobState.PENDING)
        if not await cloud.store.jobs.count(eq("instance_id", vm.id), eq("command", stop_vm.COMMAND), pending):
            await stop_vm.begin(vm.id, asker, cloud)


async def _finish(pool: StoragePool, run: JobRun) -> StoragePool:
    async with run.cloud.store.transaction() as store:
        pool = await store.pools.swap(pool, replace(pool, state=PoolState.MAINTENANCE))
        about = replace(_about(pool), user_id=run.job.user_id, job_id=run.job.id)
        text = f"storage pool {pool.name} is in maintenance"
        await run.cloud.journal.event(store, EVENT, text, about, start_event_id=run.job.parent_event_id)
    return pool


def _stopped_for_it(pool: StoragePool) -> list[str]:
    return [vm_id for vm_id in pool.details.get(STOPPED_FOR_IT, "").split(",") if vm_id]


def _about(pool: StoragePool) -> About:
    return About(resource_type="StoragePool", resource_id=pool.id)
