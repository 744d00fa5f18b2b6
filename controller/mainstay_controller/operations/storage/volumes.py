"""Data disks: make and delete.

A new disk is a row; its file is made on the host that first runs a guest with it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mainstay_controller.domain.ids import DiskOfferingId, VmId, VolumeId, ZoneId
from mainstay_controller.domain.records import Account, DiskOffering, Job, Vm, Volume
from mainstay_controller.domain.resource_types import ResourceType
from mainstay_controller.domain.states import VmState, VolumeState
from mainstay_controller.operations.checks import a_name, a_number
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter, ResourceInUse
from mainstay_controller.operations.jobs import JOBS, Asker, JobRun
from mainstay_controller.operations.offerings.disk_offerings import GIB, SIZE_GIB_MAX
from mainstay_controller.operations.resource_limits import check_limits
from mainstay_controller.operations.storage.make_volumes import remove_file
from mainstay_controller.operations.storage.upload_volume import forget_image
from mainstay_controller.operations.storage.volume_jobs import volume_job
from mainstay_controller.store.port import LIVE, eq

DELETE_COMMAND = "deleteVolume"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVolume:
    zone_id: ZoneId
    name: str = ""
    disk_offering_id: DiskOfferingId | None = None
    size_gib: int | None = None


async def create_volume(new: NewVolume, owner: Account, cloud: Cloud) -> Volume:
    offering = await cloud.store.disk_offerings.by_id(new.disk_offering_id) if new.disk_offering_id else None
    size_bytes = _size_bytes(offering, new.size_gib)
    more = {ResourceType.VOLUME: 1, ResourceType.PRIMARY_STORAGE: size_bytes // GIB}
    await check_limits(owner, more, cloud)
    volume_id = VolumeId(cloud.rng.uuid())
    return await cloud.store.volumes.add(
        Volume(
            id=volume_id,
            name=a_name("name", new.name or f"DATA-{volume_id}"),
            zone_id=new.zone_id,
            created=await cloud.store.now(),
            account_id=owner.id,
            domain_id=owner.domain_id,
            disk_offering_id=new.disk_offering_id,
            type="DATADISK",
            device_id=None,
            size_bytes=size_bytes,
        )
    )


async def attached_at(vm_id: VmId, device_id: int, cloud: Cloud) -> Volume:
    found = await cloud.store.volumes.find(eq("vm_id", vm_id), eq("device_id", device_id), LIVE, limit=1)
    if not found:
        raise InvalidParameter("deviceid", f"no volume is attached as device {device_id}")
    return found[0]


async def begin_delete(volume: Volume, asker: Asker, cloud: Cloud) -> Job:
    if volume.vm_id is not None:
        raise ResourceInUse(f"Volume {volume.name} is attached to a virtual machine: detach it first")
    if volume.state is VolumeState.CREATING:
        raise ResourceInUse(f"Volume {volume.name} is just being made")
    job = await volume_job(DELETE_COMMAND, volume, asker, cloud)
    async with cloud.store.transaction() as store:
        await store.volumes.swap(volume, replace(volume, state=VolumeState.DESTROY))
        job = await store.jobs.add(job)
    cloud.fleet.bells.ring(JOBS)
    return job


async def work_delete(run: JobRun) -> None:
    store = run.cloud.store
    volume = await store.volumes.by_id(run.job.instance_id)
    if volume.removed is not None:
        return
    if volume.pool_id is not None:
        await remove_file(volume, await store.pools.by_id(volume.pool_id), run)
    gone = replace(volume, state=VolumeState.EXPUNGED, pool_id=None, removed=await store.now())
    async with store.transaction() as books:
        await books.volumes.swap(volume, gone)
        await forget_image(volume, books)


def check_stopped(vm: Vm) -> None:
    if vm.state is not VmState.STOPPED:
        raise ResourceInUse(f"VM {vm.name} is {vm.state}: this needs it to be Stopped")


def _size_bytes(offering: DiskOffering | None, size_gib: int | None) -> int:
    if offering is not None and not offering.is_customized:
        return offering.size_bytes
    if size_gib is None:
        raise InvalidParameter("size", "give a size in GiB, or a disk offering that has one")
    return a_number("size", size_gib, least=1, most=SIZE_GIB_MAX, unit="GiB") * GIB
