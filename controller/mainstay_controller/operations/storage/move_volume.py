"""Move the disk of a guest that is Stopped, or of none, to another storage pool: copy, then say where it is, then remove the old file.

The copy is raw and whole, whatever the disk stood on.  Until the row says where the disk is now the old file is the disk, and a copy that was not
finished is made anew; from then on the old file is only litter, and removing it is tried again until it is gone.  The job stands in its guest's line,
and the row changes together with a look at the guest's, so that no start can fall in between."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

from mainstay_controller.domain.ids import PoolId, VmId, VolumeId
from mainstay_controller.domain.placement.snapshot import reaches
from mainstay_controller.domain.records import Host, Job, StoragePool, Volume
from mainstay_controller.domain.states import VolumeState
from mainstay_controller.fleet.guest_spec import file_name, next_file_name
from mainstay_controller.fleet.outcome import Done, Outcome, in_words
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter, ResourceInUse, ResourceUnavailable
from mainstay_controller.operations.jobs import JOBS, Asker, JobRun
from mainstay_controller.operations.living import living_pool
from mainstay_controller.operations.orders.ask_again import boot_is_over, until_known
from mainstay_controller.operations.orders.proof_on_file import work_on
from mainstay_controller.operations.storage.make_volumes import hosts_reaching, remove_file
from mainstay_controller.operations.storage.volume_jobs import volume_job
from mainstay_controller.operations.storage.volumes import check_stopped

COMMAND = "migrateVolume"
COPY_FORMAT = "raw"


async def begin(volume: Volume, pool_id: PoolId, asker: Asker, cloud: Cloud) -> Job:
    pool = await living_pool(pool_id, cloud.store, "storageid")
    if volume.state is not VolumeState.READY or volume.pool_id is None:
        raise ResourceInUse(f"Volume {volume.name} is {volume.state}: it has no file yet that could be moved")
    if volume.pool_id == pool.id:
        raise InvalidParameter("storageid", f"volume {volume.name} is on pool {pool.name} already")
    if volume.vm_id is not None:
        check_stopped(await cloud.store.vms.by_id(volume.vm_id))
    await _a_host_between(await cloud.store.pools.by_id(volume.pool_id), pool, cloud)
    said = {"from": volume.pool_id, "format": volume.format, "path": volume.path, "to": pool.id}
    # a copy takes its time, and a host that is silent is waited for
    job = await volume_job(COMMAND, volume, asker, cloud, parameters=said, deadline_seconds=None)
    job = await cloud.store.jobs.add(job)
    cloud.fleet.bells.ring(JOBS)
    return job


async def work(run: JobRun) -> Volume:
    store, said = run.cloud.store, run.job.parameters
    volume = await store.volumes.by_id(VolumeId(run.job.instance_id))
    source = await store.pools.by_id(said["from"])
    old = replace(volume, pool_id=source.id, format=said["format"], path=said["path"])
    if volume.pool_id == source.id:
        volume = await _copied(old, source, await living_pool(PoolId(said["to"]), store, "storageid"), run)
    await _remove_old(old, source, run)
    return volume


async def _copied(volume: Volume, source: StoragePool, target: StoragePool, run: JobRun) -> Volume:
    await run.reached(f"copying to pool {target.name}", 10)
    if volume.vm_id is not None:
        check_stopped(await run.cloud.store.vms.by_id(volume.vm_id))
    host = await _a_host_between(source, target, run.cloud)
    copy = replace(volume, pool_id=target.id, format=COPY_FORMAT)
    copy = replace(copy, path=next_file_name(copy, run.job.id))
    told = await _copy(copy, f"{source.path.rstrip('/')}/{volume.path or file_name(volume)}", target, host, run)
    if not isinstance(told, Done):
        raise ResourceUnavailable(f"Volume {volume.name} is not copied to pool {target.name}: {in_words(told)}")
    return await _now_there(volume, copy, run)


async def _copy(copy: Volume, source_path: str, target: StoragePool, host: Host, run: JobRun) -> Outcome:
    cloud = run.cloud

    async def order(attempt: int) -> Outcome:
        return await cloud.fleet.prepare_volume(
            host.id,
            copy,
            target.path,
            template_path=source_path,
            command_id=run.command_id("copy", copy.id, host.id, run.job.attempts, attempt),
            deadline_seconds=cloud.settings.migrate_deadline_seconds,
        )

    async def host_is_gone() -> bool:
        return await boot_is_over(host.id, host.boot_id, cloud, work_on([target.id]))

    return await until_known(order, may_have_been_sent=False, host_is_gone=host_is_gone, cloud=cloud)


async def _now_there(volume: Volume, copy: Volume, run: JobRun) -> Volume:
    """Raises Stale, and then the copy is made anew, if the guest was touched meanwhile."""
    async with run.cloud.store.transaction() as store:
        if volume.vm_id is not None:
            vm = await store.vms.by_id(VmId(volume.vm_id))
            check_stopped(vm)
            await store.vms.swap(vm, vm)
        return await store.volumes.swap(volume, copy)


async def _remove_old(old: Volume, source: StoragePool, run: JobRun) -> None:
    for attempt in count():
        try:
            await remove_file(old, source, run, attempt=attempt)
            return
        except ResourceUnavailable as error:
            await run.reached(f"the disk has moved; its old file is still there: {error}", 90)
            await run.cloud.clock.sleep(run.cloud.settings.ask_again_seconds)


async def _a_host_between(source: StoragePool, target: StoragePool, cloud: Cloud) -> Host:
    for host in await hosts_reaching(source, cloud.store):
        if reaches(host, target):
            return host
    raise ResourceUnavailable(f"No host that is Up reaches both pool {source.name} and pool {target.name}")
