"""A controller is killed at each of its contacts with the world, while it works on a job: the next one finishes it, once."""

from __future__ import annotations

from mainstay_controller.domain.ids import HostId, VmId
from mainstay_controller.domain.records import Job, Vm
from mainstay_controller.domain.states import JobState, ResourceState, VmState, VolumeState
from mainstay_controller.operations.maintenance import drain_host
from mainstay_controller.operations.vms import destroy_vm, migrate_vm
from tests.kit.crashes import at_every_contact, with_every_call_failing
from tests.kit.small_cloud import ANN, Here
from tests.kit.told_hosts import Say, failed
from tests.kit.wishes import a_running_vm, a_stopped_vm, deploy, start, stop


async def nothing(_here: Here) -> None:
    return None


async def the_vm(here: Here) -> Vm:
    vms: list[Vm] = await here.site.store.vms.find()
    assert len(vms) == 1
    return vms[0]


async def runs_once(here: Here, job: Job) -> None:
    vm = await the_vm(here)
    assert (job.state, vm.state, vm.target_host_id) == (JobState.SUCCEEDED, VmState.RUNNING, None)
    assert here.world.where_runs(vm.id) == [vm.host_id]
    assert {volume.state for volume in await here.site.store.volumes.find()} == {VolumeState.READY}


async def is_stopped(here: Here, job: Job) -> None:
    vm = await the_vm(here)
    assert (job.state, vm.state, vm.host_id) == (JobState.SUCCEEDED, VmState.STOPPED, None)
    assert here.world.where_runs(vm.id) == []


async def test_deployment_survives_its_controller() -> None:
    contacts = await at_every_contact(nothing, deploy, runs_once)

    assert contacts > 30


async def test_deployment_that_needs_a_second_host_survives_its_controller() -> None:
    async def one_host_refuses(here: Here) -> None:
        here.host(1).twist("start", Say(failed("hypervisor-refused")))

    await at_every_contact(one_host_refuses, deploy, runs_once)


async def test_a_deployment_that_fails_everywhere_fails_once_and_leaves_no_disk() -> None:
    async def no_host_can(here: Here) -> None:
        for number in (1, 2):
            here.host(number).twist("start", *[Say(failed("hypervisor-refused"))] * 20)

    async def is_in_error(here: Here, job: Job) -> None:
        vm = await the_vm(here)
        assert (job.state, job.result_code, vm.state) == (JobState.FAILED, 533, VmState.ERROR)
        assert here.world.volumes == {}

    await at_every_contact(no_host_can, deploy, is_in_error)


async def test_a_start_survives_its_controller() -> None:
    async def start_it(here: Here) -> Job:
        return await start(here, await the_vm(here))

    await at_every_contact(a_stopped_vm, start_it, runs_once)


async def test_a_stop_survives_its_controller() -> None:
    async def stop_it(here: Here) -> Job:
        return await stop(here, await the_vm(here))

    await at_every_contact(a_running_vm, stop_it, is_stopped)


async def test_a_migration_survives_its_controller() -> None:
    async def migrate(here: Here) -> Job:
        return await migrate_vm.begin((await the_vm(here)).id, ANN, here.cloud, host_id=HostId("h2"))

    async def runs_on_the_target(here: Here, job: Job) -> None:
        await runs_once(here, job)
        assert (await the_vm(here)).host_id == "h2"

    await at_every_contact(a_running_vm, migrate, runs_on_the_target)


async def test_an_expunge_survives_its_controller() -> None:
    async def destroy(here: Here) -> Job:
        return await destroy_vm.begin(VmId((await the_vm(here)).id), ANN, here.cloud, expunge=True)

    async def is_gone(here: Here, job: Job) -> None:
        vm = await the_vm(here)
        assert (job.state, vm.state, vm.removed is not None) == (JobState.SUCCEEDED, VmState.EXPUNGING, True)
        assert here.world.volumes == {}

    await at_every_contact(a_running_vm, destroy, is_gone)


async def test_an_evacuation_survives_its_controller() -> None:
    async def drain(here: Here) -> Job:
        return await drain_host.begin(HostId("h1"), ANN, here.cloud)

    async def moved(here: Here, job: Job) -> None:
        await runs_once(here, job)
        host = await here.site.store.hosts.by_id("h1")
        assert ((await the_vm(here)).host_id, host.resource_state) == ("h2", ResourceState.MAINTENANCE)

    await at_every_contact(a_running_vm, drain, moved)


async def test_a_database_that_is_away_for_one_call_only_delays_a_deployment() -> None:
    calls = await with_every_call_failing(nothing, deploy, runs_once)

    assert calls > 30


async def test_a_database_that_is_away_for_one_call_only_delays_a_stop() -> None:
    async def stop_it(here: Here) -> Job:
        return await stop(here, await the_vm(here))

    await with_every_call_failing(a_running_vm, stop_it, is_stopped)


async def test_a_database_that_is_away_for_one_call_leaves_a_migrated_guest_on_one_host() -> None:
    async def migrate(here: Here) -> Job:
        return await migrate_vm.begin((await the_vm(here)).id, ANN, here.cloud, host_id=HostId("h2"))

    await with_every_call_failing(a_running_vm, migrate, runs_once)
