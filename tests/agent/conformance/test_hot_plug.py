"""A running guest is given disks, and bigger ones; it has each from the answer on, and nobody takes one that it holds on to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mainstay_proto.messages import DiskSpec, RunState
from tests.agent.conformance.stand import SOON_SECONDS, Stand, started

pytestmark = pytest.mark.ability("hot-plug")
MIB = 1 << 20


def driver(stand: Stand) -> Any:
    """As one that plugs, and has volumes."""
    return stand.driver


async def a_data_disk(stand: Stand, name: str = "data") -> DiskSpec:
    disk = DiskSpec(volume_id=name, pool_id="p1", path=f"{stand.pool_path}/{name}.qcow2", size_bytes=4 * MIB)
    made = await driver(stand).prepare_volume(stand.host_id, disk, SOON_SECONDS)
    assert made.done, made
    return disk


async def test_disks_are_attached_and_an_order_repeated_changes_nothing(stand: Stand) -> None:
    spec = await started(stand)

    for name in ("one", "two", "one"):
        disk = await a_data_disk(stand, name)
        outcome = await driver(stand).attach_disk(stand.host_id, spec.vm_id, disk, SOON_SECONDS)

        assert outcome.done, outcome


async def test_a_disk_that_it_has_not_is_detached_already(stand: Stand) -> None:
    spec = await started(stand)

    outcome = await driver(stand).detach_disk(stand.host_id, spec.vm_id, await a_data_disk(stand), SOON_SECONDS)

    assert outcome.done, outcome


async def test_a_guest_that_does_not_answer_holds_on_to_its_disk(stand: Stand) -> None:
    spec = await started(stand)
    disk = await a_data_disk(stand)
    await driver(stand).attach_disk(stand.host_id, spec.vm_id, disk, SOON_SECONDS)

    outcome = await driver(stand).detach_disk(stand.host_id, spec.vm_id, disk, 0.0 if is_simulated(stand) else 8.0)

    assert (outcome.state, outcome.code) in ((RunState.UNKNOWN, "not-let-go"), (RunState.UNKNOWN, "deadline"))


def is_simulated(stand: Stand) -> bool:
    return type(stand).__name__ == "SimulatedStand"


async def test_a_guest_that_is_not_there_is_given_none(stand: Stand) -> None:
    disk = await a_data_disk(stand)

    outcome = await driver(stand).attach_disk(stand.host_id, stand.spec().vm_id, disk, SOON_SECONDS)

    assert (outcome.state, outcome.code) == (RunState.REFUSED, "no-such-guest")


async def test_a_disk_grows_under_its_guest_and_alone(stand: Stand) -> None:
    spec = await started(stand)
    disk = await a_data_disk(stand)

    alone = await driver(stand).grow_volume(stand.host_id, replace(disk, size_bytes=6 * MIB), SOON_SECONDS)
    await driver(stand).attach_disk(stand.host_id, spec.vm_id, disk, SOON_SECONDS)
    under_it = await driver(stand).grow_disk(stand.host_id, spec.vm_id, replace(disk, size_bytes=8 * MIB), SOON_SECONDS)
    again = await driver(stand).grow_disk(stand.host_id, spec.vm_id, replace(disk, size_bytes=8 * MIB), SOON_SECONDS)

    assert (alone.state, under_it.state, again.state) == (RunState.DONE, RunState.DONE, RunState.DONE)


async def test_what_is_no_disk_of_its_is_not_grown(stand: Stand) -> None:
    spec = await started(stand)

    outcome = await driver(stand).grow_disk(stand.host_id, spec.vm_id, await a_data_disk(stand), SOON_SECONDS)

    assert (outcome.state, outcome.code) == (RunState.FAILED, "no-such-disk")
