"""A data disk from an image that hosts can read: looked at like a template's, copied or built upon when a guest first runs with the disk.

The image is kept as a template of a type of its own, which no list shows and no machine is deployed from; it goes with its disk."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mainstay_controller.domain.ids import VolumeId, ZoneId
from mainstay_controller.domain.records import Account, Template, Volume
from mainstay_controller.domain.resource_types import ResourceType
from mainstay_controller.operations.checks import a_name
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter
from mainstay_controller.operations.offerings.disk_offerings import GIB
from mainstay_controller.operations.resource_limits import check_limits
from mainstay_controller.operations.storage.register_template import ISO, NewTemplate, checked, hypervisor_of, inspected
from mainstay_controller.store.port import Store

IMAGE_TYPE = "VOLUME"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    zone_id: ZoneId
    name: str
    url: str
    format: str
    checksum: str = ""
    by_root: bool = False


async def upload_volume(new: Upload, owner: Account, cloud: Cloud) -> Volume:
    image = await _image(new, owner, cloud)
    more = {ResourceType.VOLUME: 1, ResourceType.PRIMARY_STORAGE: -(-image.size_bytes // GIB)}
    await check_limits(owner, more, cloud)
    disk = Volume(
        id=VolumeId(cloud.rng.uuid()),
        name=a_name("name", new.name),
        zone_id=new.zone_id,
        created=image.created,
        account_id=owner.id,
        domain_id=owner.domain_id,
        template_id=image.id,
        type="DATADISK",
        device_id=None,
        size_bytes=image.size_bytes,
        format=image.format.lower(),
    )
    async with cloud.store.transaction() as store:
        await store.templates.add(image)
        return await store.volumes.add(disk)


async def forget_image(volume: Volume, store: Store) -> None:
    """The image that a disk was uploaded from is nobody else's.  In the caller's transaction."""
    image = await store.templates.get(volume.template_id) if volume.template_id else None
    if image is not None and image.type == IMAGE_TYPE:
        await store.templates.remove(image.id)


async def _image(new: Upload, owner: Account, cloud: Cloud) -> Template:
    if new.format.upper() == ISO:
        raise InvalidParameter("format", "a disk is QCOW2 or RAW")
    asked = NewTemplate(
        name=new.name,
        display_text=new.name,
        url=new.url,
        format=new.format,
        hypervisor=await hypervisor_of(new.zone_id, cloud),
        account_id=owner.id,
        domain_id=owner.domain_id,
        zone_id=new.zone_id,
        is_public=False,
        checksum=new.checksum,
        by_root=new.by_root,
    )
    return replace(await inspected(await checked(asked, cloud), cloud), type=IMAGE_TYPE)
