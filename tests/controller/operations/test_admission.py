"""An agent is let in when its hosts are ours and the database answers; otherwise it is told when to come again, or why it may not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mainstay_controller.domain.ids import HostId
from mainstay_controller.domain.states import HostState
from mainstay_controller.fleet.gate import Orientation, TurnedAway
from mainstay_controller.operations.hosts.admit_host import HostGate
from mainstay_controller.store.port import Unreachable
from tests.kit.small_cloud import Here, a_cloud, a_controller, a_site
from tests.kit.wishes import a_running_vm


class Database:
    """Away while `away`."""

    away = False

    async def before(self, _call: str) -> None:
        if self.away:
            raise Unreachable("the database does not answer")


async def test_while_the_database_is_away_an_agent_is_asked_to_come_again() -> None:
    site, database = await a_site(hosts=1), Database()
    here = await a_controller(site, before=database.before)
    gate, arrival = HostGate(here.cloud), here.cloud.fleet.arrival(HostId("h1"))
    assert arrival is not None

    database.away = True
    first = await gate.admit((arrival,))
    database.away = False
    again = await gate.admit((arrival,))

    assert isinstance(first, TurnedAway)
    assert (first.code, first.retry_after_seconds) == ("overloaded", 1.0)
    assert isinstance(again, Orientation)


# --- another machine under a host's name ----------------------------------------------------------------------------------

H1 = HostId("h1")
OURS, ANOTHER = "4c4c4544-0042", "4c4c4544-0099"


async def arriving(here: Here, machine_id: str, boot_id: str) -> Orientation | TurnedAway:
    arrival = here.cloud.fleet.arrival(H1)
    assert arrival is not None
    return await HostGate(here.cloud).admit((replace(arrival, machine_id=machine_id, boot_id=boot_id),))


async def known_as(here: Here, **changes: object) -> None:
    row = await here.cloud.store.hosts.by_id(H1)
    await here.cloud.store.hosts.swap(row, replace(row, **changes))  # type: ignore[arg-type]


async def test_a_copy_of_a_host_s_disks_is_turned_away_while_the_host_may_run_guests() -> None:
    async with a_cloud(hosts=1) as here:
        vm = await a_running_vm(here)
        await known_as(here, machine_id=OURS, state=HostState.ALERT)
        before = await here.cloud.store.hosts.by_id(H1)

        told = await arriving(here, ANOTHER, boot_id="boot of the copy")

        assert isinstance(told, TurnedAway)
        assert told.code == "another-machine"
        assert await here.cloud.store.hosts.by_id(H1) == before
        assert (await here.vm(vm.id)).host_id == H1
        assert (await here.cloud.fleet.inbox.take()).has_a_twin


@pytest.mark.parametrize("state", [HostState.UP, HostState.CONNECTING])
async def test_and_while_the_host_lives(state: HostState) -> None:
    async with a_cloud(hosts=1) as here:
        await known_as(here, machine_id=OURS, state=state)

        assert isinstance(await arriving(here, ANOTHER, boot_id="boot of the copy"), TurnedAway)


async def test_a_host_whose_machine_was_replaced_is_let_in_once_no_guest_is_left_on_it() -> None:
    async with a_cloud(hosts=1) as here:
        await known_as(here, machine_id=OURS, state=HostState.DOWN)

        assert isinstance(await arriving(here, ANOTHER, boot_id="boot-2"), Orientation)
        host = await here.cloud.store.hosts.by_id(H1)
        assert (host.machine_id, host.boot_id) == (ANOTHER, "boot-2")


@pytest.mark.parametrize(("known", "told"), [(OURS, OURS), ("", ANOTHER), (OURS, "")])
async def test_the_same_machine_is_let_in_with_its_guests_and_so_is_one_that_has_no_number(
    known: str, told: str
) -> None:
    async with a_cloud(hosts=1) as here:
        await a_running_vm(here)
        await known_as(here, machine_id=known)

        assert isinstance(await arriving(here, told, boot_id="boot-2"), Orientation)
        assert (await here.cloud.store.hosts.by_id(H1)).machine_id == (told or known)
