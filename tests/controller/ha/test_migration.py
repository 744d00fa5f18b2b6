"""A host dies in the middle of a live migration: the guest is on one of two hosts, and must never be on both."""

from __future__ import annotations

import pytest

from mainstay_controller.domain.ids import HostId
from mainstay_controller.domain.records import Vm
from mainstay_controller.domain.states import VmState
from mainstay_controller.operations.beginning.first_admin import ADMIN_ACCOUNT_ID, ADMIN_USER_ID, create_first_admin
from mainstay_controller.operations.jobs import Asker
from mainstay_controller.operations.vms import migrate_vm
from tests.kit.whole_cloud import Site, a_whole_cloud

ADMIN = Asker(account_id=ADMIN_ACCOUNT_ID, user_id=ADMIN_USER_ID)


async def a_guest_on_the_move(site: Site) -> Vm:
    """From h1 to h2; its memory takes four seconds."""
    await create_first_admin(site.cloud)
    vm = await site.vm("v1", on="h1", memory_mib=4096)
    await migrate_vm.begin(vm.id, ADMIN, site.cloud, host_id=HostId("h2"))

    async def under_way() -> bool:
        return (await site.row("v1")).state is VmState.MIGRATING

    await site.until(under_way, 5)
    return vm


async def settled(site: Site) -> bool:
    vm = await site.row("v1")
    return vm.state is VmState.RUNNING and site.writers("v1") == [vm.host_id]


async def test_it_arrives() -> None:
    async with a_whole_cloud(hosts=3) as site:
        await a_guest_on_the_move(site)

        await site.until(lambda: settled(site), 30)

        vm = await site.row("v1")
        assert (vm.host_id, vm.epoch) == ("h2", 2)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("victim", ["h1", "h2"])
async def test_a_host_killed_on_the_way_leaves_one_guest_running(victim: str, share: float) -> None:
    async with a_whole_cloud(hosts=3) as site:
        await a_guest_on_the_move(site)
        await site.passes(4 * share)

        site.machine(victim).power_off()
        await site.until(lambda: settled(site), 180)
        await site.until_closed(60)

        vm = await site.row("v1")
        assert vm.host_id != victim
        assert site.writers("v1") == [vm.host_id]


async def test_a_lost_acknowledgement_is_settled_by_asking() -> None:
    async with a_whole_cloud(hosts=3) as site:
        site.world.migration_acks_lost = True
        await a_guest_on_the_move(site)

        await site.until(lambda: settled(site), 4000)

        assert (await site.row("v1")).host_id == "h2"
