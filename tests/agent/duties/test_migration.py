"""Live migration: one copy writes at any moment, and an end that nobody knows is asked about, not guessed."""

from __future__ import annotations

import asyncio

import pytest

from mainstay_agent.drivers.simulated.host import StorageCondition
from mainstay_agent.drivers.simulated.world import Pace
from mainstay_proto.messages import (
    AbortMigration,
    CancelIncoming,
    CommandResult,
    ForgetGuest,
    GuestState,
    MigrateGuest,
    MigrationProgress,
    PrepareIncoming,
    QueryGuests,
    RunState,
    StopCause,
    StopGuest,
)
from tests.kit.simulated_hosts import Site, a_guest, a_site

SLOW = Pace(migration_mib_per_second=100)  # 5.12 s for a guest of 512 MiB


def to_h2(epoch: int = 1) -> MigrateGuest:
    return MigrateGuest(vm_id="vm1", epoch=epoch, target_epoch=epoch + 1, target_host_id="h2", target_url="sim://h2")


async def prepared(site: Site) -> None:
    await site.start("h1")
    ready = await site.order("h2", PrepareIncoming(spec=a_guest(epoch=2), source_host_id="h1"))
    assert ready.state is RunState.DONE


async def answer(site: Site, name: str, id: str) -> CommandResult:
    while True:
        for result in site.end(name).all(CommandResult):
            if result.command_id == id:
                return result
        await asyncio.sleep(0.1)


async def test_the_guest_runs_on_the_target_under_the_next_epoch() -> None:
    async with a_site("h1", "h2", pace=SLOW) as site:
        await prepared(site)

        result = await site.order("h1", to_h2(), deadline_seconds=60)
        await asyncio.sleep(2)

        assert result.state is RunState.DONE
        assert site.end("h1").guests()["vm1"].cause is StopCause.MIGRATED
        assert site.end("h2").guests()["vm1"].epoch == 2
        assert site.end("h2").state() is GuestState.RUNNING
        assert [progress.percent for progress in site.end("h1").all(MigrationProgress)] == sorted(
            progress.percent for progress in site.end("h1").all(MigrationProgress)
        )
        assert len(site.end("h1").all(MigrationProgress)) >= 4


async def test_after_it_arrived_a_crash_is_answered_by_the_target() -> None:
    async with a_site("h1", "h2") as site:
        await prepared(site)
        await site.order("h1", to_h2(), deadline_seconds=60)
        await asyncio.sleep(2)

        site.world.crash_guest("vm1")
        await asyncio.sleep(2)

        assert site.end("h2").state() is GuestState.RUNNING
        assert site.end("h1").state() is GuestState.STOPPED


async def test_aborted_it_runs_on_at_the_source() -> None:
    async with a_site("h1", "h2", pace=SLOW) as site:
        await prepared(site)
        id = await site.send("h1", to_h2(), deadline_seconds=60)
        await asyncio.sleep(2)

        await site.order("h1", AbortMigration(vm_id="vm1"))
        result = await answer(site, "h1", id)
        await site.order("h2", CancelIncoming(vm_id="vm1", epoch=2))

        assert (result.state, result.code) == (RunState.FAILED, "aborted")
        assert site.end("h1").state() is GuestState.RUNNING
        assert await site.areas["h2"].ledger() == ()


async def test_after_a_migration_that_was_given_up_the_next_one_succeeds() -> None:
    async with a_site("h1", "h2", pace=SLOW) as site:
        await prepared(site)
        id = await site.send("h1", to_h2(), deadline_seconds=60)
        await asyncio.sleep(2)
        await site.order("h1", AbortMigration(vm_id="vm1"))
        await answer(site, "h1", id)
        await site.order("h2", CancelIncoming(vm_id="vm1", epoch=2))

        ready = await site.order("h2", PrepareIncoming(spec=a_guest(epoch=2), source_host_id="h1"))
        moved = await site.order("h1", to_h2(), deadline_seconds=60)

        assert (ready.state, moved.state) == (RunState.DONE, RunState.DONE)
        assert site.end("h2").state() is GuestState.RUNNING


@pytest.mark.parametrize("seconds", [0.5, 2.5, 4.5])
async def test_source_dies_on_the_way_and_the_guest_starts_anew_on_the_target(seconds: float) -> None:
    async with a_site("h1", "h2", pace=SLOW) as site:
        await prepared(site)
        await site.send("h1", to_h2(), deadline_seconds=60)
        await asyncio.sleep(seconds)

        await site.kill_host("h1")
        await asyncio.sleep(1)
        result = await site.start("h2", a_guest(epoch=3))

        assert result.state is RunState.DONE
        assert [writer.epoch for writer in site.world.writers("vm1")] == [3]


@pytest.mark.parametrize("seconds", [0.5, 2.5, 4.5])
async def test_target_dies_on_the_way_and_the_guest_runs_on_at_the_source(seconds: float) -> None:
    async with a_site("h1", "h2", pace=SLOW) as site:
        await prepared(site)
        id = await site.send("h1", to_h2(), deadline_seconds=60)
        await asyncio.sleep(seconds)

        await site.kill_host("h2")
        result = await answer(site, "h1", id)

        assert (result.state, result.code) == (RunState.FAILED, "target-lost")
        assert [writer.host_id for writer in site.world.writers("vm1")] == ["h1"]


async def test_a_lost_acknowledgement_is_asked_about_and_the_stale_copy_ended() -> None:
    async with a_site("h1", "h2") as site:
        await prepared(site)
        site.world.migration_acks_lost = True

        result = await site.order("h1", to_h2(), deadline_seconds=60)
        await asyncio.sleep(30)

        assert result.state is RunState.UNKNOWN
        asked = [(await site.order(name, QueryGuests())).guests[0] for name in ("h1", "h2")]
        assert [(guest.state, guest.epoch) for guest in asked] == [(GuestState.PAUSED, 1), (GuestState.RUNNING, 2)]
        ended = await site.order("h1", StopGuest(vm_id="vm1", epoch=1, forced=True))
        assert ended.state is RunState.DONE
        assert [writer.host_id for writer in site.world.writers("vm1")] == ["h2"]


async def test_what_does_not_arrive_is_dropped_when_the_lease_of_the_target_lapses() -> None:
    async with a_site("h1", "h2") as site:
        await prepared(site)

        site.world.hosts["h2"].set_storage(StorageCondition.HANGS)
        await asyncio.sleep(30)

        assert await site.areas["h2"].ledger() == ()
        assert site.world.hosts["h2"].boot_id == "h2-boot-1"


async def test_one_that_came_and_crashed_while_the_daemon_hung_is_forgotten_when_it_is_asked_about() -> None:
    """Seed 20261143106: the target went on waiting for it, and refused to forget what it waited for."""
    async with a_site("h1", "h2") as site:
        await prepared(site)
        id = await site.send("h1", to_h2(), deadline_seconds=60)
        await asyncio.sleep(0.5)
        site.world.hosts["h2"].hang_daemon()
        assert (await answer(site, "h1", id)).state is RunState.DONE
        site.world.crash_guest("vm1")

        site.world.hosts["h2"].wake_daemon()
        await asyncio.sleep(5)

        assert await site.areas["h2"].ledger() == ()
        assert site.end("h2").guests()["vm1"].cause is StopCause.CRASHED
        assert (await site.order("h2", ForgetGuest(vm_id="vm1", epoch=2))).state is RunState.DONE
