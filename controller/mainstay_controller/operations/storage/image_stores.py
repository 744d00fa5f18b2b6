"""Image stores: secondary storage, from which templates come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from urllib.parse import urlparse

from mainstay_controller.domain.ids import ImageStoreId, ZoneId
from mainstay_controller.domain.records import ImageStore
from mainstay_controller.operations.changes import with_changes
from mainstay_controller.operations.checks import a_name, a_url, one_of
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter
from mainstay_controller.store.port import LIVE, Store, eq

PROVIDERS = ("NFS", "SMB", "S3", "Simulator")
SCHEMES = ("nfs", "cifs", "http", "https", "s3", "file", "sim")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewImageStore:
    provider: str
    name: str = ""
    url: str = ""
    zone_id: ZoneId | None = None
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageStoreChange:
    """What is None stays as it is."""

    name: str | None = None
    read_only: bool | None = None
    capacity_bytes: int | None = None


async def add_image_store(new: NewImageStore, cloud: Cloud) -> ImageStore:
    provider = one_of("provider", new.provider, PROVIDERS)
    if not new.url and provider != "S3":
        raise InvalidParameter("url", f"an image store of provider {provider} needs one")
    scheme = a_url("url", new.url, *SCHEMES).scheme if new.url else "s3"
    store_id = ImageStoreId(cloud.rng.uuid())
    made = ImageStore(
        id=store_id,
        name=a_name("name", new.name or f"{provider}-{store_id[:8]}"),
        url=new.url,
        created=await cloud.store.now(),
        zone_id=new.zone_id,
        protocol=scheme,
        provider=provider,
        scope="ZONE" if new.zone_id else "REGION",
        details=dict(new.details),
    )
    async with cloud.store.transaction() as store:
        if await store.image_stores.find(LIVE, eq("name", made.name), limit=1):
            raise InvalidParameter("name", f"an image store {made.name} exists")
        return await store.image_stores.add(made)


async def update_image_store(known: ImageStore, change: ImageStoreChange, cloud: Cloud) -> ImageStore:
    return await cloud.store.image_stores.swap(known, with_changes(known, change, {"name": a_name}))


async def delete_image_store(known: ImageStore, cloud: Cloud) -> None:
    await cloud.store.image_stores.swap(known, replace(known, removed=await cloud.store.now()))


async def directories(zone_id: ZoneId | None, store: Store) -> list[PurePosixPath]:
    """Where image stores of that zone lie as files, `file:///path`; None: of any zone."""
    return [
        PurePosixPath(urlparse(each.url).path)
        for each in await store.image_stores.find(LIVE)
        if urlparse(each.url).scheme == "file" and (zone_id is None or each.zone_id in (None, zone_id))
    ]
