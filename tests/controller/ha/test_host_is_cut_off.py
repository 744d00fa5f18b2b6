"""A host that we cannot reach may well be alive: what runs there is left alone, or released first."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from mainstay_agent.drivers.simulated.bmc import Manner
from mainstay_agent.drivers.simulated.host import StorageCondition
from mainstay_controller.domain.states import HostState, IncidentPhase, VmState
from mainstay_controller.fleet.power.port import PowerAction
from tests.kit.whole_cloud import CLUSTER, Site, a_whole_cloud


async def test_guests_of_a_host_whose_storage_lives_run_on_under_policy_keep() -> None:
    async with a_whole_cloud(hosts=3) as site:
        await site.vm("v1", on="h1")

        site.machine("h1").cut_network()
        await site.passes(60)

        assert site.writers("v1") == ["h1"]
        assert (await site.host("h1")).state is HostState.ALERT
        [incident] = await site.incidents()
        assert "the policy is keep" in str(incident.timeline[-1]["text"])

        site.machine("h1").heal_network()
        await site.until_closed()

        [incident] = await site.incidents()
        assert "before there was proof" in incident.outcome
        assert (await site.host("h1")).state is HostState.UP
        assert ((await site.row("v1")).host_id, (await site.row("v1")).epoch) == ("h1", 1)


async def test_under_policy_fence_it_is_told_by_poison_to_let_its_guests_go() -> None:
    async with a_whole_cloud(hosts=3, fence_policy="fence") as site:
        await site.vm("v1", on="h1")

        site.machine("h1").cut_network()
        seconds = await site.until_running_elsewhere("v1", than="h1")

        assert seconds < 16
        [incident] = await site.incidents()
        assert incident.proof["kind"] == "released"


async def test_a_poison_of_the_past_says_nothing_of_guests_given_since() -> None:
    async with a_whole_cloud(hosts=3, fence_policy="fence") as site:
        await site.vm("v1", on="h1")
        site.machine("h1").cut_network()
        await site.until_running_elsewhere("v1", than="h1")
        site.machine("h1").heal_network()
        await site.until_closed()
        await site.passes(20)
        await site.vm("v2", on="h1")
        await set_fence_policy(site, "keep")

        site.machine("h1").cut_network()
        await site.passes(60)

        assert site.writers("v2") == ["h1"]
        assert await site.decisions("v2") == []
        assert (await site.host("h1")).state is HostState.ALERT


async def test_a_controller_that_never_heard_the_host_poisons_it_anew() -> None:
    async with a_whole_cloud(hosts=3, fence_policy="fence") as site:
        await site.vm("v1", on="h1")
        site.machine("h1").cut_network()
        await site.until(partial(is_fencing, site), within_seconds=30)

        await site.controllers["c1"].stop()
        await site.start_controller("c2")
        await site.until_running_elsewhere("v1", than="h1", within_seconds=120)

        [incident] = await site.incidents()
        assert incident.proof["kind"] == "released"


async def is_fencing(site: Site) -> bool:
    return [incident.phase for incident in await site.incidents()] == [IncidentPhase.FENCING]


async def set_fence_policy(site: Site, policy: str) -> None:
    cluster = await site.store.clusters.by_id(CLUSTER)
    await site.store.clusters.swap(cluster, replace(cluster, fence_policy=policy))


async def test_a_short_silence_is_a_false_alarm() -> None:
    async with a_whole_cloud(hosts=3, bmcs=True) as site:
        await site.vm("v1", on="h1")

        site.machine("h1").cut_network()
        await site.passes(6)
        site.machine("h1").heal_network()
        await site.until_closed()

        [incident] = await site.incidents()
        assert incident.phase is IncidentPhase.CLOSED
        assert site.powered.ordered == []
        assert site.writers("v1") == ["h1"]


async def test_a_host_cut_off_from_network_and_storage_lets_go_and_its_late_copy_never_writes() -> None:
    async with a_whole_cloud(hosts=3) as site:
        await site.vm("v1", on="h1")

        site.machine("h1").cut_network()
        site.machine("h1").set_storage(StorageCondition.HANGS)
        await site.until_running_elsewhere("v1", than="h1")
        site.machine("h1").heal()
        await site.passes(60)

        assert site.writers("v1") == [(await site.row("v1")).host_id]
        assert (await site.host("h1")).state is HostState.UP


async def test_storage_cut_for_one_host_moves_its_guests_though_it_lives() -> None:
    async with a_whole_cloud(hosts=3) as site:
        await site.vm("v1", on="h1")

        site.machine("h1").set_storage(StorageCondition.HANGS)
        await site.until_running_elsewhere("v1", than="h1", within_seconds=90)
        site.machine("h1").set_storage(StorageCondition.OK)
        await site.passes(60)

        assert site.writers("v1") == [(await site.row("v1")).host_id]


async def test_storage_cut_for_all_kills_nobody() -> None:
    async with a_whole_cloud(hosts=3) as site:
        await site.vm("v1", on="h1")
        boots = [host.boot_id for host in site.world.hosts.values()]

        for name in site.world.hosts:
            site.machine(name).set_storage(StorageCondition.HANGS)
        await site.passes(120)
        for name in site.world.hosts:
            site.machine(name).set_storage(StorageCondition.OK)
        await site.passes(30)

        assert [host.boot_id for host in site.world.hosts.values()] == boots
        assert site.writers("v1") == ["h1"]
        vm = await site.row("v1")
        assert (vm.state, vm.host_id, vm.epoch) == (VmState.RUNNING, "h1", 1)


async def test_a_power_controller_that_lies_is_not_believed_while_neighbours_see_the_host_renew() -> None:
    async with a_whole_cloud(hosts=3, bmcs=True, fence_policy="fence") as site:
        await site.vm("v1", on="h1")
        site.world.bmcs["h1"].manner = Manner.LYING
        await site.powered.act(await site.store.out_of_band.by_id("h1"), PowerAction.OFF, 5)

        site.machine("h1").cut_network()
        await site.passes(60)

        assert len(site.writers("v1")) == 1


async def test_a_hung_host_is_powered_off_when_its_leases_have_run_out_of_renewals() -> None:
    async with a_whole_cloud(hosts=3, bmcs=True) as site:
        await site.vm("v1", on="h1")

        site.machine("h1").cut_network()
        site.machine("h1").set_storage(StorageCondition.HANGS)
        seconds = await site.until_running_elsewhere("v1", than="h1")

        assert seconds < 12.5  # before its lease would have expired
        assert site.powered.ordered == [("h1", PowerAction.OFF)]
        [incident] = await site.incidents()
        assert incident.proof["kind"] == "powered-off"


async def test_a_power_controller_that_does_not_answer_leaves_the_lease_as_proof() -> None:
    async with a_whole_cloud(hosts=3, bmcs=True) as site:
        await site.vm("v1", on="h1")
        site.world.bmcs["h1"].manner = Manner.SILENT

        site.machine("h1").power_off()
        await site.until_running_elsewhere("v1", than="h1")

        [incident] = await site.incidents()
        assert incident.proof["kind"] == "lease-expired"
