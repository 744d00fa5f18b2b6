"""A host is emptied for maintenance: every guest moves or keeps running, and the reasons are told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mainstay_controller.domain.ids import HostId
from mainstay_controller.domain.states import JobState, ResourceState, VmState
from mainstay_controller.operations.errors import ResourceInUse, ResourceUnavailable
from mainstay_controller.operations.jobs import request_cancel
from mainstay_controller.operations.maintenance import drain_host
from mainstay_controller.operations.vms import migrate_vm
from mainstay_controller.store.port import eq
from tests.kit.small_cloud import ANN, Here, a_cloud
from tests.kit.told_hosts import Say, failed
from tests.kit.wishes import a_running_vm, a_stopped_vm

H1 = HostId("h1")


async def resource_state(here: Here) -> ResourceState:
    return (await here.cloud.store.hosts.by_id(H1)).resource_state


async def fill(here: Here, number: int, *, leaving_mib: int) -> None:
    row = await here.cloud.store.hosts.by_id(f"h{number}")
    await here.cloud.store.hosts.swap(row, replace(row, memory_mib=leaving_mib))


async def test_all_guests_move_and_the_host_is_in_maintenance_when_the_job_ends() -> None:
    async with a_cloud(hosts=3) as here:
        vms = [await a_running_vm(here, name=f"vm{number}") for number in range(9)]

        job = await here.run(await drain_host.begin(H1, ANN, here.cloud))

        assert (job.state, await resource_state(here)) == (JobState.SUCCEEDED, ResourceState.MAINTENANCE)
        assert {(await here.vm(vm.id)).state for vm in vms} == {VmState.RUNNING}
        assert {tuple(here.world.where_runs(vm.id)) for vm in vms} == {("h2",), ("h3",)}


async def test_few_guests_move_at_once() -> None:
    async with a_cloud(migrations_at_once=2) as here:
        for number in range(6):
            await a_running_vm(here, name=f"vm{number}")
        job = await drain_host.begin(H1, ANN, here.cloud)

        with pytest.raises(AssertionError):
            await here.run(job, within_seconds=0.3)

        moving = await here.cloud.store.jobs.find(eq("command", migrate_vm.COMMAND))
        assert len(moving) == 2


async def test_from_the_first_moment_on_the_host_takes_no_guests() -> None:
    async with a_cloud() as here:
        await drain_host.begin(H1, ANN, here.cloud)

        vm = await a_running_vm(here)

        assert vm.host_id == "h2"


async def test_a_guest_without_a_place_keeps_running_and_the_reason_is_told_once() -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here)
        await fill(here, 2, leaving_mib=512)
        job = await drain_host.begin(H1, ANN, here.cloud)

        with pytest.raises(AssertionError):
            await here.run(job, within_seconds=60)

        assert (await here.vm(vm.id)).state is VmState.RUNNING
        assert here.world.where_runs(vm.id) == ["h1"]
        assert await resource_state(here) is ResourceState.ERROR_IN_PREPARE_FOR_MAINTENANCE
        [alert] = await here.cloud.store.alerts.find()
        assert "h2 (memory-full: need 1024, have 512)" in alert.description
        assert alert.count == 1

        await fill(here, 2, leaving_mib=4096)
        await here.run(job)

        assert await resource_state(here) is ResourceState.MAINTENANCE
        [alert] = await here.cloud.store.alerts.find()
        assert alert.state == "Resolved"


async def test_a_move_that_fails_is_tried_again() -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here)
        here.host(1).twist("migrate", *[Say(failed("unreachable"))] * 2)

        await here.run(await drain_host.begin(H1, ANN, here.cloud))

        assert here.world.where_runs(vm.id) == ["h2"]


async def test_a_cancelled_maintenance_leaves_guests_where_they_are() -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here)
        await fill(here, 2, leaving_mib=512)
        job = await drain_host.begin(H1, ANN, here.cloud)

        await drain_host.cancel(H1, here.cloud)
        job = await here.run(job)

        assert (job.state, await resource_state(here)) == (JobState.CANCELLED, ResourceState.ENABLED)
        assert here.world.where_runs(vm.id) == ["h1"]


async def test_to_cancel_the_job_is_to_cancel_the_maintenance() -> None:
    async with a_cloud() as here:
        await a_running_vm(here)
        await fill(here, 2, leaving_mib=512)
        job = await drain_host.begin(H1, ANN, here.cloud)

        await request_cancel(job.id, here.cloud)
        job = await here.run(job)

        assert (job.state, await resource_state(here)) == (JobState.CANCELLED, ResourceState.ENABLED)


async def test_a_host_is_prepared_once_at_a_time() -> None:
    async with a_cloud() as here:
        await drain_host.begin(H1, ANN, here.cloud)

        with pytest.raises(ResourceInUse, match="PrepareForMaintenance already"):
            await drain_host.begin(H1, ANN, here.cloud)


async def test_guests_of_a_host_that_is_not_up_cannot_be_moved() -> None:
    async with a_cloud() as here:
        await a_running_vm(here)
        await here.prove_dead(here.host(1))

        with pytest.raises(ResourceUnavailable, match="h1 is Down"):
            await drain_host.begin(H1, ANN, here.cloud)


async def test_a_stopped_guest_does_not_hinder() -> None:
    async with a_cloud() as here:
        await a_stopped_vm(here)

        job = await here.run(await drain_host.begin(H1, ANN, here.cloud))

        assert job.state is JobState.SUCCEEDED
