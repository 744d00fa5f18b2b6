"""A storage pool is taken out of service and back: what ran from it stops, and afterwards runs again."""

from __future__ import annotations

import asyncio

import pytest

from mainstay_controller.domain.ids import PoolId
from mainstay_controller.domain.states import JobState, PoolState, VmState
from mainstay_controller.operations.errors import ResourceInUse
from mainstay_controller.operations.maintenance import storage_maintenance
from mainstay_controller.operations.own_details import STOPPED_FOR_IT
from mainstay_controller.operations.vms import reboot_vm, stop_vm
from mainstay_controller.store.port import OutcomeUnknown, Unreachable
from mainstay_runtime.tasks import background
from tests.kit.small_cloud import ANN, POOL, Here, a_cloud, a_controller, a_site
from tests.kit.told_hosts import Deaf
from tests.kit.wishes import a_running_vm, a_stopped_vm, deploy


async def pool_state(here: Here) -> PoolState:
    return (await here.cloud.store.pools.by_id(POOL)).state


async def settled(here: Here) -> None:
    """Until no job is left to do."""
    for job in await here.cloud.store.jobs.find():
        await here.run(job)


async def test_what_runs_from_it_stops_and_the_job_ends_in_maintenance() -> None:
    async with a_cloud(hosts=2) as here:
        vms = [await a_running_vm(here, name=f"vm{number}") for number in range(3)]

        job = await here.run(await storage_maintenance.begin(POOL, ANN, here.cloud))

        assert (job.state, await pool_state(here)) == (JobState.SUCCEEDED, PoolState.MAINTENANCE)
        assert {(await here.vm(vm.id)).state for vm in vms} == {VmState.STOPPED}
        assert all(here.world.where_runs(vm.id) == [] for vm in vms)


async def test_afterwards_runs_again_what_was_stopped_for_it_and_nothing_else() -> None:
    async with a_cloud(hosts=2) as here:
        ran, rested = await a_running_vm(here, name="ran"), await a_stopped_vm(here, name="rested")
        await here.run(await storage_maintenance.begin(POOL, ANN, here.cloud))

        pool = await storage_maintenance.cancel(PoolId(POOL), ANN, here.cloud)
        await settled(here)

        assert pool.state is PoolState.UP
        assert STOPPED_FOR_IT not in pool.details
        assert (await here.vm(ran.id)).state is VmState.RUNNING
        assert (await here.vm(rested.id)).state is VmState.STOPPED


async def test_nothing_starts_from_it_meanwhile() -> None:
    async with a_cloud() as here:
        await here.run(await storage_maintenance.begin(POOL, ANN, here.cloud))

        job = await here.run(await deploy(here, name="late"))

        assert (job.state, job.result_code) == (JobState.FAILED, 533)


async def test_a_cancelled_maintenance_ends_the_job_and_starts_what_it_stopped() -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here)
        job = await storage_maintenance.begin(POOL, ANN, here.cloud)

        await storage_maintenance.cancel(PoolId(POOL), ANN, here.cloud)
        ended = await here.run(job)
        await settled(here)

        assert ended.state is JobState.CANCELLED
        assert (await here.vm(vm.id)).state is VmState.RUNNING


async def test_one_that_still_waited_for_its_stop_runs_again_too() -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here)
        here.host(1).twist("reboot", Deaf())
        await reboot_vm.begin(vm.id, ANN, here.cloud)
        await storage_maintenance.begin(POOL, ANN, here.cloud)

        async with background(here.work_for_ever):
            await asyncio.sleep(5)
            await storage_maintenance.cancel(PoolId(POOL), ANN, here.cloud)
        await settled(here)

        assert stop_vm.COMMAND in [job.command for job in await here.cloud.store.jobs.find()]
        assert (await here.vm(vm.id)).state is VmState.RUNNING


async def test_a_database_that_fails_while_it_is_cancelled_leaves_nobody_stopped() -> None:
    calls = 1
    while await runs_again_after_a_failure_at(calls):
        calls += 1

    assert calls > 10


async def runs_again_after_a_failure_at(number: int) -> bool:
    """False: there were not so many calls."""
    site = await a_site(hosts=2)
    first = await a_controller(site, "first")
    vms = [await a_running_vm(first, name=f"vm{each}") for each in range(2)]
    await first.run(await storage_maintenance.begin(POOL, ANN, first.cloud))
    calls = 0

    async def fail_once(call: str) -> None:
        nonlocal calls
        calls += 1
        if calls == number:
            raise OutcomeUnknown(call) if call == "commit" else Unreachable(call)

    second = await a_controller(site, "second", before=fail_once)
    try:
        await storage_maintenance.cancel(PoolId(POOL), ANN, second.cloud)
    except (OutcomeUnknown, Unreachable):
        await storage_maintenance.cancel(PoolId(POOL), ANN, second.cloud)
    failed = calls >= number
    calls = number
    await settled(second)
    assert {(await second.vm(vm.id)).state for vm in vms} == {VmState.RUNNING}, f"failed at call {number}"
    return failed


async def test_a_vm_that_its_user_stopped_meanwhile_stays_stopped() -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here)
        await here.run(await stop_vm.begin(vm.id, ANN, here.cloud))
        await here.run(await storage_maintenance.begin(POOL, ANN, here.cloud))

        await storage_maintenance.cancel(PoolId(POOL), ANN, here.cloud)
        await settled(here)

        assert (await here.vm(vm.id)).state is VmState.STOPPED


async def test_a_pool_that_is_in_maintenance_is_not_prepared_for_it_again() -> None:
    async with a_cloud() as here:
        await here.run(await storage_maintenance.begin(POOL, ANN, here.cloud))

        with pytest.raises(ResourceInUse, match="is Maintenance, not Up"):
            await storage_maintenance.begin(POOL, ANN, here.cloud)
