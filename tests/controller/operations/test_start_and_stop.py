"""Starting and stopping, when hosts answer and when they do not."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from mainstay_controller.domain.ids import ControllerId, HostId
from mainstay_controller.domain.states import JobState, VmState
from mainstay_controller.operations.errors import ResourceInUse
from mainstay_controller.operations.jobs import JobLost, JobRun
from mainstay_controller.operations.orders.start_orders import StillSomewhere, raise_epoch, taken_off
from mainstay_controller.operations.vms import reboot_vm
from mainstay_controller.operations.vms.stop_vm import bring_down
from mainstay_controller.store.port import Stale
from mainstay_runtime.tasks import background
from tests.kit.small_cloud import ANN, a_cloud
from tests.kit.told_hosts import UNKNOWN, Deaf, DoButSay, Say, Silence, failed, refused
from tests.kit.wishes import a_running_vm, a_stopped_vm, deploy, start, stop


async def test_a_stopped_vm_starts_on_its_last_host_under_a_new_epoch() -> None:
    async with a_cloud(hosts=3) as here:
        vm = await a_stopped_vm(here)
        last = vm.last_host_id

        await here.run(await start(here, vm))

        vm = await here.vm(vm.id)
        assert (vm.state, vm.epoch, vm.host_id) == (VmState.RUNNING, 2, last)


async def test_the_root_administrator_names_the_host() -> None:
    async with a_cloud(hosts=3) as here:
        vm = await a_stopped_vm(here)

        await here.run(await start(here, vm, host_id=HostId("h3"), by_root=True))

        assert here.world.where_runs(vm.id) == ["h3"]


async def test_starting_what_runs_changes_nothing() -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here)

        job = await here.run(await start(here, vm))

        assert job.state is JobState.SUCCEEDED
        assert (await here.vm(vm.id)).epoch == vm.epoch


async def test_a_start_that_found_no_room_is_not_wanted_any_more() -> None:
    async with a_cloud() as here:
        vm = await a_stopped_vm(here)
        for host in await here.cloud.store.hosts.find():
            await here.cloud.store.hosts.swap(host, replace(host, memory_mib=100))

        job = await here.run(await start(here, vm))

        vm = await here.vm(vm.id)
        assert (job.result_code, vm.state, vm.wanted_running) == (533, VmState.STOPPED, False)


async def test_a_guest_that_shuts_down_by_order_is_stopped() -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here)

        await here.run(await stop(here, vm))

        vm = await here.vm(vm.id)
        assert (vm.state, vm.host_id, vm.wanted_running) == (VmState.STOPPED, None, False)
        assert here.world.where_runs(vm.id) == []


async def test_a_guest_that_does_not_obey_is_powered_off() -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here)
        here.host(1).twist("stop", Say(failed("grace-over")))

        await here.run(await stop(here, vm))

        assert [order.forced for order in here.host(1).orders if hasattr(order, "forced")] == [False, True]
        assert (await here.vm(vm.id)).state is VmState.STOPPED


async def test_a_forced_stop_believes_nothing_while_the_host_is_silent() -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here)
        await here.host(1).disconnect()
        job = await stop(here, vm, forced=True)

        with pytest.raises(AssertionError):
            await here.run(job, within_seconds=600)

        vm = await here.vm(vm.id)
        assert (vm.state, vm.host_id) == (VmState.STOPPING, "h1")
        assert here.world.where_runs(vm.id) == ["h1"]


async def test_the_stop_goes_on_when_the_host_is_back() -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here)
        await here.host(1).disconnect()
        job = await stop(here, vm)
        with pytest.raises(AssertionError):
            await here.run(job, within_seconds=60)

        await here.host(1).connect(here.cloud.fleet)
        await here.run(job)

        assert (await here.vm(vm.id)).state is VmState.STOPPED


async def test_a_guest_whose_host_was_away_for_a_moment_is_still_asked_first() -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here)
        await here.host(1).disconnect()
        job = await stop(here, vm)

        async with background(here.work_for_ever):
            await asyncio.sleep(5)
            await here.host(1).connect(here.cloud.fleet)
            await here.ended(job)

        assert [order.forced for order in here.host(1).orders if hasattr(order, "forced")] == [False]


async def test_a_lost_answer_to_a_stop_is_asked_for() -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here)
        here.host(1).twist("stop", Silence(), Say(UNKNOWN))

        await here.run(await stop(here, vm))

        assert (await here.vm(vm.id)).state is VmState.STOPPED


async def test_a_stop_overtakes_a_start_whose_outcome_is_unknown() -> None:
    async with a_cloud() as here:
        here.host(1).twist("start", *[Deaf()] * 20)
        deployment = await deploy(here)
        with pytest.raises(AssertionError):
            await here.run(deployment, within_seconds=100)
        vm = await here.vm(deployment.instance_id)

        job = await here.run(await stop(here, vm))

        vm = await here.vm(vm.id)
        assert (job.state, vm.state, vm.host_id) == (JobState.SUCCEEDED, VmState.STOPPED, None)
        assert (await here.cloud.store.jobs.by_id(deployment.id)).state is JobState.FAILED
        assert here.host(2).orders == []


async def test_a_start_order_that_comes_after_the_stop_is_refused_by_the_host() -> None:
    async with a_cloud() as here:
        here.host(1).twist("start", *[Deaf()] * 20)
        deployment = await deploy(here)
        with pytest.raises(AssertionError):
            await here.run(deployment, within_seconds=100)
        await here.run(await stop(here, await here.vm(deployment.instance_id)))

        barred_under = here.host(1).guests[deployment.instance_id].epoch

        assert barred_under == 2  # the start was ordered under 1


async def test_a_stop_that_another_controller_took_over_raises_no_epoch_against_him() -> None:
    async with a_cloud() as here:
        here.host(1).twist("start", *[Deaf()] * 20)
        deployment = await deploy(here)
        with pytest.raises(AssertionError):
            await here.run(deployment, within_seconds=100)
        vm = await here.vm(deployment.instance_id)
        job = await stop(here, vm)
        await here.cloud.store.jobs.swap(job, replace(job, owner_id=ControllerId("another"), owner_epoch=1))

        with pytest.raises(JobLost):
            await bring_down(vm.id, JobRun(job, here.cloud), forced=False)

        assert (await here.vm(vm.id)).epoch == 1


async def test_a_user_who_changes_his_mind_gets_his_last_wish() -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here)
        await stop(here, vm)
        await start(here, vm)
        await stop(here, vm)

        await here.run(await start(here, vm))

        vm = await here.vm(vm.id)
        assert (vm.state, vm.wanted_running) == (VmState.RUNNING, True)


async def test_what_a_host_did_but_called_unknown_is_found_out() -> None:
    async with a_cloud() as here:
        here.host(1).twist("start", DoButSay(UNKNOWN))

        vm = await a_running_vm(here)

        assert (vm.host_id, vm.epoch) == ("h1", 1)


async def test_a_reboot_that_the_host_refuses_is_an_error() -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here)
        here.host(1).twist("reboot", Say(refused("hypervisor-silent")))

        job = await here.run(await reboot_vm.begin(vm.id, ANN, here.cloud))

        assert (job.state, job.result_code) == (JobState.FAILED, 534)


async def test_only_a_running_vm_reboots() -> None:
    async with a_cloud() as here:
        vm = await a_stopped_vm(here)

        with pytest.raises(ResourceInUse, match="it is Stopped"):
            await reboot_vm.begin(vm.id, ANN, here.cloud)


async def test_no_epoch_is_raised_for_a_vm_that_is_somewhere() -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here)
        store = here.cloud.store
        host, cluster = await store.hosts.by_id("h2"), await store.clusters.by_id("cluster")

        with pytest.raises(StillSomewhere):
            await raise_epoch(store, vm, host, cluster, await store.now(), "planted")


async def test_an_epoch_is_raised_once_by_whoever_comes_first() -> None:
    async with a_cloud() as here:
        vm = await a_stopped_vm(here)
        store = here.cloud.store
        host, cluster = await store.hosts.by_id("h2"), await store.clusters.by_id("cluster")
        await raise_epoch(store, vm, host, cluster, await store.now(), "first")

        with pytest.raises(Stale):
            await raise_epoch(store, vm, host, cluster, await store.now(), "second")


async def test_a_vm_taken_off_in_a_migration_has_used_up_the_target_s_epoch() -> None:
    async with a_cloud() as here:
        vm = replace(await a_running_vm(here), state=VmState.MIGRATING, target_host_id=HostId("h2"))

        assert (taken_off(vm).epoch, taken_off(vm).host_id, taken_off(vm).target_host_id) == (vm.epoch + 1, None, None)
