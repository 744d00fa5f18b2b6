"""Disks: made once, owned by one volume, and gone when removed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mainstay_proto.messages import DiskSpec, RunState
from tests.agent.conformance.stand import SOON_SECONDS, Stand

pytestmark = pytest.mark.ability("volumes")
MIB = 1 << 20


def volumes(stand: Stand) -> Any:
    """The driver as one that makes volumes."""
    return stand.driver


def a_disk(stand: Stand, volume_id: str = "v1") -> DiskSpec:
    return DiskSpec(
        volume_id=volume_id, pool_id="p1", path=f"{stand.pool_path}/v1.qcow2", format="qcow2", size_bytes=8 * MIB
    )


async def test_a_disk_is_prepared_once_and_again_without_harm(stand: Stand) -> None:
    disk = a_disk(stand)

    first = await volumes(stand).prepare_volume(stand.host_id, disk, SOON_SECONDS)
    again = await volumes(stand).prepare_volume(stand.host_id, disk, SOON_SECONDS)

    assert first.done, first
    assert again.done, again


async def test_a_disk_of_another_volume_is_not_taken(stand: Stand) -> None:
    await volumes(stand).prepare_volume(stand.host_id, a_disk(stand), SOON_SECONDS)

    outcome = await volumes(stand).prepare_volume(stand.host_id, a_disk(stand, "v2"), SOON_SECONDS)

    assert (outcome.state, outcome.code) == (RunState.REFUSED, "volume-exists")


async def test_a_removed_disk_can_be_another_volumes(stand: Stand) -> None:
    disk = a_disk(stand)
    await volumes(stand).prepare_volume(stand.host_id, disk, SOON_SECONDS)

    removed = await volumes(stand).remove_volume(stand.host_id, disk, SOON_SECONDS)
    again = await volumes(stand).remove_volume(stand.host_id, disk, SOON_SECONDS)
    other = await volumes(stand).prepare_volume(stand.host_id, replace(disk, volume_id="v2"), SOON_SECONDS)

    assert removed.done
    assert again.done
    assert other.done
