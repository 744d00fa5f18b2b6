"""Heartbeats, reports and looks: what the controller hears when all is well, and when the hypervisor hangs."""

from __future__ import annotations

import asyncio

from mainstay_agent.drivers.simulated.host import StorageCondition
from mainstay_proto.digest import digest_of
from mainstay_proto.messages import (
    RENEWED_AGO,
    Command,
    CommandResult,
    GrantHold,
    GuestEvent,
    GuestState,
    Heartbeat,
    HoldGrant,
    HoldRequest,
    LoadReport,
    Mounts,
    PoisonHost,
    PowerReport,
    ProbeHost,
    QueryGuests,
    ReportRequest,
    RunState,
    Sightings,
    SlotSighting,
    StartGuest,
    StopCause,
    StopGuest,
    WatchHost,
)
from mainstay_proto.profiles import PROFILES
from tests.kit.simulated_hosts import POOL, a_guest, a_site

FAST = PROFILES["fast"]


async def test_a_heartbeat_every_interval_with_the_digest_of_what_was_reported() -> None:
    async with a_site() as site:
        await site.start("h1")
        site.end().heard = [(at, up) for at, up in site.end().heard if isinstance(up, PowerReport)]

        await asyncio.sleep(60)

        beats = site.end().all(Heartbeat)
        assert len(beats) in (59, 60, 61)
        assert {beat.digest for beat in beats} == {digest_of(site.end().guests().values())}
        assert all(lease.valid for beat in beats for lease in beat.leases)


async def test_a_session_begins_with_a_complete_report() -> None:
    async with a_site() as site:
        await site.start("h1")
        await site.agents["h1"].lost("controller went away")
        site.end().forget()
        await asyncio.sleep(10)
        assert site.end().all(Heartbeat) == []

        await site.welcome("h1")
        await asyncio.sleep(1)

        report = site.end().last(PowerReport)
        assert report.complete
        assert [guest.vm_id for guest in report.guests] == ["vm1"]


async def test_a_report_is_given_on_request() -> None:
    async with a_site() as site:
        site.end().forget()

        await site.agents["h1"].received(ReportRequest(host_id="h1"))
        await asyncio.sleep(1)

        assert site.end().last(PowerReport).complete


async def test_a_hung_hypervisor_stalls_no_heartbeat_and_is_told() -> None:
    async with a_site() as site:
        await site.start("h1")
        site.world.hosts["h1"].hang_daemon()
        site.end().forget()

        await asyncio.sleep(30)
        silent = site.end().all(Heartbeat)
        site.world.hosts["h1"].wake_daemon()
        await asyncio.sleep(10)

        assert len(silent) in (29, 30, 31)
        assert not any(beat.hypervisor_responds for beat in silent[1:])
        assert site.end().last(Heartbeat).hypervisor_responds


async def test_an_agent_that_starts_beside_a_hung_hypervisor_holds_its_session_all_the_same() -> None:
    async with a_site() as site:
        await site.start("h1")
        await site.stop_agent("h1")
        site.world.hosts["h1"].hang_daemon()

        await site.start_agent("h1")
        hello = await site.agents["h1"].hello(False)
        await asyncio.sleep(10)
        hung = site.end().last(Heartbeat)
        site.world.hosts["h1"].wake_daemon()
        await asyncio.sleep(20)

        assert [(guest.vm_id, guest.state) for guest in hello.hosts[0].guests] == [("vm1", GuestState.UNKNOWN)]
        assert not hung.hypervisor_responds
        assert site.end().last(Heartbeat).hypervisor_responds
        assert site.end().state() is GuestState.RUNNING


async def test_a_start_that_hangs_stays_in_flight_until_the_hypervisor_answers() -> None:
    async with a_site() as site:
        await site.start("h1", a_guest("other"))
        await site.send("h1", StartGuest(spec=a_guest()), deadline_seconds=5)
        await asyncio.sleep(0.05)
        site.world.hosts["h1"].hang_daemon()
        await asyncio.sleep(10)
        in_flight = site.end().state()

        site.world.hosts["h1"].wake_daemon()
        await asyncio.sleep(10)

        assert in_flight is GuestState.STARTING
        assert site.end().state() is GuestState.RUNNING
        assert {entry.state for entry in await site.areas["h1"].ledger()} == {"running"}


