"""A crashed HA guest comes back on its own host at once, with or without a controller; and only when it may."""

from __future__ import annotations

import asyncio

from mainstay_agent.drivers.simulated.host import StorageCondition
from mainstay_proto.messages import (
    ChangeMedium,
    DiskSpec,
    GuestEvent,
    GuestState,
    RestartPolicy,
    RunState,
    StopCause,
    StopGuest,
)
from tests.kit.simulated_hosts import POOL, Site, a_guest, a_site


def restarts(site: Site) -> list[GuestEvent]:
    return [event for event in site.end().all(GuestEvent) if event.restarted_locally]


async def test_a_crashed_guest_runs_again_on_its_host_under_its_epoch() -> None:
    async with a_site() as site:
        await site.start("h1", a_guest(epoch=3))

        site.world.crash_guest("vm1")
        await asyncio.sleep(1)

        assert site.end().state() is GuestState.RUNNING
        [told] = restarts(site)
        assert (told.epoch, told.cause, told.detail) == (3, StopCause.CRASHED, "attempt 1 of 3")
        assert told.elapsed_ms is not None
        assert told.elapsed_ms < 250


async def test_a_medium_changed_meanwhile_is_in_its_drive_then() -> None:
    async with a_site() as site:
        await site.start("h1")
        medium = DiskSpec(volume_id="iso", pool_id=POOL, path="/images/rescue.iso", format="raw", read_only=True)
        await site.order("h1", ChangeMedium(vm_id="vm1", epoch=1, medium=medium))

        site.world.crash_guest("vm1")
        await asyncio.sleep(1)

        copy = site.world.hosts["h1"].living("vm1")
        assert copy is not None
        assert copy.spec.media == (medium,)


async def test_also_with_no_controller_in_reach_and_after_an_agent_restart() -> None:
    async with a_site() as site:
        await site.start("h1")
        await site.stop_agent("h1")
        site.end().in_reach = False
        await site.start_agent("h1", welcomed=False)
        await asyncio.sleep(10)

        site.world.crash_guest("vm1")
        await asyncio.sleep(1)

        assert len(restarts(site)) == 1
        assert site.world.writers("vm1") != ()


async def test_a_guest_that_crashed_while_no_agent_ran_is_restarted_when_it_is_back() -> None:
    async with a_site() as site:
        await site.start("h1")
        await site.stop_agent("h1")
        site.world.crash_guest("vm1")
        await asyncio.sleep(2)

        await site.start_agent("h1")
        await asyncio.sleep(2)

        assert len(restarts(site)) == 1
        assert site.end().state() is GuestState.RUNNING


async def test_a_guest_without_the_policy_is_left_and_the_controller_told_why() -> None:
    async with a_site() as site:
        await site.start("h1", a_guest(restart=RestartPolicy()))

        site.world.crash_guest("vm1")
        await asyncio.sleep(30)

        assert restarts(site) == []
        assert site.end().last(GuestEvent).detail == "its policy does not restart it after a crash"
        assert site.end().state() is GuestState.STOPPED


async def test_a_guest_that_shut_itself_down_follows_its_policy() -> None:
    async with a_site() as site:
        await site.start("h1", a_guest("stays"))
        await site.start("h1", a_guest("returns", restart=RestartPolicy(restart_after_guest_shutdown=True)))

        site.world.shut_down_guest("stays")
        site.world.shut_down_guest("returns")
        await asyncio.sleep(5)

        assert site.end().guests()["stays"].cause is StopCause.GUEST_SHUTDOWN
        assert site.end().state("stays") is GuestState.STOPPED
        assert site.end().state("returns") is GuestState.RUNNING


async def test_a_guest_destroyed_by_an_outsider_is_left() -> None:
    async with a_site() as site:
        await site.start("h1")

        site.world.destroy_by_outsider("vm1")
        await asyncio.sleep(30)

        assert restarts(site) == []
        assert site.end().guests()["vm1"].cause is StopCause.OUTSIDER


async def test_when_the_budget_is_spent_the_controller_is_told() -> None:
    async with a_site() as site:
        await site.start("h1")

        for _ in range(4):
            site.world.crash_guest("vm1")
            await asyncio.sleep(2)

        assert len(restarts(site)) == 3
        assert site.end().last(GuestEvent).detail == "the restart budget is spent: 3 in 600 s"
        assert site.end().state() is GuestState.STOPPED


async def test_a_restart_that_fails_is_tried_again_within_the_budget() -> None:
    async with a_site() as site:
        await site.start("h1")
        site.world.hosts["h1"].starts_to_fail = 2

        site.world.crash_guest("vm1")
        await asyncio.sleep(20)

        assert len(restarts(site)) == 3
        assert site.end().state() is GuestState.RUNNING


async def test_after_a_stop_was_answered_nobody_starts_it_again_under_that_epoch() -> None:
    async with a_site() as site:
        await site.start("h1")
        site.world.crash_guest("vm1")

        stop = await site.order("h1", StopGuest(vm_id="vm1", epoch=1, forced=True))
        again = await site.start("h1", a_guest(epoch=1))

        assert stop.state is RunState.DONE
        assert (again.state, again.code) == (RunState.REFUSED, "no-authority")
        await asyncio.sleep(30)
        assert site.world.writers("vm1") == ()


async def test_a_lapse_of_the_lease_voids_the_authority() -> None:
    async with a_site() as site:
        await site.start("h1")

        site.world.hosts["h1"].set_storage(StorageCondition.HANGS)
        await asyncio.sleep(30)
        site.world.hosts["h1"].set_storage(StorageCondition.OK)
        await asyncio.sleep(30)

        assert restarts(site) == []
        assert site.end().guests()["vm1"].cause is StopCause.FENCED
        assert site.world.hosts["h1"].powered.is_set()
        assert site.world.writers("vm1") == ()


async def test_slow_storage_that_renewals_survive_costs_nobody_anything() -> None:
    async with a_site() as site:
        await site.start("h1")

        site.world.hosts["h1"].storage_delay_seconds = 1.0
        await asyncio.sleep(60)

        assert site.end().state() is GuestState.RUNNING
        assert site.world.hosts["h1"].boot_id == "h1-boot-1"
