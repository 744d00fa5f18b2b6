"""The disk of a stopped guest moves to another pool: whole, once, and never while the guest could write to it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mainstay_controller.domain.ids import PoolId
from mainstay_controller.domain.records import StoragePool, Vm, Volume
from mainstay_controller.domain.states import JobState, VmState
from mainstay_controller.operations.errors import InvalidParameter, ResourceInUse
from mainstay_controller.operations.storage import move_volume
from mainstay_controller.store.port import eq
from tests.kit.small_cloud import ANN, POOL, Here, a_cloud
from tests.kit.told_hosts import Say, Silence, failed
from tests.kit.wishes import a_running_vm, a_stopped_vm, start

OTHER = PoolId("other")


async def another_pool(here: Here) -> None:
    known: StoragePool = await here.cloud.store.pools.by_id(POOL)
    await here.cloud.store.pools.add(replace(known, id=OTHER, name="second", path="/second"))


async def root_of(here: Here, vm: Vm) -> Volume:
    [root] = await here.cloud.store.volumes.find(eq("vm_id", vm.id), eq("type", "ROOT"))
    return root


async def test_the_disk_is_there_and_the_old_file_is_gone() -> None:
    async with a_cloud() as here:
        vm = await a_stopped_vm(here)
        await another_pool(here)
        root = await root_of(here, vm)

        job = await here.run(await move_volume.begin(root, OTHER, ANN, here.cloud))

        moved = await root_of(here, vm)
        assert job.state is JobState.SUCCEEDED, job.result
        assert (moved.pool_id, moved.format) == (OTHER, "raw")
        assert list(here.world.volumes) == [f"/second/{moved.path}"]


async def test_a_disk_that_comes_back_has_a_file_that_no_late_removal_means() -> None:
    async with a_cloud() as here:
        vm = await a_stopped_vm(here)
        await another_pool(here)
        paths = []

        for pool_id in (OTHER, POOL, OTHER, POOL):
            await here.run(await move_volume.begin(await root_of(here, vm), pool_id, ANN, here.cloud))
            paths.append((await root_of(here, vm)).path)

        assert len(set(paths)) == 4


async def test_its_guest_starts_from_the_new_place() -> None:
    async with a_cloud() as here:
        vm = await a_stopped_vm(here)
        await another_pool(here)
        await here.run(await move_volume.begin(await root_of(here, vm), OTHER, ANN, here.cloud))

        await here.run(await start(here, vm))

        assert (await here.vm(vm.id)).state is VmState.RUNNING


async def test_a_start_that_is_asked_for_meanwhile_waits_for_the_move() -> None:
    async with a_cloud() as here:
        vm = await a_stopped_vm(here)
        await another_pool(here)
        move = await move_volume.begin(await root_of(here, vm), OTHER, ANN, here.cloud)

        started = await here.run(await start(here, vm))

        assert (await here.cloud.store.jobs.by_id(move.id)).state is JobState.SUCCEEDED
        assert (started.state, (await root_of(here, vm)).pool_id) == (JobState.SUCCEEDED, OTHER)


async def test_a_copy_that_fails_leaves_the_disk_where_it_was() -> None:
    async with a_cloud(hosts=1) as here:
        vm = await a_stopped_vm(here)
        await another_pool(here)
        root = await root_of(here, vm)
        here.host(1).script["make"] += [Say(failed("not-made", "no space left"))]

        job = await here.run(await move_volume.begin(root, OTHER, ANN, here.cloud))

        assert job.state is JobState.FAILED
        assert "no space left" in str(job.result)
        assert (await root_of(here, vm)).pool_id == POOL


async def test_a_copy_of_which_nothing_was_heard_is_asked_about() -> None:
    async with a_cloud(hosts=1) as here:
        vm = await a_stopped_vm(here)
        await another_pool(here)
        here.host(1).script["make"] += [Silence()]

        job = await here.run(await move_volume.begin(await root_of(here, vm), OTHER, ANN, here.cloud))

        assert (job.state, (await root_of(here, vm)).pool_id) == (JobState.SUCCEEDED, OTHER)


async def test_an_old_file_that_cannot_be_removed_now_is_removed_later() -> None:
    async with a_cloud(hosts=1) as here:
        vm = await a_stopped_vm(here)
        await another_pool(here)
        here.host(1).script["remove"] += [Say(failed("busy")), Say(failed("busy"))]

        job = await here.run(await move_volume.begin(await root_of(here, vm), OTHER, ANN, here.cloud))

        assert job.state is JobState.SUCCEEDED
        assert all(path.startswith("/second/") for path in here.world.volumes)


async def test_the_disk_of_a_running_guest_and_a_move_to_where_it_is_are_refused() -> None:
    async with a_cloud() as here:
        running = await root_of(here, await a_running_vm(here, name="runs"))
        resting = await root_of(here, await a_stopped_vm(here, name="rests"))
        await another_pool(here)

        with pytest.raises(ResourceInUse, match="is Running"):
            await move_volume.begin(running, OTHER, ANN, here.cloud)
        with pytest.raises(InvalidParameter, match="already"):
            await move_volume.begin(resting, PoolId(POOL), ANN, here.cloud)
