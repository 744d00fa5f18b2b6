"""The controller dies in the middle of a recovery, and another life of it, or another controller, sees it through - once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from mainstay_controller.domain.states import DecisionOutcome, HostState, IncidentPhase, VmState
from tests.kit.whole_cloud import Site, a_whole_cloud

Moment = Callable[[Site], Awaitable[bool]]


async def is_suspect(site: Site) -> bool:
    return (await site.host("h1")).state is HostState.ALERT


async def is_investigated(site: Site) -> bool:
    return [incident.phase for incident in await site.incidents()] == [IncidentPhase.INVESTIGATING]


async def is_proven(site: Site) -> bool:
    return (await site.host("h1")).state is HostState.DOWN


async def is_starting(site: Site) -> bool:
    return (await site.row("v1")).state is VmState.STARTING


async def runs_again(site: Site) -> bool:
    vm = await site.row("v1")
    return vm.state is VmState.RUNNING and vm.epoch == 2


MOMENTS: list[Moment] = [is_suspect, is_investigated, is_proven, is_starting, runs_again]


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment.__name__)
@pytest.mark.parametrize("successor", ["c1", "c2"])
async def test_recovery_is_finished_by_the_next(moment: Moment, successor: str) -> None:
    async with a_whole_cloud(hosts=3) as site:
        await site.vm("v1", on="h1")
        site.machine("h1").power_off()
        await site.until(lambda: moment(site), 60)

        await site.controllers["c1"].stop()
        await site.passes(3)
        await site.start_controller(successor)
        await site.until_closed(180)

        vm = await site.row("v1")
        assert (vm.state, vm.epoch) == (VmState.RUNNING, 2)
        assert site.writers("v1") == [vm.host_id]
        [decision] = await site.decisions("v1")
        assert decision.outcome is DecisionOutcome.RESTARTED


async def test_all_controllers_away_for_ten_minutes_harm_nobody() -> None:
    async with a_whole_cloud(hosts=3) as site:
        await site.vm("v1", on="h1")
        await site.vm("v2", on="h2")

        await site.controllers["c1"].stop()
        await site.passes(300)
        site.world.crash_guest("v2")
        await site.passes(300)
        assert (site.writers("v1"), site.writers("v2")) == (["h1"], ["h2"])
        await site.start_controller("c1")
        await site.passes(120)

        assert [incident.trigger for incident in await site.incidents() if incident.vm_id is None] == []
        assert {(await site.host(name)).state for name in site.world.hosts} == {HostState.UP}
        assert [(await site.row(name)).epoch for name in ("v1", "v2")] == [1, 1]


async def test_total_loss_of_power_and_its_return_brings_every_guest_back() -> None:
    async with a_whole_cloud(hosts=3) as site:
        for number in range(1, 7):
            await site.vm(f"v{number}", on=f"h{number % 3 + 1}")

        for host in site.world.hosts.values():
            host.power_off()
        await site.passes(60)
        for host in site.world.hosts.values():
            host.power_on()
        await site.until_closed(180)

        states = {(await site.row(f"v{number}")).state for number in range(1, 7)}
        assert states == {VmState.RUNNING}


async def test_a_host_that_reboots_before_anybody_missed_it_gets_its_guests_again() -> None:
    async with a_whole_cloud(hosts=3) as site:
        await site.vm("v1", on="h1")

        site.machine("h1").power_off()
        await site.passes(0.1)
        site.machine("h1").power_on()
        await site.until_closed()

        vm = await site.row("v1")
        assert (vm.state, vm.epoch) == (VmState.RUNNING, 2)
        [incident] = await site.incidents()
        assert incident.proof["kind"] == "rebooted"
