"""Make a disk bigger: at once under a guest that runs, by an order to its host; else by any host that reaches its pool.

A disk never shrinks.  The file grows first and the row tells of it then; an order repeated grows nothing, so that the job may be run again from the
start at any time."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mainstay_controller.domain.ids import DiskOfferingId, HostId, VolumeId
from mainstay_controller.domain.records import DiskOffering, Job, StoragePool, Vm, Volume
from mainstay_controller.domain.resource_types import ResourceType
from mainstay_controller.domain.states import VmState, VolumeState
from mainstay_controller.fleet.outcome import Done, Outcome, Refused, in_words
from mainstay_controller.operations.checks import a_number
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter, ResourceInUse, ResourceUnavailable
from mainstay_controller.operations.jobs import JOBS, Asker, JobRun
from mainstay_controller.operations.journal import About, Level
from mainstay_controller.operations.offerings.disk_offerings import GIB, SIZE_GIB_MAX
from mainstay_controller.operations.orders.ask_again import boot_is_over, until_known
from mainstay_controller.operations.orders.choose_host import look_at_zone
from mainstay_controller.operations.orders.proof_on_file import work_on
from mainstay_controller.operations.orders.start_orders import unmoved
from mainstay_controller.operations.resource_limits import check_limits
from mainstay_controller.operations.storage.make_volumes import hosts_reaching
from mainstay_controller.operations.storage.volume_jobs import INSTANCE_TYPE, volume_job
from mainstay_controller.store.port import Stale

COMMAND, EVENT = "resizeVolume", "VOLUME.RESIZE"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSize:
    """A size in GiB, another offering, or both where that one has no size of its own."""

    size_gib: int | None = None
    disk_offering_id: DiskOfferingId | None = None


class LookAgain(Exception):
    """The guest is not where it was."""


async def begin(volume: Volume, wanted: NewSize, asker: Asker, cloud: Cloud) -> Job:
    if volume.removed is not None or volume.state in (VolumeState.DESTROY, VolumeState.CREATING):
        raise ResourceInUse(f"Volume {volume.name} is {volume.state}: its size cannot be changed")
    size_bytes = await _wanted_bytes(volume, wanted, cloud)
    if size_bytes < volume.size_bytes:
        raise InvalidParameter("size", f"volume {volume.name} has {volume.size_bytes // GIB} GiB: a disk never shrinks")
    await _check_room(volume, size_bytes - volume.size_bytes, cloud)
    said = {"size": str(size_bytes)}
    if wanted.disk_offering_id is not None:
        said["diskofferingid"] = wanted.disk_offering_id
    return await _add_job(volume, said, asker, cloud)


async def _wanted_bytes(volume: Volume, wanted: NewSize, cloud: Cloud) -> int:
    offering = await _offering(wanted.disk_offering_id or volume.disk_offering_id, cloud)
    if wanted.disk_offering_id is not None and volume.type == "ROOT":
        raise InvalidParameter("diskofferingid", "a root disk has no disk offering: give a size")
    if offering is not None and not offering.is_customized:
        if wanted.disk_offering_id is None:
            raise InvalidParameter("diskofferingid", f"offering {offering.name} has a size: name another offering")
        if wanted.size_gib is not None:
            raise InvalidParameter("size", f"offering {offering.name} has a size: give none")
        return offering.size_bytes
    if wanted.size_gib is None:
        raise InvalidParameter("size", "give a size in GiB, or a disk offering that has one")
    return a_number("size", wanted.size_gib, least=1, most=SIZE_GIB_MAX, unit="GiB") * GIB


async def _offering(offering_id: DiskOfferingId | None, cloud: Cloud) -> DiskOffering | None:
    return await cloud.store.disk_offerings.get(offering_id) if offering_id is not None else None


async def _check_room(volume: Volume, more_bytes: int, cloud: Cloud) -> None:
    owner = await cloud.store.accounts.by_id(volume.account_id)
    await check_limits(owner, {ResourceType.PRIMARY_STORAGE: more_bytes // GIB}, cloud)
    if volume.pool_id is None:
        return
    zone = await look_at_zone(volume.zone_id, cloud)
    if zone.room_bytes.get(volume.pool_id, 0) < more_bytes:
        raise ResourceUnavailable(f"The pool of volume {volume.name} has no room for {more_bytes // GIB} GiB more")


async def _add_job(volume: Volume, said: dict[str, str], asker: Asker, cloud: Cloud) -> Job:
    job = await volume_job(COMMAND, volume, asker, cloud, parameters=said)
    async with cloud.store.transaction() as store:
        text = f"{COMMAND} of volume {volume.name} is scheduled"
        told = await cloud.journal.event(store, EVENT, text, _about(volume, job), state="Scheduled")
        job = await store.jobs.add(replace(job, parent_event_id=told.id))
    cloud.fleet.bells.ring(JOBS)
    return job


def _about(volume: Volume, job: Job) -> About:
    return About(
        resource_type=INSTANCE_TYPE,
        resource_id=volume.id,
        account_id=volume.account_id,
        domain_id=volume.domain_id,
        user_id=job.user_id,
        job_id=job.id,
    )


async def work(run: JobRun) -> Volume:
    while True:
        volume = await run.cloud.store.volumes.by_id(VolumeId(run.job.instance_id))
        try:
            return await _grow(volume, run)
        except (Stale, LookAgain):
            await run.reached("waiting for its guest to be at rest", 30)
            await run.cloud.clock.sleep(run.cloud.settings.ask_again_seconds)


async def _grow(volume: Volume, run: JobRun) -> Volume:
    said = run.job.parameters
    offering_id = DiskOfferingId(said["diskofferingid"]) if "diskofferingid" in said else volume.disk_offering_id
    bigger = replace(volume, size_bytes=max(int(said["size"]), volume.size_bytes), disk_offering_id=offering_id)
    if volume.pool_id is not None and bigger.size_bytes > volume.size_bytes:
        await _grow_file(bigger, await run.cloud.store.pools.by_id(volume.pool_id), run)
    volume = await run.cloud.store.volumes.swap(volume, bigger)
    await _tell(volume, f"Volume {volume.name} has {volume.size_bytes // GIB} GiB", run)
    return volume


async def _grow_file(bigger: Volume, pool: StoragePool, run: JobRun) -> None:
    vm = await run.cloud.store.vms.by_id(bigger.vm_id) if bigger.vm_id is not None else None
    if vm is None or vm.state is VmState.STOPPED:
        told = await _grow_alone(bigger, pool, run)
    elif vm.state is VmState.RUNNING:
        told = await _grow_under(vm, bigger, pool, run)
    else:
        raise LookAgain
    if isinstance(told, Refused) and told.code == "not-running":
        raise LookAgain
    if not isinstance(told, Done):
        why = f"Volume {bigger.name} is not made bigger: {in_words(told)}"
        await _tell(bigger, why, run, Level.ERROR)
        raise ResourceUnavailable(why)


async def _grow_alone(bigger: Volume, pool: StoragePool, run: JobRun) -> Outcome:
    """No guest has it open, or QEMU's lock on the image says so."""
    host = next(iter(await hosts_reaching(pool, run.cloud.store)), None)
    if host is None:
        raise ResourceUnavailable(f"No host that is Up reaches pool {pool.name}")

    async def order(attempt: int) -> Outcome:
        return await run.cloud.fleet.grow_volume(
            host.id,
            bigger,
            pool.path,
            command_id=run.command_id("grow", host.id, run.job.attempts, attempt),
            deadline_seconds=run.cloud.settings.order_deadline_seconds,
        )

    async def host_is_gone() -> bool:
        return await boot_is_over(host.id, host.boot_id, run.cloud, work_on([pool.id]))

    return await until_known(order, may_have_been_sent=False, host_is_gone=host_is_gone, cloud=run.cloud)


async def _grow_under(vm: Vm, bigger: Volume, pool: StoragePool, run: JobRun) -> Outcome:
    async def order(attempt: int) -> Outcome:
        row = await unmoved(vm, run.cloud.store)
        return await run.cloud.fleet.grow_disk(
            HostId(str(row.host_id)),
            row,
            bigger,
            pool.path,
            command_id=run.command_id("grow", vm.epoch, run.job.attempts, attempt),
            deadline_seconds=run.cloud.settings.order_deadline_seconds,
        )

    async def never() -> bool:
        """Where the guest is not there any more its row says so."""
        return False

    return await until_known(order, may_have_been_sent=False, host_is_gone=never, cloud=run.cloud)


async def _tell(volume: Volume, text: str, run: JobRun, level: Level = Level.INFO) -> None:
    await run.cloud.journal.event(
        run.cloud.store, EVENT, text, _about(volume, run.job), level=level, start_event_id=run.job.parent_event_id
    )
