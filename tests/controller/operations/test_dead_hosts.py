"""A host dies in the middle of an operation: only proof that speaks for the guest lets it go on elsewhere."""

from __future__ import annotations

import pytest

from mainstay_controller.domain.ha.proof import LeaseExpired
from mainstay_controller.domain.ids import HostId, PoolId
from mainstay_controller.domain.states import HostState, JobState, VmState
from mainstay_controller.operations.orders.proof_on_file import proof_on_file, work_on
from mainstay_controller.operations.vms import migrate_vm
from tests.kit.small_cloud import ANN, POOL, Here, a_cloud
from tests.kit.told_hosts import Deaf, Silence
from tests.kit.wishes import a_running_vm, deploy, stop


def expired(pool: str) -> LeaseExpired:
    return LeaseExpired(pool_id=PoolId(pool), boot_id="", generation=1, witnesses=(HostId("h2"),))


async def waiting(here: Here, job: object) -> None:
    with pytest.raises(AssertionError):
        await here.run(job, within_seconds=100)  # type: ignore[arg-type]


async def test_a_start_waits_for_the_dead_host_s_proof_and_then_goes_elsewhere() -> None:
    async with a_cloud() as here:
        here.host(1).twist("start", Deaf())
        job = await deploy(here)
        await waiting_for_death(here, job)

        await here.prove_dead(here.host(1))
        job = await here.run(job)

        assert here.world.where_runs(job.instance_id) == ["h2"]


async def test_a_disk_that_a_dead_host_was_making_is_made_elsewhere_only_with_proof() -> None:
    async with a_cloud() as here:
        here.host(1).twist("make", Deaf())
        job = await deploy(here)
        await waiting_for_death(here, job)
        assert here.host(2).orders == []

        await here.prove_dead(here.host(1), expired(POOL))
        job = await here.run(job)

        assert here.world.where_runs(job.instance_id) == ["h2"]


async def test_a_lease_on_another_pool_proves_nothing_about_this_disk() -> None:
    async with a_cloud() as here:
        here.host(1).twist("make", Deaf())
        job = await deploy(here)
        await waiting_for_death(here, job)

        await here.prove_dead(here.host(1), expired("another"))
        await waiting(here, job)

        assert here.host(2).orders == []


async def test_a_stop_of_a_guest_whose_host_is_proven_dead_is_done() -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here)
        await here.host(1).die()
        job = await stop(here, vm)
        await waiting(here, job)

        await here.prove_dead(here.host(1))
        job = await here.run(job)

        assert (job.state, (await here.vm(vm.id)).state) == (JobState.SUCCEEDED, VmState.STOPPED)


async def test_a_source_that_dies_in_a_migration_leaves_the_guest_to_the_target_if_it_got_it() -> None:
    async with a_cloud(migrate_deadline_seconds=60.0) as here:
        vm = await a_running_vm(here)
        here.host(1).twist("migrate", Silence())
        job = await migrate_vm.begin(vm.id, ANN, here.cloud, host_id=HostId("h2"))
        with pytest.raises(AssertionError):
            await here.run(job, within_seconds=5)
        await here.host(1).die()

        await here.run(job)

        vm = await here.vm(vm.id)
        assert (vm.state, vm.host_id, vm.epoch) == (VmState.RUNNING, "h2", 2)


async def test_a_source_that_dies_with_the_guest_leaves_it_to_recovery_once_proven() -> None:
    async with a_cloud(migrate_deadline_seconds=60.0) as here:
        vm = await a_running_vm(here)
        here.host(1).twist("migrate", Deaf())
        job = await migrate_vm.begin(vm.id, ANN, here.cloud, host_id=HostId("h2"))
        with pytest.raises(AssertionError):
            await here.run(job, within_seconds=5)
        await here.host(1).die()
        await waiting(here, job)
        assert (await here.vm(vm.id)).state is VmState.MIGRATING

        await here.prove_dead(here.host(1), expired(POOL))
        job = await here.run(job)

        vm = await here.vm(vm.id)
        [decision] = await here.cloud.store.decisions.find()
        assert (job.state, vm.state, vm.epoch) == (JobState.FAILED, VmState.STOPPED, 2)
        assert decision.proof["kind"] == "lease-expired"


async def test_an_old_proof_says_nothing_of_a_host_that_came_back_under_the_same_boot() -> None:
    async with a_cloud() as here:
        await here.prove_dead(here.host(1))
        row = await here.cloud.store.hosts.by_id("h1")
        assert await proof_on_file(row.id, row.boot_id, work_on([]), here.cloud) is not None

        await here.back_up(here.host(1), boot_id=here.host(1).boot_id)

        assert await proof_on_file(row.id, row.boot_id, work_on([]), here.cloud) is None


async def test_a_later_boot_is_proof_for_all_before_it() -> None:
    async with a_cloud() as here:
        old_boot_id = here.host(1).boot_id
        await here.back_up(here.host(1), boot_id="boot-2")

        proof = await proof_on_file(HostId("h1"), old_boot_id, work_on([PoolId("any")]), here.cloud)

        assert str(proof) == "the host has booted anew (boot-2, seen by agent of h1)"


async def waiting_for_death(here: Here, job: object) -> None:
    """The host dies with the order in its hands, and for a while nobody knows."""
    with pytest.raises(AssertionError):
        await here.run(job, within_seconds=5)  # type: ignore[arg-type]
    await here.host(1).die()
    await waiting(here, job)
    assert (
        await here.cloud.store.hosts.by_id("h1")
    ).state is HostState.UP  # by its row, which recovery has not touched yet
