"""The lease files of real pools: `<pool>/.mainstay/leases`, read and written past every cache.

The promise: a write is acknowledged by the device (O_DSYNC), and a read asks the device (O_DIRECT).  Where a file system refuses O_DIRECT that is said aloud,
and the cached pages are thrown away and the file is opened anew before each read.  A lease file on the host's
own root file system is refused unless that was allowed: the pool is not mounted, and nobody else would see such a lease."""

from __future__ import annotations

import errno
import mmap
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from mainstay_agent.lease.slots import (
    SECTOR_BYTES,
    SLOT_BYTES,
    OwnerSector,
    PoisonSector,
    Slot,
    decode_slot,
    encode_owner,
    encode_poison,
)
from mainstay_agent.leased.lanes import Lane
from mainstay_proto.messages import PoolMount

LEASE_FILE = Path(".mainstay/leases")
MOUNTS = Path("/proc/self/mountinfo")


class FileSlotStore:
    """A `SlotStore`.  `on_cached(pool_id, detail)` is called, in the pool's thread, when a pool refuses O_DIRECT."""

    def __init__(self, on_cached: Callable[[str, str], None], *, unmounted_allowed: bool = False) -> None:
        self._on_cached = on_cached
        self._unmounted_allowed = unmounted_allowed
        self._pools: dict[str, tuple[Lane, LeaseFile]] = {}

    def use(self, mounts: tuple[PoolMount, ...]) -> None:
        """A pool whose path changed gets a new file and a new thread; the old thread may hang for ever, unheeded."""
        leased = {mount.pool_id: Path(mount.path) for mount in mounts if mount.slot is not None}
        for pool_id in set(self._pools) - set(leased):
            del self._pools[pool_id]
        for pool_id, path in leased.items():
            if pool_id not in self._pools or self._pools[pool_id][1].pool != path:
                file = LeaseFile(path, partial(self._on_cached, pool_id), unmounted_allowed=self._unmounted_allowed)
                self._pools[pool_id] = (Lane(f"pool {pool_id}"), file)

    async def read(self, pool_id: str, numbers: frozenset[int]) -> Mapping[int, Slot]:
        lane, file = self._pool(pool_id)
        return await lane.do(lambda: file.read(numbers))

    async def write_owner(self, pool_id: str, number: int, sector: OwnerSector) -> None:
        lane, file = self._pool(pool_id)
        await lane.do(lambda: file.write(number * SLOT_BYTES, encode_owner(sector)))

    async def write_poison(self, pool_id: str, number: int, sector: PoisonSector) -> None:
        lane, file = self._pool(pool_id)
        await lane.do(lambda: file.write(number * SLOT_BYTES + SECTOR_BYTES, encode_poison(sector)))

    def _pool(self, pool_id: str) -> tuple[Lane, LeaseFile]:
        if pool_id not in self._pools:
            raise OSError(errno.ENODEV, f"pool {pool_id} is not configured")
        return self._pools[pool_id]


class LeaseFile:
    """One pool's file, used by one thread."""

    def __init__(self, pool: Path, on_cached: Callable[[str], None], *, unmounted_allowed: bool) -> None:
        self.pool = pool
        self._on_cached = on_cached
        self._unmounted_allowed = unmounted_allowed
        self._direct = os.O_DIRECT
        self._descriptor: int | None = None

    def read(self, numbers: frozenset[int]) -> Mapping[int, Slot]:
        buffer = mmap.mmap(-1, (max(numbers) + 1) * SLOT_BYTES)
        length = self._persistently(lambda descriptor: os.preadv(descriptor, [buffer], 0))
        data = buffer[:length]
        return {number: decode_slot(data[number * SLOT_BYTES : (number + 1) * SLOT_BYTES]) for number in numbers}

    def write(self, offset: int, sector: bytes) -> None:
        buffer = mmap.mmap(-1, SECTOR_BYTES)
        buffer[:] = sector
        written = self._persistently(lambda descriptor: os.pwritev(descriptor, [buffer], offset))
        if written != SECTOR_BYTES:
            raise OSError(errno.EIO, f"only {written} bytes of a sector were written")

    def _persistently(self, deed: Callable[[int], int]) -> int:
        """Do it; once more with the cache if O_DIRECT is refused; and with the file opened anew next time if it failed."""
        try:
            return deed(self._opened())
        except OSError as error:
            self._close()
            if error.errno != errno.EINVAL or not self._direct:
                raise
            self._direct = 0
            self._on_cached(f"O_DIRECT is refused ({error}): every read opens the file anew and drops its cached pages")
            return deed(self._opened())

    def _opened(self) -> int:
        if self._descriptor is not None and self._direct:
            return self._descriptor
        self._close()
        path = self.pool / LEASE_FILE
        flags = os.O_RDWR | os.O_CREAT | os.O_DSYNC | os.O_CLOEXEC | self._direct
        self._refuse_unmounted()
        path.parent.mkdir(mode=0o700, exist_ok=True)
        self._descriptor = os.open(path, flags, 0o600)
        if not self._direct:
            os.posix_fadvise(self._descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        return self._descriptor

    def _refuse_unmounted(self) -> None:
        if not self._unmounted_allowed and mount_point_of(self.pool, MOUNTS.read_text()) == Path("/"):
            raise OSError(errno.ENODEV, f"{self.pool} is not mounted: it lies on the root file system")

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def mount_point_of(path: Path, mountinfo: str) -> Path:
    """The deepest mount that holds this path, without touching it: it may hang."""
    mounts = (Path(_unescaped(row.split()[4])) for row in mountinfo.splitlines())
    holding = (mount for mount in mounts if path.is_relative_to(mount))
    return max(holding, key=lambda mount: len(mount.parts), default=Path("/"))


def _unescaped(field: str) -> str:
    """Blanks in mountinfo are written as octal."""
    return field.encode().decode("unicode_escape").encode("latin-1").decode(errors="surrogateescape")
