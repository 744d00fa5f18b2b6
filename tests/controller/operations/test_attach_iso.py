"""An ISO is given to a guest that runs by an order, to one that does not with its next start; a host that did not do it has it put back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mainstay_controller.domain.ids import TemplateId
from mainstay_controller.domain.records import Job, Template, Vm
from mainstay_controller.domain.states import JobState, VmState
from mainstay_controller.operations.errors import InvalidParameter, ResourceInUse
from mainstay_controller.operations.storage.register_template import ISO, NewTemplate, register_template
from mainstay_controller.operations.vms import attach_iso
from mainstay_proto.messages import ChangeMedium, CheckPool, StartGuest
from tests.kit.small_cloud import ANN, DOMAIN, ZONE, Here, a_cloud
from tests.kit.told_hosts import UNKNOWN, Deaf, DoButSay, Say, Silence, failed, refused
from tests.kit.virtual_time import BEGINNING
from tests.kit.wishes import a_running_vm, a_stopped_vm, start

RESCUE = Template(
    id=TemplateId("rescue"),
    name="rescue",
    display_text="rescue",
    created=BEGINNING,
    account_id=ANN.account_id,
    domain_id=DOMAIN,
    url="file:///images/rescue.iso",
    is_iso=True,
    is_ready=True,
)


async def attach(here: Here, vm: Vm) -> Job:
    if await here.cloud.store.templates.get(RESCUE.id) is None:
        await here.cloud.store.templates.add(RESCUE)
    return await here.run(await attach_iso.begin_attach(RESCUE, vm, ANN, here.cloud))


async def detach(here: Here, vm: Vm) -> Job:
    return await here.run(await attach_iso.begin_detach(vm, ANN, here.cloud))


def media_told(here: Here) -> list[str | None]:
    orders = [order for order in here.host(1).orders if isinstance(order, ChangeMedium)]
    return [order.medium.path if order.medium else None for order in orders]


async def test_a_guest_that_runs_is_given_it_and_loses_it_at_once() -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here)

        attached = await attach(here, vm)
        detached = await detach(here, await here.vm(vm.id))

        assert (attached.state, detached.state) == (JobState.SUCCEEDED, JobState.SUCCEEDED)
        assert media_told(here) == ["/images/rescue.iso", None]
        events = {(event.type, event.state) for event in await here.cloud.store.events.find()}
        assert {each for each in events if each[0].startswith("ISO.")} == {
            (f"ISO.{verb}", state) for verb in ("ATTACH", "DETACH") for state in ("Scheduled", "Started", "Completed")
        }


async def test_one_that_is_stopped_has_it_from_its_next_start() -> None:
    async with a_cloud() as here:
        vm = await a_stopped_vm(here)

        await attach(here, vm)
        await here.run(await start(here, await here.vm(vm.id)))

        assert media_told(here) == []
        spec = [order.spec for order in here.host(1).orders if isinstance(order, StartGuest)][-1]
        assert [medium.path for medium in spec.media] == ["/images/rescue.iso"]


@pytest.mark.parametrize(
    "answer", [refused("no-drive"), refused("unknown-order"), failed("hypervisor-refused", "locked")]
)
async def test_a_host_that_did_not_do_it_has_it_put_back(answer: object) -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here)
        here.host(1).twist("medium", Say(answer))  # type: ignore[arg-type]

        job = await attach(here, vm)

        assert (job.state, (await here.vm(vm.id)).iso_id) == (JobState.FAILED, None)
        assert "is not changed" in str(job.result["errortext"])


@pytest.mark.parametrize("twist", [Silence(), Deaf(), DoButSay(UNKNOWN)], ids=lambda twist: type(twist).__name__)
async def test_an_unclear_end_is_asked_about_until_it_is_known(twist: object) -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here)
        here.host(1).twist("medium", twist)  # type: ignore[arg-type]

        job = await attach(here, vm)

        assert (job.state, (await here.vm(vm.id)).iso_id) == (JobState.SUCCEEDED, "rescue")


async def test_an_iso_is_looked_at_by_a_host_before_it_is_registered() -> None:
    async with a_cloud() as here:
        new = NewTemplate(
            name="installer",
            display_text="installer",
            url="file:///images/installer.iso",
            format=ISO,
            hypervisor="KVM",
            account_id=ANN.account_id,
            domain_id=DOMAIN,
            zone_id=ZONE,
            by_root=True,
        )

        iso = await register_template(new, here.cloud)

        [look] = [order for order in here.host(1).orders if isinstance(order, CheckPool)]
        assert (look.image_path, iso.is_ready) == ("/images/installer.iso", True)


async def test_a_second_iso_and_one_for_another_hypervisor_are_refused() -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here)
        await attach(here, vm)

        with pytest.raises(ResourceInUse):
            await attach_iso.begin_attach(RESCUE, await here.vm(vm.id), ANN, here.cloud)
        with pytest.raises(InvalidParameter, match="id"):
            await attach_iso.begin_attach(replace(RESCUE, hypervisor="VMware"), vm, ANN, here.cloud)


async def test_a_guest_that_is_being_started_keeps_what_it_was_ordered_with() -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here)
        starting = await here.cloud.store.vms.swap(vm, replace(vm, state=VmState.STARTING))

        with pytest.raises(ResourceInUse, match="Running or Stopped"):
            await attach_iso.begin_attach(RESCUE, starting, ANN, here.cloud)


async def test_a_guest_whose_host_dies_meanwhile_has_it_from_its_next_start() -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here)
        await here.host(1).die()
        await here.prove_dead(here.host(1))

        job = await attach(here, await here.vm(vm.id))

        assert (job.state, (await here.vm(vm.id)).iso_id) == (JobState.SUCCEEDED, "rescue")
