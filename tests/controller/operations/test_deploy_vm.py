"""A VM is deployed: on the best host, or the next, or not at all and with nothing left behind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mainstay_controller.domain.ids import HostId, OfferingId, TemplateId
from mainstay_controller.domain.states import AllocationState, JobState, VmState, VolumeState
from mainstay_controller.fleet.guest_spec import disks
from mainstay_controller.operations.errors import InvalidParameter, PermissionDenied
from mainstay_controller.operations.orders.choose_host import Wish
from mainstay_controller.operations.orders.start_orders import belongings, guest_order
from mainstay_controller.operations.vms import deploy_vm
from mainstay_controller.store.port import LIVE, eq
from tests.kit.small_cloud import ANN, OFFERING, POD, TEMPLATE, ZONE, Here, a_cloud
from tests.kit.told_hosts import Deaf, Say, Silence, failed, refused
from tests.kit.wishes import a_new_vm


async def nothing_was_written(here: Here) -> bool:
    store = here.cloud.store
    return not any(
        [await store.vms.find(), await store.volumes.find(), await store.jobs.find(), await store.events.find()]
    )


async def test_a_deployed_vm_runs_with_its_disk_and_an_address() -> None:
    async with a_cloud() as here:
        job = await deploy_vm.begin(a_new_vm(), ANN, here.cloud)

        job = await here.run(job)

        vm = await here.vm(job.instance_id)
        assert (job.state, vm.state, vm.epoch) == (JobState.SUCCEEDED, VmState.RUNNING, 1)
        assert here.world.where_runs(vm.id) == ["h1"]
        assert (vm.nics[0].ip, vm.nics[0].gateway) == ("10.1.0.10", "10.1.0.1")
        [volume] = await here.cloud.store.volumes.find()
        assert (volume.state, volume.pool_id, volume.size_bytes) == (VolumeState.READY, "pool", 1 << 30)


async def test_a_vm_that_is_not_to_be_started_is_made_and_waits() -> None:
    async with a_cloud() as here:
        job = await here.run(await deploy_vm.begin(a_new_vm(start=False), ANN, here.cloud))

        vm = await here.vm(job.instance_id)
        assert (job.state, vm.state, vm.wanted_running, vm.epoch) == (JobState.SUCCEEDED, VmState.STOPPED, False, 0)


async def test_two_vms_have_two_addresses() -> None:
    async with a_cloud() as here:
        jobs = [await deploy_vm.begin(a_new_vm(name=name), ANN, here.cloud) for name in ("one", "two")]

        vms = [await here.vm(job.instance_id) for job in jobs]

        assert [vm.nics[0].ip for vm in vms] == ["10.1.0.10", "10.1.0.11"]


async def test_an_address_can_be_asked_for_once() -> None:
    async with a_cloud() as here:
        await deploy_vm.begin(a_new_vm(ip="10.1.0.77"), ANN, here.cloud)

        with pytest.raises(InvalidParameter, match=r"ipaddress.*10\.1\.0\.77 is taken"):
            await deploy_vm.begin(a_new_vm(ip="10.1.0.77"), ANN, here.cloud)


async def test_a_host_that_cannot_is_followed_by_the_next() -> None:
    async with a_cloud() as here:
        here.host(1).twist("start", Say(refused("no-lease")))

        job = await here.run(await deploy_vm.begin(a_new_vm(), ANN, here.cloud))

        vm = await here.vm(job.instance_id)
        assert here.world.where_runs(vm.id) == ["h2"]
        assert vm.epoch == 2


async def test_a_host_that_cannot_make_the_disk_is_followed_by_the_next() -> None:
    async with a_cloud() as here:
        here.host(1).twist("make", Say(failed("storage-fails")))

        job = await here.run(await deploy_vm.begin(a_new_vm(), ANN, here.cloud))

        assert here.world.where_runs(job.instance_id) == ["h2"]
        assert (await here.vm(job.instance_id)).epoch == 1


async def test_a_lost_answer_is_asked_for_and_no_other_host_is_tried() -> None:
    async with a_cloud() as here:
        here.host(1).twist("make", Silence())
        here.host(1).twist("start", Silence())

        job = await here.run(await deploy_vm.begin(a_new_vm(), ANN, here.cloud))

        assert here.world.where_runs(job.instance_id) == ["h1"]
        assert here.host(2).orders == []


async def test_while_a_host_does_not_answer_the_vm_is_starting_there_and_nowhere_else() -> None:
    async with a_cloud() as here:
        here.host(1).twist("start", *[Deaf()] * 3)
        job = await deploy_vm.begin(a_new_vm(), ANN, here.cloud)

        job = await here.run(job)

        assert here.site.clock.monotonic() > 3 * here.cloud.settings.order_deadline_seconds
        assert here.host(2).orders == []
        assert here.world.where_runs(job.instance_id) == ["h1"]


async def test_what_no_host_can_start_is_in_error_with_the_reason_and_without_disks() -> None:
    async with a_cloud() as here:
        for number in (1, 2):
            here.host(number).twist("start", Say(failed("hypervisor-refused", "no such machine type")))

        job = await here.run(await deploy_vm.begin(a_new_vm(), ANN, here.cloud))

        vm = await here.vm(job.instance_id)
        assert (job.state, job.result_code, vm.state, vm.wanted_running) == (JobState.FAILED, 533, VmState.ERROR, False)
        assert "h1 (already-tried: need a host not yet tried, have failed (hypervisor-refused" in str(
            job.result["errortext"]
        )
        assert await here.cloud.store.volumes.find(LIVE) == []
        assert here.world.volumes == {}


async def test_a_cloud_without_room_says_of_each_host_what_it_lacks() -> None:
    async with a_cloud() as here:
        for number in range(27):
            await here.run(await deploy_vm.begin(a_new_vm(name=f"vm{number}"), ANN, here.cloud))
        last = await here.run(await deploy_vm.begin(a_new_vm(name="last"), ANN, here.cloud))

        text = str(last.result["errortext"])

        assert last.result_code == 533
        assert "h1 (" in text
        assert "h2 (" in text
        assert "cluster-cpu-threshold: need 1000, have 200" in text


BAD: list[tuple[str, dict[str, Any]]] = [
    ("serviceofferingid", {"service_offering_id": OfferingId("nothing")}),
    ("templateid", {"template_id": TemplateId("nothing")}),
    ("name", {"name": "<b>web</b>"}),
    ("displayname", {"display_name": "<script>"}),
    ("hypervisor", {"hypervisor": "VMware"}),
    ("rootdisksize", {"root_disk_gib": 0}),
    ("hostid", {"wish": Wish(host_id=HostId("nothing"), by_root=True)}),
    ("ipaddress", {"ip": "10.9.9.9"}),
]


@pytest.mark.parametrize(("field", "bad"), BAD, ids=[row[0] for row in BAD])
async def test_bad_input_is_named_by_its_field_and_leaves_nothing(field: str, bad: dict[str, Any]) -> None:
    async with a_cloud() as here:
        with pytest.raises(InvalidParameter, match=field):
            await deploy_vm.begin(a_new_vm(**bad), ANN, here.cloud)

        assert await nothing_was_written(here)


async def test_more_memory_than_any_host_has_is_refused_at_once() -> None:
    async with a_cloud() as here:
        small = await here.cloud.store.service_offerings.by_id(OFFERING)
        await here.cloud.store.service_offerings.swap(small, replace(small, memory_mib=999_999))

        with pytest.raises(InvalidParameter, match=r"999999 MiB of memory; the largest host, h2, offers 16384 MiB"):
            await deploy_vm.begin(a_new_vm(), ANN, here.cloud)


async def test_a_disabled_zone_takes_the_root_administrator_s_vms_alone() -> None:
    async with a_cloud() as here:
        zone = await here.cloud.store.zones.by_id(ZONE)
        await here.cloud.store.zones.swap(zone, replace(zone, allocation_state=AllocationState.DISABLED))

        with pytest.raises(PermissionDenied):
            await deploy_vm.begin(a_new_vm(), ANN, here.cloud)
        by_root = Wish(by_root=True, pod_id=POD)
        job = await here.run(await deploy_vm.begin(a_new_vm(wish=by_root), ANN, here.cloud))

        assert job.state is JobState.SUCCEEDED


async def an_iso(here: Here, **changes: object) -> TemplateId:
    known = await here.cloud.store.templates.by_id(TEMPLATE)
    iso = replace(known, id=TemplateId("iso"), name="installer", url="file:///images/installer.iso", **changes)  # type: ignore[arg-type]
    return (await here.cloud.store.templates.add(replace(iso, is_iso=True, format="ISO"))).id


async def test_from_an_iso_a_guest_boots_with_a_blank_disk_beside_it() -> None:
    async with a_cloud() as here:
        asked = a_new_vm(template_id=await an_iso(here), data_disk_gib=5)

        job = await here.run(await deploy_vm.begin(asked, ANN, here.cloud))

        vm = await here.vm(job.instance_id)
        [root] = await here.cloud.store.volumes.find(eq("vm_id", vm.id))
        assert (vm.state, vm.iso_id) == (VmState.RUNNING, "iso")
        assert (root.type, root.format, root.size_bytes) == ("ROOT", "qcow2", 5 << 30)
        disk, medium = disks(guest_order(vm, await belongings(vm, here.cloud.store), here.cloud))
        assert (disk.backing_path, disk.read_only) == (None, False)
        assert (medium.path, medium.read_only) == ("/images/installer.iso", True)


@pytest.mark.parametrize(
    ("wish", "iso", "field"),
    [({}, {}, "diskofferingid"), ({"data_disk_gib": 5}, {"bootable": False}, "templateid")],
)
async def test_an_iso_needs_a_size_for_its_disk_and_must_be_bootable(
    wish: dict[str, int], iso: dict[str, bool], field: str
) -> None:
    async with a_cloud() as here:
        asked = a_new_vm(template_id=await an_iso(here, **iso), **wish)

        with pytest.raises(InvalidParameter) as refused:
            await deploy_vm.begin(asked, ANN, here.cloud)

        assert refused.value.field == field
