"""A host dies, and its guests come back elsewhere - once, and only with proof."""

from __future__ import annotations

from mainstay_controller.domain.records import Decision
from mainstay_controller.domain.states import DecisionOutcome, HostState, IncidentPhase, VmState
from tests.kit.whole_cloud import Site, a_whole_cloud


def names(decision: Decision) -> list[object]:
    return [phase["name"] for phase in decision.phases]


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
        assert names(decision) == ["released", "ordered", "running"]


async def test_what_its_user_told_it_is_told_again_where_it_runs_next() -> None:
    async with a_whole_cloud(hosts=3) as site:
        vm = await site.vm("v1", on="h1", user_data="aGVsbG8=", public_key="ssh-ed25519 AAAA", key_pair="laptop")

        site.machine("h1").power_off()
        await site.until_running_elsewhere("v1", than="h1")

        [host_id] = site.writers("v1")
        copy = site.machine(host_id).living(vm.id)
        assert copy is not None
        assert copy.spec.drive is not None
        told = {name: file.content for file in copy.spec.drive.files for name in file.names}
        assert told["openstack/latest/user_data"] == "aGVsbG8="
        assert "cloudstack/metadata/public-keys.txt" in told


async def test_a_power_controller_that_says_off_spares_the_wait_for_the_lease() -> None:
    async with a_whole_cloud(hosts=3, bmcs=True) as site:
        await site.vm("v1", on="h1")

        site.machine("h1").power_off()
        seconds = await site.until_running_elsewhere("v1", than="h1")

        assert seconds < 9
        [incident] = await site.incidents()
        assert incident.proof["kind"] == "powered-off"


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


async def test_a_guest_on_local_storage_waits_for_its_host_and_says_so() -> None:
    async with a_whole_cloud(hosts=3) as site:
        await site.vm("local", on="h1", local=True)

        site.machine("h1").power_off()
        await site.passes(30)

        [waiting] = await site.decisions("local")
        assert (waiting.decision, waiting.rule, waiting.outcome) == ("wait", "no-proof", DecisionOutcome.PENDING)
        assert (await site.row("local")).host_id == "h1"

        site.machine("h1").power_on()
        await site.until_closed()

        [decision] = await site.decisions("local")
        assert decision.outcome is DecisionOutcome.RESTARTED
        assert decision.proof["kind"] == "rebooted"
        assert names(decision) == ["waiting", "released", "ordered", "running"]
        assert (await site.row("local")).host_id == "h1"


async def test_a_guest_on_local_storage_whose_host_is_shown_off_says_where_its_disk_is() -> None:
    async with a_whole_cloud(hosts=3, bmcs=True) as site:
        await site.vm("local", on="h1", local=True)

        site.machine("h1").power_off()
        await site.passes(30)

        [decision] = await site.decisions("local")
        assert decision.outcome is DecisionOutcome.WAITING_FOR_CAPACITY
        reasons = {each["target_name"]: each["rejected_by"][0]["code"] for each in decision.alternatives}  # type: ignore[index, call-overload]
        assert reasons == {"h1": "host-not-up", "h2": "pool-unreachable", "h3": "pool-unreachable"}
        assert decision.phases[-1]["text"] == "its disk is on h1, which is Down"

        site.machine("h1").power_on()
        await site.until_closed()

        assert (await site.row("local")).state is VmState.RUNNING


async def test_no_room_anywhere_is_waited_out_and_told() -> None:
    async with a_whole_cloud(hosts=3) as site:
        await site.vm("big", on="h1", memory_mib=12000)
        await site.vm("b2", on="h2", memory_mib=12000)
        await site.vm("b3", on="h3", memory_mib=12000)

        site.machine("h1").power_off()
        await site.passes(40)

        [decision] = await site.decisions("big")
        assert decision.outcome is DecisionOutcome.WAITING_FOR_CAPACITY
        full = {each["target_name"]: each["rejected_by"] for each in decision.alternatives}
        assert full["h2"] == [{"code": "memory-full", "need": 12000, "have": 4384}]
        assert decision.phases[-1]["text"] == "no host has room"

        site.machine("h1").power_on()
        await site.until_closed()

        assert (await site.row("big")).state is VmState.RUNNING


async def test_a_guest_whose_user_stopped_it_during_recovery_stays_stopped() -> None:
    async with a_whole_cloud(hosts=2) as site:
        await site.vm("big", on="h1", memory_mib=12000)
        await site.vm("b2", on="h2", memory_mib=12000)
        site.machine("h1").power_off()
        await site.passes(30)

        await change_mind(site, "big")
        site.machine("h1").power_on()
        await site.until_closed(120)

        assert (await site.row("big")).state is VmState.STOPPED
        [decision] = await site.decisions("big")
        assert (decision.rule, decision.outcome) == ("not-wanted", DecisionOutcome.LEFT_STOPPED)


async def change_mind(site: Site, vm_id: str) -> None:
    from dataclasses import replace

    vm = await site.row(vm_id)
    await site.store.vms.swap(vm, replace(vm, wanted_running=False))


async def test_system_machines_come_first_and_then_the_higher_priority() -> None:
    async with a_whole_cloud(hosts=2) as site:
        await site.vm("b2", on="h2", memory_mib=8000)
        await site.vm("low", on="h1", memory_mib=4000)
        await site.vm("high", on="h1", memory_mib=4000, priority=5)
        await site.vm("router", on="h1", memory_mib=4000, type="DomainRouter")

        site.machine("h1").power_off()
        await site.passes(40)

        assert (await site.row("router")).state is VmState.RUNNING
        assert (await site.row("high")).state is VmState.RUNNING
        assert (await site.row("low")).state is VmState.STOPPED


async def test_a_start_that_fails_is_tried_elsewhere() -> None:
    async with a_whole_cloud(hosts=3) as site:
        await site.vm("v1", on="h1")
        site.machine("h2").starts_to_fail = 1
        site.machine("h3").starts_to_fail = 1

        site.machine("h1").power_off()
        await site.until_running_elsewhere("v1", than="h1", within_seconds=90)

        [decision] = await site.decisions("v1")
        assert names(decision) == ["released", "ordered", "failed", "ordered", "failed", "ordered", "running"] or (
            names(decision).count("failed") <= 2
        )
        assert (await site.row("v1")).epoch == 2 + names(decision).count("failed")


async def test_of_several_that_die_at_once_none_is_waited_for_as_a_witness() -> None:
    async with a_whole_cloud(hosts=8) as site:
        slots = await site.store.lease_slots.find(order_by="slot")
        dying = [slot.host_id for slot in slots][:5]  # those who are asked first
        for name in dying:
            await site.vm(f"vm-{name}", on=name)

        for name in dying:
            site.machine(name).power_off()

        for name in dying:
            await site.until_running_elsewhere(f"vm-{name}", than=name)