async def test_guests_survive_an_agent_restart_and_are_readopted_without_an_event() -> None:
    async with a_site() as site:
        await site.start("h1")
        await site.stop_agent("h1")
        site.end().forget()

        await site.start_agent("h1")
        await asyncio.sleep(5)

        assert site.end().state() is GuestState.RUNNING
        assert site.end().all(GuestEvent) == []


async def test_after_a_boot_the_host_runs_guests_only_by_fresh_orders() -> None:
    async with a_site() as site:
        await site.start("h1")
        await site.kill_host("h1")
        await asyncio.sleep(5)

        await site.boot("h1")
        await asyncio.sleep(30)

        assert site.end().guests()["vm1"].cause is StopCause.VANISHED
        assert site.world.writers("vm1") == ()


async def test_a_guest_found_under_an_old_epoch_is_killed_on_sight() -> None:
    async with a_site() as site:
        await site.start("h1", a_guest(epoch=2))
        copy = site.world.hosts["h1"].living("vm1")
        assert copy is not None
        copy.spec = a_guest(epoch=1)

        await asyncio.sleep(10)

        assert site.world.writers("vm1") == ()
        assert site.end().guests()["vm1"].cause is StopCause.FENCED


async def test_a_guest_that_somebody_else_started_without_a_lease_order_is_killed() -> None:
    async with a_site() as site:
        await site.start("h1")
        site.world.destroy_by_outsider("vm1")
        await asyncio.sleep(5)
        copy = site.world.hosts["h1"].copies["vm1"]
        copy.state = GuestState.RUNNING

        await asyncio.sleep(10)

        assert site.world.writers("vm1") == ()


async def test_guests_paused_by_io_errors_go_on_when_storage_returns() -> None:
    async with a_site() as site:
        await site.start("h1")

        site.world.hosts["h1"].set_storage(StorageCondition.FAILS)
        await asyncio.sleep(2)
        paused = site.end().state()
        site.world.hosts["h1"].set_storage(StorageCondition.OK)
        await asyncio.sleep(10)

        assert paused is GuestState.PAUSED
        assert site.end().state() is GuestState.RUNNING


async def test_a_guest_whose_disk_failed_while_no_agent_looked_goes_on_too() -> None:
    async with a_site() as site:
        await site.start("h1")
        await site.stop_agent("h1")

        site.world.hosts["h1"].set_storage(StorageCondition.FAILS)
        await asyncio.sleep(2)
        await site.start_agent("h1")
        site.world.hosts["h1"].set_storage(StorageCondition.OK)
        await asyncio.sleep(10)

        assert site.end().state() is GuestState.RUNNING


async def test_a_hold_is_asked_for_and_keeps_guests_through_a_dead_pool() -> None:
    async with a_site() as site:
        await site.start("h1")
        site.world.hosts["h1"].set_storage(StorageCondition.HANGS)

        for _ in range(60):
            await asyncio.sleep(0.5)
            if asked := site.end().all(HoldRequest):
                grant = HoldGrant(pool_id=POOL, request_id=asked[-1].request_id, hold_seconds=20.0)
                await site.order("h1", GrantHold(grant=grant))
        site.world.hosts["h1"].set_storage(StorageCondition.OK)
        await asyncio.sleep(2)

        assert site.end().all(GuestEvent)[-1].state is GuestState.RUNNING
        assert site.world.writers("vm1") != ()


async def test_a_neighbour_is_probed_by_ping_and_by_its_slot() -> None:
    async with a_site("h1", "h2") as site:
        alive = await site.order("h1", ProbeHost(host_id="h2", ip="10.0.0.2"))
        await site.kill_host("h2")
        await asyncio.sleep(14)
        dead = await site.order("h1", ProbeHost(host_id="h2", ip="10.0.0.2"))
        site.world.hosts["h1"].cut_network()
        blind = await site.order("h1", ProbeHost(host_id="h2", ip="10.0.0.2"))

        assert (dict(alive.answer)["ping"], [sighting.dead for sighting in alive.sightings]) == ("yes", [False])
        assert (dict(dead.answer)["ping"], [sighting.dead for sighting in dead.sightings]) == ("no", [True])
        assert dict(blind.answer)["ping"] == "unknown"


