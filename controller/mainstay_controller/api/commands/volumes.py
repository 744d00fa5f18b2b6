"""Volumes: the disks of virtual machines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mainstay_controller.api.access import EVERYBODY, ROOT, USERS, Caller, owner_named
from mainstay_controller.api.answers import Accepted, Success, accepted
from mainstay_controller.api.instant import instant_job
from mainstay_controller.api.listing import ScopedListing, listing
from mainstay_controller.api.parameters import AllAre, Between, Filter, Length
from mainstay_controller.api.registry import command, job_of, job_to_success
from mainstay_controller.api.views import one
from mainstay_controller.api.views import volumes as views
from mainstay_controller.domain.ids import (
    ClusterId,
    DiskOfferingId,
    DomainId,
    HostId,
    OfferingId,
    PodId,
    PoolId,
    ProjectId,
    VmId,
    VolumeId,
    ZoneId,
)
from mainstay_controller.domain.records import Volume
from mainstay_controller.domain.roles import Role
from mainstay_controller.domain.states import VolumeState
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter
from mainstay_controller.operations.storage import move_volume, upload_volume, volumes
from mainstay_controller.operations.vms import attach_volume, resize_volume
from mainstay_controller.operations.vms.resize_volume import NewSize
from mainstay_controller.store.port import LIVE, Where, any_of, eq


@dataclass(frozen=True, slots=True, kw_only=True)
class ListVolumes(ScopedListing):
    """Lists volumes."""

    id: Annotated[VolumeId | None, "the ID of the volume", Filter()] = None
    ids: Annotated[tuple[VolumeId, ...] | None, "the IDs of the volumes", Filter("id")] = None
    name: Annotated[str | None, "the name of the volume", Filter()] = None
    type: Annotated[str | None, "ROOT or DATADISK", Filter()] = None
    state: Annotated[VolumeState | None, "the state of the volume", Filter()] = None
    virtual_machine_id: Annotated[VmId | None, "only disks of this virtual machine", Filter("vm_id")] = None
    zone_id: Annotated[ZoneId | None, "the ID of the zone", Filter()] = None
    storage_id: Annotated[PoolId | None, "only disks on this storage pool", Filter("pool_id")] = None
    disk_offering_id: Annotated[DiskOfferingId | None, "the ID of the disk offering", Filter()] = None
    host_id: Annotated[HostId | None, "only disks of virtual machines on this host"] = None
    cluster_id: Annotated[ClusterId | None, "only disks on the storage of this cluster"] = None
    pod_id: Annotated[PodId | None, "only disks on the storage of this pod"] = None
    service_offering_id: Annotated[OfferingId | None, "only root disks of machines of this service offering"] = None
    display_volume: Annotated[bool | None, "whether it is shown to its owner: all are", AllAre(value=True)] = None
    is_encrypted: Annotated[bool | None, "whether it is encrypted: none is", AllAre(value=False)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateVolume:
    name: Annotated[str, "the name of the volume"] = ""
    zone_id: Annotated[ZoneId | None, "the ID of the zone"] = None
    disk_offering_id: Annotated[DiskOfferingId | None, "the ID of the disk offering"] = None
    size: Annotated[int | None, "the size in GiB, where the offering has none", Between(1, 65536)] = None
    virtual_machine_id: Annotated[VmId | None, "the virtual machine it is for: its zone is taken"] = None
    project_id: Annotated[ProjectId | None, "make it for this project"] = None
    account: Annotated[str | None, "make it for this account, with domainid; administrators only"] = None
    domain_id: Annotated[DomainId | None, "the domain of the account"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadVolume:
    name: Annotated[str, "the name of the volume"]
    zone_id: Annotated[ZoneId, "the ID of the zone"]
    url: Annotated[str, "file:// and the path of the image, as hosts see it", Length(2048)]
    format: Annotated[str, "the format of the image: QCOW2 or RAW"]
    checksum: Annotated[str, "the checksum of the image"] = ""
    project_id: Annotated[ProjectId | None, "make it for this project"] = None
    account: Annotated[str | None, "make it for this account, with domainid; administrators only"] = None
    domain_id: Annotated[DomainId | None, "the domain of the account"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachVolume:
    id: Annotated[VolumeId, "the ID of the volume"]
    virtual_machine_id: Annotated[VmId, "the ID of the virtual machine"]
    device_id: Annotated[int | None, "as which device", Between(1, 25)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DetachVolume:
    id: Annotated[VolumeId | None, "the ID of the volume"] = None
    virtual_machine_id: Annotated[VmId | None, "or of its virtual machine, with deviceid"] = None
    device_id: Annotated[int | None, "as which device it is attached", Between(1, 25)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResizeVolume:
    id: Annotated[VolumeId, "the ID of the volume"]
    size: Annotated[int | None, "the new size in GiB, where its offering has none", Between(1, 65536)] = None
    disk_offering_id: Annotated[DiskOfferingId | None, "the ID of the disk offering that it is of from now on"] = None
    shrink_ok: Annotated[bool, "a disk never shrinks: of no effect"] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteVolume:
    id: Annotated[VolumeId, "the ID of the volume"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrateVolume:
    volume_id: Annotated[VolumeId, "the ID of the volume"]
    storage_id: Annotated[PoolId, "the ID of the storage pool it is moved to"]


async def _by_place(request: ListVolumes, _caller: Caller, cloud: Cloud) -> list[Where]:
    conditions = []
    if request.host_id:
        on_host = await cloud.store.vms.find(LIVE, eq("host_id", request.host_id))
        conditions.append(any_of("vm_id", [vm.id for vm in on_host]))
    if request.cluster_id:
        pools = await cloud.store.pools.find(LIVE, eq("cluster_id", request.cluster_id))
        conditions.append(any_of("pool_id", [pool.id for pool in pools]))
    if request.pod_id:
        pools = await cloud.store.pools.find(LIVE, eq("pod_id", request.pod_id))
        conditions.append(any_of("pool_id", [pool.id for pool in pools]))
    if request.service_offering_id:
        of_it = await cloud.store.vms.find(LIVE, eq("service_offering_id", request.service_offering_id))
        conditions += [eq("type", "ROOT"), any_of("vm_id", [vm.id for vm in of_it])]
    return conditions


list_volumes = listing(
    "listVolumes",
    request=ListVolumes,
    rows=lambda store: store.volumes,
    view=views.volumes,
    roles=EVERYBODY,
    keyword=("name", "type", "state"),
    where=_by_place,
)


@instant_job("createVolume", roles=USERS, creates=True)
async def create(request: CreateVolume, caller: Caller, cloud: Cloud) -> views.VolumeView:
    """Creates a data disk; its file is made when a virtual machine first runs with it."""
    vm = await cloud.store.vms.by_id(request.virtual_machine_id) if request.virtual_machine_id else None
    zone_id = vm.zone_id if vm else request.zone_id
    if zone_id is None:
        raise InvalidParameter("zoneid", "name the zone, or the virtual machine")
    if vm is not None:
        volumes.check_stopped(vm)
    owner = await owner_named(caller, request.account, request.domain_id, cloud.store, project_id=request.project_id)
    new = volumes.NewVolume(
        zone_id=zone_id, name=request.name, disk_offering_id=request.disk_offering_id, size_gib=request.size
    )
    volume = await volumes.create_volume(new, owner, cloud)
    if vm is not None:
        volume = await attach_volume.attach_at_rest(volume, vm, cloud)
    return await one(views.volumes, volume, caller, cloud)


@instant_job("uploadVolume", roles=USERS, creates=True)
async def upload(request: UploadVolume, caller: Caller, cloud: Cloud) -> views.VolumeView:
    """Makes a data disk from an image that hosts can read; its file is made when a virtual machine first runs with it."""
    owner = await owner_named(caller, request.account, request.domain_id, cloud.store, project_id=request.project_id)
    asked = upload_volume.Upload(
        zone_id=request.zone_id,
        name=request.name,
        url=request.url,
        format=request.format,
        checksum=request.checksum,
        by_root=caller.role is Role.ROOT_ADMIN,
    )
    return await one(views.volumes, await upload_volume.upload_volume(asked, owner, cloud), caller, cloud)


@command("attachVolume", roles=USERS, job=job_of(attach_volume.work, views.volumes))
async def attach(request: AttachVolume, caller: Caller, cloud: Cloud) -> Accepted:
    """Attaches a data disk to a virtual machine: at once while it runs, else with its next start."""
    volume = await cloud.store.volumes.by_id(request.id)
    vm = await cloud.store.vms.by_id(request.virtual_machine_id)
    return accepted(await attach_volume.begin_attach(volume, vm, request.device_id, caller.asker, cloud))


@command("detachVolume", roles=USERS, job=job_of(attach_volume.work, views.volumes))
async def detach(request: DetachVolume, caller: Caller, cloud: Cloud) -> Accepted:
    """Detaches a data disk from a virtual machine; one that runs must let go of it."""
    return accepted(await attach_volume.begin_detach(await _meant(request, cloud), caller.asker, cloud))


@command("resizeVolume", roles=USERS, job=job_of(resize_volume.work, views.volumes))
async def resize(request: ResizeVolume, caller: Caller, cloud: Cloud) -> Accepted:
    """Makes a volume bigger, while its virtual machine runs or is Stopped."""
    volume = await cloud.store.volumes.by_id(request.id)
    wanted = NewSize(size_gib=request.size, disk_offering_id=request.disk_offering_id)
    return accepted(await resize_volume.begin(volume, wanted, caller.asker, cloud))


@command("deleteVolume", roles=USERS, job=job_to_success(volumes.work_delete))
async def delete(request: DeleteVolume, caller: Caller, cloud: Cloud) -> Success:
    """Deletes a data disk that is attached to nothing; its file is removed by a job that clients need not wait for."""
    await volumes.begin_delete(await cloud.store.volumes.by_id(request.id), caller.asker, cloud)
    return Success()


@command("migrateVolume", roles=ROOT, job=job_of(move_volume.work, views.volumes))
async def migrate(request: MigrateVolume, caller: Caller, cloud: Cloud) -> Accepted:
    """Moves the disk of a virtual machine that is Stopped, or of none, to another storage pool; it is a raw image then."""
    volume = await cloud.store.volumes.by_id(request.volume_id)
    return accepted(await move_volume.begin(volume, request.storage_id, caller.asker, cloud))


async def _meant(request: DetachVolume, cloud: Cloud) -> Volume:
    if request.id is not None:
        return await cloud.store.volumes.by_id(request.id)
    if request.virtual_machine_id is None or request.device_id is None:
        raise InvalidParameter("id", "name the volume by id, or by virtualmachineid and deviceid")
    return await volumes.attached_at(request.virtual_machine_id, request.device_id, cloud)


COMMANDS = (list_volumes, create, upload, attach, detach, resize, migrate, delete)
