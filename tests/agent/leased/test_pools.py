"""Lease files on a real file system."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mainstay_agent.lease.slots import SECTOR_BYTES, SLOT_BYTES, PoisonSector, Slot
from mainstay_agent.leased.pools import LEASE_FILE, FileSlotStore, mount_point_of
from tests.kit.leases import POOL, a_mount, an_owner
from tests.kit.needs import needs

POISON = PoisonSector(host_id="h1", incident_id="incident-1", generation=3)
MOUNTINFO = r"""22 1 254:0 / / rw - ext4 /dev/vda rw
40 22 0:50 / /pools/one rw - fuse poolfs rw
41 22 0:51 / /pools/two\040words rw - nfs4 server:/x rw
"""


def a_store(
    pool: Path, on_cached: Callable[[str, str], None] = lambda _pool, _detail: None, *, unmounted_allowed: bool = True
) -> FileSlotStore:
    store = FileSlotStore(on_cached, unmounted_allowed=unmounted_allowed)
    store.use((a_mount(path=pool),))
    return store


async def test_both_sectors_of_a_slot_are_read_as_they_were_written(tmp_path: Path) -> None:
    store = a_store(tmp_path)

    await store.write_owner(POOL, 2, an_owner(7))
    await store.write_poison(POOL, 2, POISON)

    assert await store.read(POOL, frozenset([0, 2, 5])) == {
        0: Slot(),
        2: Slot(owner=an_owner(7), poison=POISON),
        5: Slot(),
    }


async def test_hosts_that_begin_together_do_not_cut_each_others_slots(tmp_path: Path) -> None:
    one, other = a_store(tmp_path), a_store(tmp_path)

    await other.write_owner(POOL, 1, an_owner(1))
    await one.write_owner(POOL, 0, an_owner(2))

    assert (await other.read(POOL, frozenset([0, 1])))[1].owner == an_owner(1)
    assert (tmp_path / LEASE_FILE).stat().st_size == SLOT_BYTES + SECTOR_BYTES


@pytest.fixture
def ramfs(tmp_path: Path) -> Iterator[Path]:
    """A file system that refuses O_DIRECT."""
    needs("root", "mount")
    subprocess.run(["mount", "-t", "ramfs", "none", tmp_path], check=True)
    yield tmp_path
    subprocess.run(["umount", "--lazy", tmp_path], check=True)


async def test_without_direct_io_a_pool_is_read_past_its_cache_and_that_is_said(ramfs: Path) -> None:
    told: list[str] = []
    store = a_store(ramfs, lambda pool_id, _detail: told.append(pool_id), unmounted_allowed=False)

    await store.write_owner(POOL, 0, an_owner(7))

    assert (await store.read(POOL, frozenset([0])))[0].owner == an_owner(7)
    assert told == [POOL]


async def test_a_pool_that_is_not_mounted_carries_no_lease(tmp_path: Path) -> None:
    store = a_store(tmp_path, unmounted_allowed=False)

    with pytest.raises(OSError, match="is not mounted"):
        await store.write_owner(POOL, 0, an_owner(7))

    assert not (tmp_path / LEASE_FILE).exists()


async def test_an_unknown_pool_is_an_error_of_io(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="not configured"):
        await a_store(tmp_path).read("pool-9", frozenset([0]))


def test_the_mount_of_a_path_is_the_deepest_that_holds_it() -> None:
    assert mount_point_of(Path("/pools/one/images"), MOUNTINFO) == Path("/pools/one")
    assert mount_point_of(Path("/pools/two words"), MOUNTINFO) == Path("/pools/two words")
    assert mount_point_of(Path("/pools/three"), MOUNTINFO) == Path("/")
