"""Let people fetch an image by an address that only they know, for a while.

Promise: the address is a random word, told to who asked and known here by its hash; it opens one file, which lies in an image store `file:///path`
that this controller finds at that path, and nothing beside it; it ends with its time, with the thing it was made for, and with its user.
Limit: a controller that does not have the image store mounted serves nothing of it, and says so."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from mainstay_controller.domain.ids import UserId, ZoneId
from mainstay_controller.domain.records import Download
from mainstay_controller.operations.addresses_told import base_url
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import ResourceUnavailable
from mainstay_controller.operations.storage import image_files
from mainstay_controller.operations.storage.image_stores import directories
from mainstay_controller.operations.users_in_force import is_in_force
from mainstay_controller.store.port import Store, at_most

TOKEN_BYTES = 32
ROUTE = "/client/download"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a download is made for.  `kind` is its repository; `is_copy`: the file was made for the download and goes with it."""

    kind: str
    id: str
    name: str
    path: str
    zone_id: ZoneId | None = None
    is_copy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """`url` is told once."""

    row: Download
    url: str


class Named(Protocol):
    @property
    def removed(self) -> object: ...


async def offer(subject: Subject, user_id: UserId, origin: str, cloud: Cloud) -> Offered:
    """`origin`: where the user reached us, such as http://10.0.0.1:8080; endpoint.url stands before it."""
    await readable(subject.path, subject.name, subject.zone_id, cloud)
    token = urlsafe_b64encode(cloud.rng.token(TOKEN_BYTES)).decode().rstrip("=")
    now = await cloud.store.now()
    row = Download(
        id=_hash(token),
        kind=subject.kind,
        subject_id=subject.id,
        name=subject.name,
        path=subject.path,
        zone_id=subject.zone_id,
        is_copy=subject.is_copy,
        user_id=user_id,
        created=now,
        expires=now + timedelta(seconds=cloud.settings.download_seconds),
    )
    url = f"{base_url(origin, cloud)}{ROUTE}/{token}/{file_name(subject)}"
    return Offered(row=await cloud.store.downloads.add(row), url=url)


async def file_meant(token: str, cloud: Cloud) -> Path | None:
    """None: that address opens nothing, or nothing any more.  Raises ResourceUnavailable where this controller does not see the file."""
    row = await cloud.store.downloads.get(_hash(token))
    if row is None or row.expires <= await cloud.store.now() or not await _still_stands(row, cloud.store):
        return None
    return await readable(row.path, row.name, row.zone_id, cloud)


async def sweep_downloads(cloud: Cloud) -> None:
    """Copies go with the address they were made for."""
    for row in await cloud.store.downloads.find(at_most("expires", await cloud.store.now())):
        if not row.is_copy or await _is_gone(Path(row.path)):
            await cloud.store.downloads.remove(row.id)


async def readable(path: str, name: str, zone_id: ZoneId | None, cloud: Cloud) -> Path:
    """With all links followed.  Raises ResourceUnavailable."""
    within = await directories(zone_id, cloud.store)
    try:
        found = await image_files.found_in(Path(path), within)
    except OSError as error:
        raise ResourceUnavailable(f"The file of {name} cannot be read here: {error or 'no answer'}") from error
    if found is None:
        raise ResourceUnavailable(
            f"The file of {name} is in no image store file:///... of its zone that is mounted here"
        )
    return found


def file_name(subject: Subject) -> str:
    """Of plain letters, whatever the thing is called."""
    return f"{subject.id}{Path(subject.path).suffix}"


async def _still_stands(row: Download, store: Store) -> bool:
    subject: Named | None = await getattr(store, row.kind).get(row.subject_id)
    return subject is not None and subject.removed is None and await is_in_force(row.user_id, store)


async def _is_gone(path: Path) -> bool:
    """Not where the image store is away: another controller, or a later look, will do it."""
    try:
        return await image_files.removed(path)
    except OSError:
        return False


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()
