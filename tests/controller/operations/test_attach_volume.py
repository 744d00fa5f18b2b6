"""A data disk is given to a guest that runs, and taken from it, by an order; what its host may be doing stands in the row all the time."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from mainstay_controller.domain.ids import PoolId
from mainstay_controller.domain.records import Account, Job, Vm, Volume
from mainstay_controller.domain.states import JobState, VmState, VolumeState
from mainstay_controller.operations.errors import InvalidParameter, ResourceInUse
from mainstay_controller.operations.recovery.victims import victims_of
from mainstay_controller.operations.storage import volumes
from mainstay_controller.operations.storage.volumes import NewVolume, create_volume
from mainstay_controller.operations.vms import attach_volume
from mainstay_controller.store.port import eq
from mainstay_proto.messages import AttachDisk, DetachDisk, PrepareVolume, StartGuest
from mainstay_runtime.tasks import background
from tests.kit.small_cloud import ANN, DOMAIN, ZONE, Here, a_cloud
from tests.kit.told_hosts import UNKNOWN, Deaf, DoButSay, Say, Silence, failed, refused
from tests.kit.virtual_time import BEGINNING
from tests.kit.wishes import a_running_vm, a_stopped_vm, start, stop

OWNER = Account(id=ANN.account_id, name="ann", domain_id=DOMAIN, created=BEGINNING)


async def a_disk(here: Here) -> Volume:
    return await create_volume(NewVolume(zone_id=ZONE, name="data", size_gib=1), OWNER, here.cloud)


async def now(disk: Volume, here: Here) -> Volume:
    return await here.cloud.store.volumes.by_id(disk.id)


async def attach(here: Here, disk: Volume, vm: Vm) -> Job:
    return await here.run(await attach_volume.begin_attach(await now(disk, here), vm, None, ANN, here.cloud))


async def detach(here: Here, disk: Volume) -> Job:
    return await here.run(await attach_volume.begin_detach(await now(disk, here), ANN, here.cloud))


def orders(here: Here, kind: type) -> list[object]:
    return [order for order in here.host(1).orders if isinstance(order, kind)]


async def test_a_guest_that_runs_is_given_a_new_disk_and_loses_it_at_once() -> None:
    async with a_cloud() as here:
        vm, disk = await a_running_vm(here), await a_disk(here)

        attached = await attach(here, disk, vm)
        with_it = await now(disk, here)
        detached = await detach(here, disk)

        assert (attached.state, detached.state) == (JobState.SUCCEEDED, JobState.SUCCEEDED), attached.result
        assert (with_it.vm_id, with_it.device_id, with_it.state) == (vm.id, 1, VolumeState.READY)
        assert [type(order) for order in here.host(1).orders][-3:] == [PrepareVolume, AttachDisk, DetachDisk]
        without = await now(disk, here)
        assert (without.vm_id, without.device_id, without.state) == (None, None, VolumeState.READY)
        events = {(event.type, event.state) for event in await here.cloud.store.events.find()}
        assert {each for each in events if each[0].startswith("VOLUME.")} == {
            (f"VOLUME.{verb}", state)
            for verb in ("ATTACH", "DETACH")
            for state in ("Scheduled", "Started", "Completed")
        }


@pytest.mark.parametrize("verb", ["attach", "detach"])
async def test_while_its_host_may_be_doing_it_the_row_says_so(verb: str) -> None:
    async with a_cloud() as here:
        vm, disk = await a_running_vm(here), await a_disk(here)
        if verb == "detach":
            await attach(here, disk, vm)
        here.host(1).twist(verb, *[Deaf()] * 100)
        row = await now(disk, here)
        begun = (
            attach_volume.begin_attach(row, vm, None, ANN, here.cloud)
            if verb == "attach"
            else attach_volume.begin_detach(row, ANN, here.cloud)
        )

        async with background(here.work_for_ever):
            await begun
            await asyncio.sleep(100)
        row = await now(disk, here)

        meanwhile = VolumeState.ATTACHING if verb == "attach" else VolumeState.DETACHING
        assert (row.vm_id, row.state) == (vm.id, meanwhile)


@pytest.mark.parametrize("state", [VolumeState.ATTACHING, VolumeState.DETACHING])
async def test_a_disk_that_it_may_have_counts_for_settling_and_not_as_proof(state: VolumeState) -> None:
    async with a_cloud() as here:
        vm, disk = await a_running_vm(here), await a_disk(here)
        await attach(here, disk, vm)
        given = await now(disk, here)
        elsewhere = replace(given, state=state, pool_id=PoolId("elsewhere"))
        await here.cloud.store.volumes.swap(given, elsewhere)

        [victim] = await victims_of([vm], here.cloud.store)

        assert victim.pool_ids - victim.dies_with == frozenset({PoolId("elsewhere")})


async def test_one_that_is_stopped_has_it_from_its_next_start() -> None:
    async with a_cloud() as here:
        vm, disk = await a_stopped_vm(here), await a_disk(here)

        await attach(here, disk, vm)
        await here.run(await start(here, await here.vm(vm.id)))

        assert orders(here, AttachDisk) == []
        spec = [order.spec for order in here.host(1).orders if isinstance(order, StartGuest)][-1]
        assert [each.volume_id for each in spec.disks][1:] == [disk.id]


@pytest.mark.parametrize("answer", [refused("no-lease"), refused("unknown-order"), failed("hypervisor-refused")])
async def test_a_host_that_certainly_did_not_do_it_has_it_put_back(answer: object) -> None:
    async with a_cloud() as here:
        vm, disk = await a_running_vm(here), await a_disk(here)
        here.host(1).twist("attach", Say(answer))  # type: ignore[arg-type]

        refused_job = await attach(here, disk, vm)
        untouched = await now(disk, here)
        await attach(here, disk, vm)
        here.host(1).twist("detach", Say(answer))  # type: ignore[arg-type]
        kept_job = await detach(here, disk)

        assert (refused_job.state, untouched.vm_id, untouched.state) == (JobState.FAILED, None, VolumeState.READY)
        kept = await now(disk, here)
        assert (kept_job.state, kept.vm_id, kept.state) == (JobState.FAILED, vm.id, VolumeState.READY)


@pytest.mark.parametrize("twist", [Silence(), Deaf(), DoButSay(UNKNOWN)], ids=lambda twist: type(twist).__name__)
async def test_an_unclear_end_is_asked_about_until_it_is_known(twist: object) -> None:
    async with a_cloud() as here:
        vm, disk = await a_running_vm(here), await a_disk(here)
        here.host(1).twist("attach", twist)  # type: ignore[arg-type]
        here.host(1).twist("detach", twist)  # type: ignore[arg-type]

        attached = await attach(here, disk, vm)
        detached = await detach(here, disk)

        assert (attached.state, detached.state) == (JobState.SUCCEEDED, JobState.SUCCEEDED)
        assert (await now(disk, here)).vm_id is None


async def test_a_guest_that_holds_on_to_its_disk_can_be_stopped_and_has_it_no_more_then() -> None:
    async with a_cloud() as here:
        vm, disk = await a_running_vm(here), await a_disk(here)
        await attach(here, disk, vm)
        here.host(1).twist("detach", *[Say(UNKNOWN)] * 1000)

        held = await detach(here, disk)
        meanwhile = await now(disk, here)
        stopped = await here.run(await stop(here, await here.vm(vm.id)))
        detached = await detach(here, disk)

        assert (held.state, meanwhile.vm_id, meanwhile.state) == (JobState.FAILED, vm.id, VolumeState.DETACHING)
        assert (stopped.state, detached.state) == (JobState.SUCCEEDED, JobState.SUCCEEDED)
        row = await now(disk, here)
        assert (row.vm_id, row.state) == (None, VolumeState.READY)


async def test_a_disk_that_could_not_be_made_is_nowhere_and_nobodys() -> None:
    async with a_cloud() as here:
        vm, disk = await a_running_vm(here), await a_disk(here)
        here.host(1).twist("make", Say(failed("not-made")))

        job = await attach(here, disk, vm)

        row = await now(disk, here)
        assert (job.state, row.vm_id, row.pool_id, row.state) == (JobState.FAILED, None, None, VolumeState.ALLOCATED)


async def test_a_guest_that_is_stopped_while_nobody_knows_has_the_disk_from_its_next_start() -> None:
    async with a_cloud() as here:
        vm, disk = await a_running_vm(here), await a_disk(here)
        here.host(1).twist("attach", *[Deaf()] * 100)
        job = await attach_volume.begin_attach(disk, vm, None, ANN, here.cloud)

        async with background(here.work_for_ever):
            await asyncio.sleep(100)
            there = await here.vm(vm.id)
            gone = replace(there, state=VmState.STOPPED, host_id=None, epoch=there.epoch + 1)
            await here.cloud.store.vms.swap(there, gone)
            done = await here.ended(job)

        row = await now(disk, here)
        assert (done.state, row.vm_id, row.state) == (JobState.SUCCEEDED, vm.id, VolumeState.READY)


async def test_of_two_guests_that_are_to_have_a_disk_at_once_one_is_given_it() -> None:
    async with a_cloud(hosts=1) as here:
        first, second, disk = await a_running_vm(here), await a_running_vm(here), await a_disk(here)
        await attach(here, disk, first)
        await detach(here, disk)
        free = await now(disk, here)
        here.host(1).twist("attach", Silence(), Silence())

        jobs = [await attach_volume.begin_attach(free, vm, None, ANN, here.cloud) for vm in (first, second)]
        ended = [await here.run(job) for job in jobs]

        given = {order.vm_id for order in orders(here, AttachDisk)[1:] if isinstance(order, AttachDisk)}
        assert sorted(job.state for job in ended) == [JobState.FAILED, JobState.SUCCEEDED]
        assert given == {(await now(disk, here)).vm_id}


async def test_what_is_attached_is_attached_to_nobody_else_and_not_deleted() -> None:
    async with a_cloud() as here:
        vm, other, disk = await a_running_vm(here), await a_running_vm(here, name="other"), await a_disk(here)
        await attach(here, disk, vm)

        with pytest.raises(ResourceInUse, match="attached already"):
            await attach_volume.begin_attach(await now(disk, here), other, None, ANN, here.cloud)
        with pytest.raises(ResourceInUse, match="detach it first"):
            await volumes.begin_delete(await now(disk, here), ANN, here.cloud)
        [root, *_] = await here.cloud.store.volumes.find(eq("type", "ROOT"))
        with pytest.raises(InvalidParameter, match="root disk"):
            await attach_volume.begin_detach(root, ANN, here.cloud)
