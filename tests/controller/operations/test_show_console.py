"""A guest's screen is shown as long as the guest runs where it ran and its viewer may look; a host that does not show it is named."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from mainstay_controller.domain.ids import HostId
from mainstay_controller.domain.records import Account, ConsoleTicket, User, Vm
from mainstay_controller.domain.roles import Role
from mainstay_controller.domain.states import ENABLED, VmState
from mainstay_controller.operations.errors import ResourceUnavailable
from mainstay_controller.operations.vms.show_console import Over, Shown, shown
from tests.kit.showing_hosts import Mirror
from tests.kit.small_cloud import ANN, DOMAIN, Here, a_cloud
from tests.kit.told_hosts import Say, refused
from tests.kit.virtual_time import BEGINNING
from tests.kit.wishes import a_running_vm

Change = Callable[[Here, Vm], Awaitable[object]]


async def ann(here: Here) -> None:
    account = Account(id=ANN.account_id, name="ann", created=BEGINNING, domain_id=DOMAIN, role=Role.USER, state=ENABLED)
    await here.cloud.store.accounts.add(account)
    user = User(id=ANN.user_id, username="ann", created=BEGINNING, account_id=ANN.account_id, domain_id=DOMAIN)
    await here.cloud.store.users.add(replace(user, state=ENABLED))


def a_ticket(vm: Vm) -> ConsoleTicket:
    return ConsoleTicket(
        id="t", vm_id=vm.id, user_id=ANN.user_id, created=BEGINNING, expires=BEGINNING + timedelta(seconds=120)
    )


async def stops(here: Here, vm: Vm) -> object:
    return await here.cloud.store.vms.swap(vm, replace(vm, state=VmState.STOPPED, host_id=None))


async def moves(here: Here, vm: Vm) -> object:
    return await here.cloud.store.vms.swap(vm, replace(vm, host_id=HostId("another"), epoch=vm.epoch + 1))


async def is_restarted(here: Here, vm: Vm) -> object:
    return await here.cloud.store.vms.swap(vm, replace(vm, epoch=vm.epoch + 1))


async def is_forbidden(here: Here, _vm: Vm) -> object:
    user = await here.cloud.store.users.by_id(ANN.user_id)
    return await here.cloud.store.users.swap(user, replace(user, state="disabled"))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (stops, "the guest runs no longer"),
        (moves, "the guest runs elsewhere now"),
        (is_restarted, "the guest runs elsewhere now"),
        (is_forbidden, "the user may not look any more"),
    ],
)
async def test_a_screen_is_shown_until_something_changes(change: Change, why: str) -> None:
    async with a_cloud() as here:
        await ann(here)
        vm = await a_running_vm(here)
        screen = Shown(ticket=a_ticket(vm), vm=vm, line=Mirror())
        await change(here, vm)

        with pytest.raises(Over, match=why):
            await screen.watch(here.cloud)


async def test_a_host_that_does_not_show_it_is_named_with_its_reason() -> None:
    async with a_cloud() as here:
        await ann(here)
        vm = await a_running_vm(here)
        for host in here.site.hosts:
            host.twist("screen", Say(refused("too-many-screens", "64 of them")))

        for why in ("too-many-screens 64 of them", "its line did not come here"):
            with pytest.raises(ResourceUnavailable, match=why):
                async with shown(a_ticket(vm), here.cloud):
                    raise AssertionError("nothing is shown")

        assert len(here.cloud.fleet.screens) == 0
