"""A storage pool is taken out of service and back: what ran from it stops, and afterwards runs again."""

from __future__ import annotations

import pytest

from mainstay_controller.domain.ids import PoolId
from mainstay_controller.domain.states import JobState, PoolState, VmState
from mainstay_controller.operations.errors import ResourceInUse
from mainstay_controller.operations.maintenance import storage_maintenance
from mainstay_controller.operations.own_details import STOPPED_FOR_IT
from mainstay_controller.operations.vms import stop_vm
from tests.kit.small_cloud import ANN, POOL, Here, a_cloud
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
