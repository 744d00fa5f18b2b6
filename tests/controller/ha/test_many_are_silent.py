"""Far more hosts are silent than can be asked about at a time: each has its turn, and none of them keeps us from the dead."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mainstay_controller.domain.records import Setting
from mainstay_controller.domain.states import HostState, IncidentPhase
from tests.kit.virtual_time import BEGINNING
from tests.kit.whole_cloud import Site, a_whole_cloud


@asynccontextmanager
async def one_at_a_time(hosts: int) -> AsyncIterator[Site]:
    async with a_whole_cloud(hosts=hosts) as site:
        name = "mainstay.investigations.max"
        await site.store.settings.add(Setting(id=f"global::{name}", name=name, value="1", created=BEGINNING))
        await site.passes(10)
        yield site


async def test_a_dead_host_is_found_behind_others_that_only_cannot_be_reached() -> None:
    async with one_at_a_time(hosts=6) as site:
        await site.vm("v1", on="h4")
        for name in ("h1", "h2", "h3"):
            site.machine(name).cut_network()
        await site.passes(10)

        site.machine("h4").power_off()
        seconds = await site.until_running_elsewhere("v1", than="h4")

        assert seconds < 30
        assert [(await site.host(name)).state for name in ("h1", "h4")] == [HostState.ALERT, HostState.DOWN]


async def test_those_who_are_heard_again_before_their_turn_are_called_off_unasked() -> None:
    async with one_at_a_time(hosts=6) as site:
        names = ("h1", "h2", "h3", "h4")
        for name in names:
            site.machine(name).cut_network()
        await site.passes(5)
        asked = [each.host_id for each in await site.incidents() if each.phase is IncidentPhase.INVESTIGATING]

        for name in names:
            site.machine(name).heal_network()
        await site.until_closed()

        assert len(asked) == 1
        assert [(await site.host(name)).state for name in names] == [HostState.UP] * 4
        incidents = await site.incidents()
        assert [incident.phase for incident in incidents] == [IncidentPhase.CLOSED] * len(names)
        assert [incident.host_id for incident in incidents if "asking" in str(incident.timeline)] == asked


async def test_all_of_many_dead_hosts_are_proven_dead_though_one_is_asked_about_at_a_time() -> None:
    async with one_at_a_time(hosts=6) as site:
        for number, name in enumerate(("h1", "h2", "h3")):
            await site.vm(f"v{number}", on=name)

        for name in ("h1", "h2", "h3"):
            site.machine(name).power_off()
        await site.until_running_elsewhere("v0", than="h1")
        await site.until_running_elsewhere("v1", than="h2")
        await site.until_running_elsewhere("v2", than="h3")
        await site.until_closed()

        assert [(await site.host(name)).state for name in ("h1", "h2", "h3")] == [HostState.DOWN] * 3
