"""A disk is made bigger where it is: under its guest, or by any host that reaches it; it never shrinks."""

from __future__ import annotations

from typing import Any

import pytest

from mainstay_controller.domain.ids import DiskOfferingId
from mainstay_controller.domain.records import Account, DiskOffering, Job, Volume
from mainstay_controller.domain.resource_types import ResourceType
from mainstay_controller.domain.states import JobState
from mainstay_controller.operations.errors import InvalidParameter, LimitReached
from mainstay_controller.operations.offerings.disk_offerings import GIB
from mainstay_controller.operations.resource_limits import set_limit
from mainstay_controller.operations.storage.volumes import NewVolume, create_volume
from mainstay_controller.operations.vms import resize_volume
from mainstay_controller.operations.vms.attach_volume import attach_at_rest
from mainstay_controller.operations.vms.resize_volume import NewSize
from mainstay_controller.store.port import eq
from mainstay_proto.messages import GrowDisk, GrowVolume
from tests.kit.small_cloud import ANN, DOMAIN, ZONE, Here, a_cloud
from tests.kit.told_hosts import UNKNOWN, Deaf, DoButSay, Say, Silence, failed
from tests.kit.virtual_time import BEGINNING
from tests.kit.wishes import a_running_vm, a_stopped_vm, start

OWNER = Account(id=ANN.account_id, name="ann", domain_id=DOMAIN, created=BEGINNING)
LARGE = DiskOffering(
    id=DiskOfferingId("large"), name="Large", display_text="Large", created=BEGINNING, size_bytes=100 * GIB
)


async def resize(here: Here, volume: Volume, **wanted: Any) -> Job:
    if await here.cloud.store.accounts.get(OWNER.id) is None:
        await here.cloud.store.accounts.add(OWNER)
    row = await here.cloud.store.volumes.by_id(volume.id)
    return await here.run(await resize_volume.begin(row, NewSize(**wanted), ANN, here.cloud))


async def root_of_a_guest(here: Here, *, runs: bool) -> Volume:
    vm = await (a_running_vm(here) if runs else a_stopped_vm(here))
    [root] = await here.cloud.store.volumes.find(eq("vm_id", vm.id))
    return root


async def gib(here: Here, volume: Volume) -> int:
    return (await here.cloud.store.volumes.by_id(volume.id)).size_bytes // GIB


@pytest.mark.parametrize(("runs", "kind"), [(True, GrowDisk), (False, GrowVolume)])
async def test_it_grows_under_its_guest_or_alone(runs: bool, kind: type[GrowDisk | GrowVolume]) -> None:
    async with a_cloud() as here:
        root = await root_of_a_guest(here, runs=runs)

        job = await resize(here, root, size_gib=50)

        orders = [
            order for host in (1, 2) for order in here.host(host).orders if isinstance(order, GrowDisk | GrowVolume)
        ]
        assert (job.state, await gib(here, root)) == (JobState.SUCCEEDED, 50), job.result
        assert [(type(order), order.disk.size_bytes) for order in orders] == [(kind, 50 * GIB)]


async def test_a_disk_without_a_file_is_made_in_its_new_size() -> None:
    async with a_cloud() as here:
        disk = await create_volume(NewVolume(zone_id=ZONE, name="data", size_gib=1), OWNER, here.cloud)

        await resize(here, disk, size_gib=3)
        vm = await a_stopped_vm(here)
        await attach_at_rest(await here.cloud.store.volumes.by_id(disk.id), vm, here.cloud)
        await here.run(await start(here, await here.vm(vm.id)))

        assert await gib(here, disk) == 3
        assert not [order for order in here.host(1).orders if isinstance(order, GrowVolume | GrowDisk)]


async def test_another_offering_brings_its_size() -> None:
    async with a_cloud() as here:
        await here.cloud.store.disk_offerings.add(LARGE)
        disk = await create_volume(NewVolume(zone_id=ZONE, name="data", size_gib=1), OWNER, here.cloud)

        await resize(here, disk, disk_offering_id=LARGE.id)
        row = await here.cloud.store.volumes.by_id(disk.id)

        assert (row.size_bytes, row.disk_offering_id) == (100 * GIB, LARGE.id)
        with pytest.raises(InvalidParameter, match="name another offering"):
            await resize(here, row, size_gib=200)


async def test_it_never_shrinks_nor_passes_its_owners_limit() -> None:
    async with a_cloud() as here:
        root = await root_of_a_guest(here, runs=True)
        await resize(here, root, size_gib=50)

        with pytest.raises(InvalidParameter, match="never shrinks"):
            await resize(here, root, size_gib=49)
        await set_limit(OWNER.id, ResourceType.PRIMARY_STORAGE, 60, here.cloud)
        with pytest.raises(LimitReached):
            await resize(here, root, size_gib=61)

        assert await gib(here, root) == 50


@pytest.mark.parametrize("twist", [Silence(), Deaf(), DoButSay(UNKNOWN)], ids=lambda twist: type(twist).__name__)
async def test_an_unclear_end_is_asked_about_until_it_is_known(twist: Any) -> None:
    async with a_cloud() as here:
        root = await root_of_a_guest(here, runs=True)
        here.host(1).twist("grow", twist)

        job = await resize(here, root, size_gib=50)

        assert (job.state, await gib(here, root)) == (JobState.SUCCEEDED, 50)


async def test_a_host_that_could_not_leaves_the_row_as_it_was() -> None:
    async with a_cloud() as here:
        root = await root_of_a_guest(here, runs=True)
        before = await gib(here, root)
        here.host(1).twist("grow", Say(failed("hypervisor-refused", "no space")))

        job = await resize(here, root, size_gib=50)

        assert (job.state, await gib(here, root)) == (JobState.FAILED, before)
        assert "no space" in str(job.result["errortext"])
