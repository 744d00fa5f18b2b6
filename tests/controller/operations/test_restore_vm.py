"""Restoring a VM: its root disk is made anew, once, and it runs again if it ran before."""

from __future__ import annotations

from mainstay_controller.domain.states import JobState, VmState, VolumeState
from mainstay_controller.fleet.guest_spec import file_name
from mainstay_controller.operations.journal import Level
from mainstay_controller.operations.vms import restore_vm
from mainstay_controller.store.port import eq
from tests.kit.small_cloud import ANN, a_cloud
from tests.kit.told_hosts import Say, failed
from tests.kit.wishes import a_running_vm, a_stopped_vm, start


async def test_a_running_vm_runs_again_under_a_new_epoch_on_a_new_disk() -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here)

        job = await here.run(await restore_vm.begin(vm.id, None, ANN, here.cloud))

        after = await here.vm(vm.id)
        assert job.state is JobState.SUCCEEDED, job.result
        assert (after.state, after.wanted_running, after.epoch) == (VmState.RUNNING, True, vm.epoch + 1)


async def test_one_that_finds_no_host_to_run_on_again_is_down_and_not_wanted() -> None:
    """Seed 101178: it stayed wanted, and nobody was to start it."""
    async with a_cloud(hosts=1) as here:
        vm = await a_running_vm(here)
        here.host(1).twist("make", Say(failed("no-space")))

        job = await here.run(await restore_vm.begin(vm.id, None, ANN, here.cloud))

        after = await here.vm(vm.id)
        [told] = await here.cloud.store.events.find(eq("type", "VM.RESTORE"), eq("level", Level.ERROR))
        assert job.state is JobState.FAILED
        assert (after.state, after.wanted_running) == (VmState.STOPPED, False)
        assert "is restored, and does not run again" in told.description


async def test_its_new_disk_is_a_file_that_no_late_removal_of_the_old_one_means() -> None:
    async with a_cloud(hosts=2) as here:
        vm = await a_stopped_vm(here)
        [old] = await here.cloud.store.volumes.find(eq("vm_id", vm.id))

        await here.run(await restore_vm.begin(vm.id, None, ANN, here.cloud))
        await here.run(await start(here, vm))

        [new] = await here.cloud.store.volumes.find(eq("vm_id", vm.id))
        assert file_name(old) not in (new.path, "")
        assert [path.endswith(new.path) for path in here.world.volumes] == [True]


async def test_a_stopped_vm_stays_stopped_and_its_disk_is_nowhere_until_it_starts() -> None:
    async with a_cloud() as here:
        vm = await a_stopped_vm(here)

        await here.run(await restore_vm.begin(vm.id, None, ANN, here.cloud))

        [root] = await here.cloud.store.volumes.find(eq("vm_id", vm.id))
        assert (await here.vm(vm.id)).state is VmState.STOPPED
        assert (root.state, root.pool_id) == (VolumeState.ALLOCATED, None)
