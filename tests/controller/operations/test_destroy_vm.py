"""Destroyed, recovered, expunged: a disk goes last, and never under a running guest."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from mainstay_controller.domain.records import Job, Vm
from mainstay_controller.domain.states import JobState, VmState, VolumeState
from mainstay_controller.operations.errors import PermissionDenied, ResourceInUse
from mainstay_controller.operations.vms import attend_vms, destroy_vm
from mainstay_controller.store.port import LIVE
from mainstay_runtime.tasks import background
from tests.kit.small_cloud import ANN, Here, a_cloud
from tests.kit.told_hosts import Say, failed
from tests.kit.wishes import a_running_vm, a_stopped_vm, deploy, start


async def destroyed(here: Here, vm: Vm, *, expunge: bool = False) -> Job:
    return await here.run(await destroy_vm.begin(vm.id, ANN, here.cloud, expunge=expunge))


async def test_a_destroyed_vm_is_down_and_keeps_its_disk() -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here)

        await destroyed(here, vm)

        assert (await here.vm(vm.id)).state is VmState.DESTROYED
        assert here.world.where_runs(vm.id) == []
        assert [volume.state for volume in await here.cloud.store.volumes.find(LIVE)] == [VolumeState.READY]


async def test_a_recovered_vm_starts_again() -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here)
        await destroyed(here, vm)

        vm = await destroy_vm.recover(vm.id, here.cloud)
        job = await here.run(await start(here, vm))

        assert job.state is JobState.SUCCEEDED


async def test_what_was_wished_while_a_vm_was_brought_down_for_its_destruction_is_taken_back() -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here)
        destruction = await destroy_vm.begin(vm.id, ANN, here.cloud)

        async with background(here.work_for_ever):
            while (await here.vm(vm.id)).state is not VmState.STOPPING:
                await here.site.clock.sleep(0.01)
            start_job = await start(here, vm)
            wished = await here.vm(vm.id)
            await here.ended(destruction)
            start_job = await here.ended(start_job)

        assert wished.wanted_running
        assert start_job.state is JobState.FAILED
        assert not (await here.vm(vm.id)).wanted_running


async def test_only_a_destroyed_vm_is_recovered_or_expunged() -> None:
    async with a_cloud() as here:
        vm = await a_stopped_vm(here)

        with pytest.raises(ResourceInUse, match="cannot be recovered: it is Stopped"):
            await destroy_vm.recover(vm.id, here.cloud)
        with pytest.raises(ResourceInUse, match="cannot be expunged: it is Stopped"):
            await destroy_vm.begin_expunge(vm.id, ANN, here.cloud)


async def test_a_protected_vm_is_not_destroyed() -> None:
    async with a_cloud() as here:
        vm = await a_stopped_vm(here)
        vm = await here.cloud.store.vms.swap(vm, replace(vm, delete_protection=True))

        with pytest.raises(PermissionDenied, match="protected from deletion"):
            await destroy_vm.begin(vm.id, ANN, here.cloud)


async def test_an_expunged_vm_leaves_nothing_but_its_history() -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here)

        await destroyed(here, vm, expunge=True)

        assert here.world.volumes == {}
        assert vm.id not in here.host(1).guests
        assert await here.cloud.store.vms.find(LIVE) == []
        assert (await a_running_vm(here, name="next")).nics[0].ip == vm.nics[0].ip


async def test_a_disk_that_cannot_be_removed_keeps_the_vm_until_it_can() -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here)
        for number in (1, 2):
            here.host(number).twist("remove", Say(failed("storage-fails")))

        job = await destroyed(here, vm, expunge=True)
        assert (job.result_code, (await here.vm(vm.id)).state) == (534, VmState.EXPUNGING)
        await here.run(await destroy_vm.begin_expunge(vm.id, ANN, here.cloud))

        assert here.world.volumes == {}


async def test_what_was_destroyed_is_expunged_when_its_time_is_over() -> None:
    async with a_cloud(expunge_delay_seconds=3600.0) as here:
        vm = await a_running_vm(here)
        await destroyed(here, vm)
        assert await attend_vms.attend(here.cloud) == []

        await asyncio.sleep(3601)
        [job] = await attend_vms.attend(here.cloud)
        assert await attend_vms.attend(here.cloud) == []  # it has a job
        await here.run(job)

        assert await here.cloud.store.vms.find(LIVE) == []


async def test_a_vm_that_failed_to_deploy_is_expunged_by_its_destruction() -> None:
    async with a_cloud() as here:
        for number in (1, 2):
            here.host(number).twist("start", Say(failed("hypervisor-refused")))
        job = await here.run(await deploy(here))

        await destroyed(here, await here.vm(job.instance_id))

        assert await here.cloud.store.vms.find(LIVE) == []