async def test_a_host_tells_since_when_its_pools_have_not_moved() -> None:
    async with a_site() as site:
        await asyncio.sleep(3)
        moves = dict((await site.order("h1", ProbeHost(host_id="h1", ip=""))).answer)
        site.world.hosts["h1"].set_storage(StorageCondition.HANGS, POOL)
        await asyncio.sleep(3)
        stands = dict((await site.order("h1", ProbeHost(host_id="h1", ip=""))).answer)
        await asyncio.sleep(20)
        lapsed = dict((await site.order("h1", ProbeHost(host_id="h1", ip=""))).answer)

        assert float(moves[RENEWED_AGO + POOL]) <= FAST.renew_seconds + 0.1
        assert float(stands[RENEWED_AGO + POOL]) >= 3
        assert RENEWED_AGO + POOL not in lapsed


async def test_a_watched_host_is_told_of_at_every_tick_until_the_time_is_over() -> None:
    async with a_site("h1", "h2") as site:
        site.end().forget()

        await site.order("h1", WatchHost(host_id="h2", until_seconds=10))
        await asyncio.sleep(60)

        assert len(site.end().all(Sightings)) in (19, 20, 21)


async def test_a_poisoned_host_kills_its_guests_and_says_so() -> None:
    async with a_site("h1", "h2") as site:
        await site.start("h2")

        result = await site.order("h1", PoisonHost(host_id="h2", incident_id="i1", pool_ids=(POOL,)))
        await asyncio.sleep(5)
        probe = await site.order("h1", ProbeHost(host_id="h2", ip="10.0.0.2"))

        assert (result.state, dict(result.answer)) == (RunState.DONE, {"pools": POOL})
        assert site.end("h2").guests()["vm1"].cause is StopCause.FENCED
        assert any(sighting.released for sighting in probe.sightings)


async def test_load_is_reported_rarely() -> None:
    async with a_site() as site:
        await site.start("h1")

        await asyncio.sleep(180)

        assert site.end().last(LoadReport).memory_used_mib == 512
        assert len(site.end().all(LoadReport)) == 3


async def test_a_pool_that_guests_use_is_given_up_only_when_they_are_gone() -> None:
    async with a_site() as site:
        await site.start("h1")
        await site.agents["h1"].received(Mounts(host_id="h1", mounts=()))
        await asyncio.sleep(10)
        kept = await site.areas["h1"].leases()

        await site.order("h1", StopGuest(vm_id="vm1", epoch=1, forced=True))
        await asyncio.sleep(10)

        assert [lease.valid for lease in kept] == [True]
        assert await site.areas["h1"].leases() == ()


async def test_a_command_for_a_host_of_others_is_refused() -> None:
    async with a_site() as site:
        stray = Command(command_id="stray", host_id="h9", deadline_seconds=5, order=QueryGuests())

        await site.agents["h1"].received(stray)

        result = site.end().last(CommandResult)
        assert (result.command_id, result.state, result.code) == ("stray", RunState.REFUSED, "no-such-host")


async def test_a_watch_ordered_while_another_is_told_of_breaks_nothing() -> None:
    async with a_site("h1", "h2", "h3") as site:
        area = site.areas["h1"]
        ships, slow = area.sightings, asyncio.Event()

        async def after_a_while(host_id: str | None = None) -> tuple[SlotSighting, ...]:
            slow.set()
            await asyncio.sleep(0.3)
            return await ships(host_id)

        area.sightings = after_a_while  # type: ignore[method-assign]
        await site.order("h1", WatchHost(host_id="h2", until_seconds=30))
        await slow.wait()

        await site.order("h1", WatchHost(host_id="h3", until_seconds=30))
        site.end().forget()
        await asyncio.sleep(2)

        assert {seen.host_id for told in site.end().all(Sightings) for seen in told.sightings} == {"h2", "h3"}
