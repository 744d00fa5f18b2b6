"""Addresses of downloads as clients see them: the same, under the name of what is fetched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar, TypeVar

from mainstay_controller.api.access import Caller
from mainstay_controller.api.parameters import Wire
from mainstay_controller.api.views.related import names_of
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.storage.downloads import Offered


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadView:
    """`extract_id` is no secret: it opens nothing."""

    secrets: ClassVar[tuple[str, ...]] = ("url",)

    id: str
    name: str
    extract_id: Annotated[str, Wire("extractId")]
    extract_mode: Annotated[str, Wire("extractMode")] = "HTTP_DOWNLOAD"
    account_id: str
    zone_id: str | None
    zone_name: str | None
    created: datetime
    expires: datetime
    state: str = "DOWNLOAD_URL_CREATED"
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateDownloadView(DownloadView):
    wire_key: ClassVar[str] = "template"


@dataclass(frozen=True, slots=True, kw_only=True)
class IsoDownloadView(DownloadView):
    wire_key: ClassVar[str] = "iso"


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeDownloadView(DownloadView):
    wire_key: ClassVar[str] = "volume"


D = TypeVar("D", bound=DownloadView)


async def of_templates(records: Sequence[Offered], caller: Caller, cloud: Cloud) -> list[TemplateDownloadView]:
    return await _downloads(TemplateDownloadView, records, caller, cloud)


async def of_isos(records: Sequence[Offered], caller: Caller, cloud: Cloud) -> list[IsoDownloadView]:
    return await _downloads(IsoDownloadView, records, caller, cloud)


async def of_volumes(records: Sequence[Offered], caller: Caller, cloud: Cloud) -> list[VolumeDownloadView]:
    return await _downloads(VolumeDownloadView, records, caller, cloud)


async def _downloads(kind: Callable[..., D], records: Sequence[Offered], caller: Caller, cloud: Cloud) -> list[D]:
    zones = await names_of(cloud.store.zones, (each.row.zone_id for each in records))
    return [
        kind(
            id=each.row.subject_id,
            name=each.row.name,
            extract_id=each.row.id,
            account_id=caller.account.id,
            zone_id=each.row.zone_id,
            zone_name=zones.get(each.row.zone_id),
            created=each.row.created,
            expires=each.row.expires,
            url=each.url,
        )
        for each in records
    ]
