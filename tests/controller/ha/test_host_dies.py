"""A host dies, and its guests come back elsewhere - once, and only with proof."""

from __future__ import annotations

from mainstay_controller.domain.states import DecisionOutcome, HostState, IncidentPhase, VmState
from tests.kit.whole_cloud import a_whole_cloud


async def test_guests_of_a_host_that_lost_power_run_elsewhere_after_its_lease_expired() -> None:
    async with a_whole_cloud(hosts=3) as site:
        await site.vm("v1", on="h1")

        site.machine("h1").power_off()
        seconds = await site.until_running_elsewhere("v1", than="h1")

        assert 12.5 < seconds < 14.5
        assert site.writers("v1") == [(await site.row("v1")).host_id]
        assert (await site.row("v1")).epoch == 2
        assert (await site.host("h1")).state is HostState.DOWN
        await site.until_closed()
        [incident] = await site.incidents()
        assert incident.phase is IncidentPhase.CLOSED
        assert incident.proof["kind"] == "lease-expired"
        assert incident.proof["witnesses"] == ["h2", "h3"]
        [decision] = await site.decisions("v1")
        assert decision.outcome is DecisionOutcome.RESTARTED
        assert [phase["name"] for phase in decision.phases] == ["released", "ordered", "running"]


async def test_a_guest_without_ha_is_shown_stopped_with_the_reason() -> None:
    async with a_whole_cloud(hosts=3) as site:
        await site.vm("plain", on="h1", ha_enabled=False)

        site.machine("h1").power_off()
        await site.passes(20)

        vm = await site.row("plain")
        assert (vm.state, vm.host_id) == (VmState.STOPPED, None)
        assert vm.stop_reason == "its offering does not ask for HA"
        [decision] = await site.decisions("plain")
        assert (decision.rule, decision.outcome) == ("ha-off", DecisionOutcome.LEFT_STOPPED)
