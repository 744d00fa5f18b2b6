"""A guest stops on a host that lives: who starts it again, where, and when nobody does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from mainstay_controller.domain.states import DecisionOutcome, IncidentPhase, VmState
from mainstay_controller.operations.alerting.close_alerts import close_alerts
from mainstay_controller.store.port import eq
from tests.kit.whole_cloud import a_whole_cloud


async def test_a_crashed_guest_is_restarted_by_its_own_host_and_that_is_written_down() -> None:
    async with a_whole_cloud(hosts=2) as site:
        await site.vm("v1", on="h1")

        site.world.crash_guest("v1")
        await site.passes(5)

        assert site.writers("v1") == ["h1"]
        assert ((await site.row("v1")).state, (await site.row("v1")).epoch) == (VmState.RUNNING, 1)
        [decision] = await site.decisions("v1")
        assert (decision.rule, decision.outcome) == ("standing-authority", DecisionOutcome.RESTARTED)
        [incident] = await site.incidents()
        assert incident.phase is IncidentPhase.CLOSED


async def test_a_guest_whose_host_has_no_more_budget_is_restarted_by_the_controller() -> None:
    async with a_whole_cloud(hosts=2) as site:
        await site.vm("v1", on="h1")

        for _ in range(6):
            site.world.crash_guest("v1")
            await site.passes(6)

        await site.until_closed()
        vm = await site.row("v1")
        assert (vm.state, vm.epoch) == (VmState.RUNNING, 2)
        rules = [decision.rule for decision in await site.decisions("v1")]
        assert rules == ["standing-authority"] * 5 + ["guest-died"]


async def test_a_guest_that_shut_itself_down_stays_down() -> None:
    async with a_whole_cloud(hosts=2) as site:
        await site.vm("v1", on="h1")
        await site.passes(5)

        site.world.shut_down_guest("v1")
        await site.until_closed()

        vm = await site.row("v1")
        assert (vm.state, vm.host_id) == (VmState.STOPPED, None)
        assert vm.stop_reason == "it shut itself down, which is not a crash"
        [decision] = await site.decisions("v1")
        assert (decision.rule, decision.outcome) == ("guest-shutdown", DecisionOutcome.LEFT_STOPPED)


async def test_a_guest_that_shut_itself_down_is_started_again_where_its_offering_says_so() -> None:
    async with a_whole_cloud(hosts=2) as site:
        await site.vm("v1", on="h1", restart_after_guest_shutdown=True)
        await site.passes(5)

        site.world.shut_down_guest("v1")
        await site.passes(10)

        assert (await site.row("v1")).state is VmState.RUNNING
        assert len(site.writers("v1")) == 1


async def test_a_guest_that_an_outsider_destroyed_is_started_again_by_the_controller() -> None:
    async with a_whole_cloud(hosts=2) as site:
        await site.vm("v1", on="h1")

        site.world.destroy_by_outsider("v1")
        await site.passes(10)

        vm = await site.row("v1")
        assert (vm.state, vm.epoch) == (VmState.RUNNING, 2)
        [decision] = await site.decisions("v1")
        assert decision.proof["kind"] == "acknowledged"


async def test_a_crashed_guest_without_ha_is_shown_stopped() -> None:
    async with a_whole_cloud(hosts=2) as site:
        await site.vm("plain", on="h1", ha_enabled=False)

        site.world.crash_guest("plain")
        await site.until_closed()

        vm = await site.row("plain")
        assert (vm.state, vm.stop_reason) == (VmState.STOPPED, "its offering does not ask for HA")


async def test_a_guest_that_stops_while_its_last_recovery_is_being_closed_is_not_overlooked() -> None:
    async with a_whole_cloud(hosts=2) as site:
        await site.vm("v1", on="h1")
        site.world.destroy_by_outsider("v1")

        async def runs_again() -> bool:
            return (await site.row("v1")).epoch == 2 and bool(site.writers("v1"))

        await site.until(runs_again, 30)
        site.world.shut_down_guest("v1")
        await site.passes(15)

        vm = await site.row("v1")
        assert (vm.state, vm.host_id) == (VmState.STOPPED, None)
        await site.until_closed()


async def test_a_guest_that_stops_again_and_again_is_an_alert_until_it_rests() -> None:
    async with a_whole_cloud(hosts=2) as site:
        await site.vm("v1", on="h1")
        loops: list[int] = []

        for _ in range(6):
            site.world.crash_guest("v1")
            await site.passes(6)
            loops.append(len(await site.cloud.store.alerts.find(eq("dedupe_key", "crash-loop:v1"))))
        await site.until_closed()

        [alert] = await site.cloud.store.alerts.find(eq("dedupe_key", "crash-loop:v1"))
        assert loops == [0, 0, 0, 0, 1, 1]
        assert (alert.state, alert.count) == ("Open", 2)
        assert alert.subject.startswith("VM v1 stopped unexpectedly 6 times within 60 minutes")
        for decision in await site.decisions("v1"):
            earlier = replace(decision, created=decision.created - timedelta(hours=1))
            await site.cloud.store.decisions.swap(decision, earlier)
        await close_alerts(site.cloud)
        assert (await site.cloud.store.alerts.by_id(alert.id)).state == "Resolved"
