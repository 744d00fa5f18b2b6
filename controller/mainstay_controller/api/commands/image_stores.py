"""Image stores: secondary storage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from mainstay_controller.api.access import ROOT, ROOT_READS, Caller
from mainstay_controller.api.answers import Success
from mainstay_controller.api.listing import Listing, listing
from mainstay_controller.api.parameters import Filter, Length
from mainstay_controller.api.registry import command
from mainstay_controller.api.views import one
from mainstay_controller.api.views.related import names_of
from mainstay_controller.domain.ids import ImageStoreId, ZoneId
from mainstay_controller.domain.records import ImageStore
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.storage import image_stores


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageStoreView:
    wire_key: ClassVar[str] = "imagestore"

    id: str
    name: str
    url: str
    protocol: str
    provider_name: str
    scope: str
    zone_id: str | None
    zone_name: str | None
    readonly: bool
    disk_size_total: int
    disk_size_used: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListImageStores(Listing):
    """Lists image stores."""

    id: Annotated[ImageStoreId | None, "the ID of the image store", Filter()] = None
    name: Annotated[str | None, "the name of the image store", Filter()] = None
    protocol: Annotated[str | None, "its protocol", Filter()] = None
    provider: Annotated[str | None, "its provider", Filter()] = None
    zone_id: Annotated[ZoneId | None, "the ID of the zone", Filter()] = None
    readonly: Annotated[bool | None, "whether it is only read", Filter("read_only")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddImageStore:
    provider: Annotated[str, "NFS, SMB, S3 or Simulator"]
    name: Annotated[str, "the name of the image store"] = ""
    url: Annotated[str, "where it is", Length(2048)] = ""
    zone_id: Annotated[ZoneId | None, "the ID of the zone"] = None
    details: Annotated[dict[str, str] | None, "details", Length(1024)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateImageStore:
    id: Annotated[ImageStoreId, "the ID of the image store"]
    name: Annotated[str | None, "the new name"] = None
    readonly: Annotated[bool | None, "whether it is only read"] = None
    capacity_bytes: Annotated[int | None, "its size"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteImageStore:
    id: Annotated[ImageStoreId, "the ID of the image store"]


async def shown(records: Sequence[ImageStore], _caller: Caller, cloud: Cloud) -> list[ImageStoreView]:
    zones = await names_of(cloud.store.zones, (store.zone_id for store in records))
    return [
        ImageStoreView(
            id=store.id,
            name=store.name,
            url=store.url,
            protocol=store.protocol,
            provider_name=store.provider,
            scope=store.scope,
            zone_id=store.zone_id,
            zone_name=zones.get(store.zone_id),
            readonly=store.read_only,
            disk_size_total=store.capacity_bytes,
            disk_size_used=store.used_bytes,
        )
        for store in records
    ]


list_image_stores = listing(
    "listImageStores",
    request=ListImageStores,
    rows=lambda store: store.image_stores,
    view=shown,
    roles=ROOT_READS,
)


@command("addImageStore", roles=ROOT)
async def add(request: AddImageStore, caller: Caller, cloud: Cloud) -> ImageStoreView:
    """Adds an image store."""
    new = image_stores.NewImageStore(
        provider=request.provider,
        name=request.name,
        url=request.url,
        zone_id=request.zone_id,
        details=request.details or {},
    )
    return await one(shown, await image_stores.add_image_store(new, cloud), caller, cloud)


@command("updateImageStore", roles=ROOT, envelope="updateImageStore")
async def update(request: UpdateImageStore, caller: Caller, cloud: Cloud) -> ImageStoreView:
    """Changes an image store."""
    change = image_stores.ImageStoreChange(
        name=request.name, read_only=request.readonly, capacity_bytes=request.capacity_bytes
    )
    known = await cloud.store.image_stores.by_id(request.id)
    return await one(shown, await image_stores.update_image_store(known, change, cloud), caller, cloud)


@command("deleteImageStore", roles=ROOT)
async def delete(request: DeleteImageStore, _caller: Caller, cloud: Cloud) -> Success:
    """Deletes an image store."""
    await image_stores.delete_image_store(await cloud.store.image_stores.by_id(request.id), cloud)
    return Success()


COMMANDS = (list_image_stores, add, update, delete)
