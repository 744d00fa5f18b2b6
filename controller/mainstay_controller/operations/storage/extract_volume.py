"""Copy the disk of a guest that is Stopped, or of none, into an image store, from where it can be fetched.

A host that reaches both makes the copy, raw and whole whatever the disk stands on; the copy is this job's own, is finished or made anew if
the job is run again, and goes when its address ends."""

from __future__ import annotations

from dataclasses import replace

from mainstay_controller.domain.ids import VolumeId
from mainstay_controller.domain.records import Job, Volume
from mainstay_controller.domain.states import VolumeState
from mainstay_controller.fleet.guest_spec import file_name
from mainstay_controller.fleet.outcome import Done, in_words
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import ResourceInUse, ResourceUnavailable
from mainstay_controller.operations.jobs import JOBS, Asker, JobRun
from mainstay_controller.operations.storage.downloads import Offered, Subject, offer
from mainstay_controller.operations.storage.image_stores import directories
from mainstay_controller.operations.storage.make_volumes import hosts_reaching
from mainstay_controller.operations.storage.move_volume import COPY_FORMAT
from mainstay_controller.operations.storage.volume_jobs import volume_job
from mainstay_controller.operations.storage.volumes import check_stopped

COMMAND = "extractVolume"


async def begin(volume: Volume, origin: str, asker: Asker, cloud: Cloud) -> Job:
    if volume.state is not VolumeState.READY or volume.pool_id is None:
        raise ResourceInUse(f"Volume {volume.name} is {volume.state}: it has no file yet that could be fetched")
    if volume.vm_id is not None:
        check_stopped(await cloud.store.vms.by_id(volume.vm_id))
    if not await directories(volume.zone_id, cloud.store):
        raise ResourceUnavailable("The zone of the volume has no image store file:///... to copy it to")
    said = {"origin": origin}
    job = await volume_job(
        COMMAND, volume, asker, cloud, parameters=said, deadline_seconds=None
    )  # a copy takes its time
    job = await cloud.store.jobs.add(job)
    cloud.fleet.bells.ring(JOBS)
    return job


async def work(run: JobRun) -> Offered:
    cloud = run.cloud
    volume = await cloud.store.volumes.by_id(VolumeId(run.job.instance_id))
    if volume.vm_id is not None:
        check_stopped(await cloud.store.vms.by_id(volume.vm_id))
    await run.reached("copying to the image store", 10)
    path = await _copied(volume, run)
    subject = Subject(kind="volumes", id=volume.id, name=volume.name, path=path, zone_id=volume.zone_id, is_copy=True)
    return await offer(subject, run.job.user_id, run.job.parameters["origin"], cloud)


async def _copied(volume: Volume, run: JobRun) -> str:
    """By the first host that can; where the copy is."""
    cloud, answers = run.cloud, []
    pool = await cloud.store.pools.by_id(volume.pool_id or "")
    source = f"{pool.path.rstrip('/')}/{volume.path or file_name(volume)}"
    copy = replace(volume, id=VolumeId(run.job.id), format=COPY_FORMAT, path="")
    for place in await directories(volume.zone_id, cloud.store):
        for host in await hosts_reaching(pool, cloud.store):
            told = await cloud.fleet.prepare_volume(
                host.id,
                copy,
                str(place),
                template_path=source,
                command_id=run.command_id("extract", volume.id, host.id, str(place), run.job.attempts),
                deadline_seconds=cloud.settings.migrate_deadline_seconds,
            )
            if isinstance(told, Done):
                return str(place / file_name(copy))
            answers.append(f"{host.name}: {in_words(told)}")
    raise ResourceUnavailable(f"Volume {volume.name} is not copied: {'; '.join(answers) or 'no host reaches its pool'}")
