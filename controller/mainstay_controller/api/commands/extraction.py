"""Downloads: an address under which an image can be fetched for a while."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from mainstay_controller.api.access import USERS, Caller
from mainstay_controller.api.answers import Accepted, accepted
from mainstay_controller.api.instant import instant_job
from mainstay_controller.api.registry import command, job_of
from mainstay_controller.api.views import downloads as views
from mainstay_controller.api.views import one
from mainstay_controller.domain.ids import TemplateId, VolumeId, ZoneId
from mainstay_controller.domain.records import Template
from mainstay_controller.domain.roles import Role
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter, PermissionDenied
from mainstay_controller.operations.orders.start_orders import path_in
from mainstay_controller.operations.storage import downloads, extract_volume


class Mode(StrEnum):
    DOWNLOAD = "HTTP_DOWNLOAD"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractTemplate:
    id: Annotated[TemplateId, "the ID of the template"]
    mode: Annotated[Mode, "how: HTTP_DOWNLOAD"]
    zone_id: Annotated[ZoneId | None, "the ID of the zone"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractIso:
    id: Annotated[TemplateId, "the ID of the ISO"]
    mode: Annotated[Mode, "how: HTTP_DOWNLOAD"]
    zone_id: Annotated[ZoneId | None, "the ID of the zone"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractVolume:
    id: Annotated[VolumeId, "the ID of the volume"]
    mode: Annotated[Mode, "how: HTTP_DOWNLOAD"]
    zone_id: Annotated[ZoneId, "the ID of its zone"]


@instant_job("extractTemplate", roles=USERS)
async def template(request: ExtractTemplate, caller: Caller, cloud: Cloud) -> views.TemplateDownloadView:
    """Makes an address under which the image of a template can be fetched until extract.url.expiration.interval is over."""
    offered = await _image_offered(request, caller, cloud, is_iso=False)
    return await one(views.of_templates, offered, caller, cloud)


@instant_job("extractIso", roles=USERS)
async def iso(request: ExtractIso, caller: Caller, cloud: Cloud) -> views.IsoDownloadView:
    """Makes an address under which an ISO can be fetched until extract.url.expiration.interval is over."""
    return await one(views.of_isos, await _image_offered(request, caller, cloud, is_iso=True), caller, cloud)


@command("extractVolume", roles=USERS, job=job_of(extract_volume.work, views.of_volumes))
async def volume(request: ExtractVolume, caller: Caller, cloud: Cloud) -> Accepted:
    """Copies the disk of a virtual machine that is Stopped, or of none, and makes an address under which the copy can be fetched."""
    disk = await cloud.store.volumes.by_id(request.id)
    if disk.zone_id != request.zone_id:
        raise InvalidParameter("zoneid", f"volume {disk.name} is in another zone")
    return accepted(await extract_volume.begin(disk, caller.origin, caller.asker, cloud))


async def _image_offered(
    request: ExtractTemplate | ExtractIso, caller: Caller, cloud: Cloud, *, is_iso: bool
) -> downloads.Offered:
    image = await cloud.store.templates.by_id(request.id)
    if image.is_iso is not is_iso:
        raise InvalidParameter("id", f"{image.name} is {'an ISO' if image.is_iso else 'a template'}")
    if request.zone_id is not None and image.zone_id not in (None, request.zone_id):
        raise InvalidParameter("zoneid", f"{image.name} is in another zone")
    if not (image.is_extractable or caller.role is Role.ROOT_ADMIN):
        raise PermissionDenied(f"{image.name} may not be downloaded: it is not extractable")
    return await downloads.offer(_subject(image), caller.user.id, caller.origin, cloud)


def _subject(image: Template) -> downloads.Subject:
    return downloads.Subject(
        kind="templates", id=image.id, name=image.name, path=path_in(image.url), zone_id=image.zone_id
    )


COMMANDS = (template, iso, volume)
