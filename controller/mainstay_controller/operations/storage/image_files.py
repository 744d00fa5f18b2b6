"""Look at files of image stores, measure these, and remove files, without waiting for a store that does not answer."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TypeVar

T = TypeVar("T")
LOOK_SECONDS_MAX = 10.0
"""An image store that does not answer for so long is away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    total_bytes: int
    used_bytes: int


async def found_in(path: Path, places: Sequence[PurePath]) -> Path | None:
    """With all links followed; None unless it is a file within one of the places.  Raises OSError, TimeoutError among them."""
    return await _asked(lambda: _found_in(path, places))


async def removed(path: Path) -> bool:
    """With the note of whose it is; False where its directory is not to be seen.  Raises OSError."""
    return await _asked(lambda: _removed(path))


async def space_at(place: PurePath) -> Space:
    """Raises OSError, also where nothing is mounted: a directory that is not there."""
    return await _asked(lambda: _space_at(Path(place)))


async def _asked(what: Callable[[], T]) -> T:
    async with asyncio.timeout(LOOK_SECONDS_MAX):
        return await asyncio.to_thread(what)


def _found_in(path: Path, places: Sequence[PurePath]) -> Path | None:
    real = path.resolve()
    return real if real.is_file() and any(real.is_relative_to(Path(place).resolve()) for place in places) else None


def _space_at(place: Path) -> Space:
    told = shutil.disk_usage(place)
    return Space(total_bytes=told.total, used_bytes=told.used)


def _removed(path: Path) -> bool:
    if not path.parent.is_dir():
        return False
    for each in (path, path.with_name(f"{path.name}.owner")):
        each.unlink(missing_ok=True)
    return True
