"""mainstay-leased as a process: real files, real signals, a pretended watchdog card and pretended guests."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from mainstay_agent.lease.area import EntryState, Granted, Refused
from mainstay_agent.lease.client import SocketLeaseArea
from mainstay_proto.messages import LeaseProfile
from mainstay_runtime.errors import BadInput, DeadlineExceeded, Unavailable
from tests.kit.daemons import HASTY, PATIENT, POOL, DaemonHost, a_daemon_host, until

ON_POOL = frozenset([POOL])
VM = "11111111-2222-3333-4444-555555555555"


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    host: DaemonHost
    daemon: asyncio.subprocess.Process
    area: SocketLeaseArea

    async def is_valid(self) -> bool:
        return [lease.valid for lease in await self.area.leases()] == [True]

    async def run_guest(self) -> None:
        await until(self.is_valid)
        assert isinstance(await self.area.authorise(VM, 1, ON_POOL), Granted)
        await self.area.confirm_running(VM, 1)


@asynccontextmanager
async def a_story(tmp_path: Path, profile: LeaseProfile = HASTY) -> AsyncIterator[Story]:
    async with a_daemon_host(tmp_path / "h0", tmp_path) as host:
        async with host.daemon() as daemon, host.area() as area:
            await host.configure(area, profile)
            yield Story(host=host, daemon=daemon, area=area)


async def test_a_guest_is_granted_over_the_socket_and_stands_in_the_ledger(tmp_path: Path) -> None:
    async with a_story(tmp_path) as story:
        await story.run_guest()

        [entry] = await story.area.ledger()
        assert (entry.vm_id, entry.state) == (VM, EntryState.RUNNING)
        assert await story.area.standing_authority(VM)
        assert await story.area.highest_epoch(VM) == 1
        assert isinstance(await story.area.authorise(VM, 0, ON_POOL), Refused)
        assert await story.area.watchdog() == "supervisor"


async def test_the_watchdog_is_armed_and_petted(tmp_path: Path) -> None:
    async with a_story(tmp_path) as story:
        await story.run_guest()
        await asyncio.sleep(1)

        words = story.host.card.words()

        assert words[0] == f"arm {float(HASTY.watchdog_seconds)}"
        assert set(words[1:]) == {"pet"}


async def test_a_killed_daemon_comes_back_to_its_guests(tmp_path: Path) -> None:
    async with a_story(tmp_path, PATIENT) as story, story.host.guest(VM) as guest:
        await story.run_guest()

        story.daemon.kill()
        await story.daemon.wait()
        async with story.host.daemon():
            await until_connected(story)
            await until(story.is_valid)

            assert [entry.vm_id for entry in await story.area.ledger()] == [VM]
            assert await story.area.standing_authority(VM)
        assert guest.returncode is None


async def test_a_daemon_stopped_beyond_its_lease_kills_before_it_does_anything_else(tmp_path: Path) -> None:
    async with a_story(tmp_path) as story, story.host.guest(VM) as guest:
        await story.run_guest()
        story.daemon.send_signal(signal.SIGSTOP)
        await asyncio.sleep(HASTY.validity_seconds)
        story.host.card.words()

        with pytest.raises(DeadlineExceeded):
            await story.area.leases()
        story.daemon.send_signal(signal.SIGCONT)

        async with asyncio.timeout(5):
            assert await guest.wait() == -signal.SIGKILL
        await until(story.is_valid)
        assert await story.area.ledger() == ()
        assert not await story.area.standing_authority(VM)


async def test_a_poisoned_host_kills_its_guests_and_says_so(tmp_path: Path) -> None:
    async with a_story(tmp_path) as story, a_daemon_host(tmp_path / "h1", tmp_path, 1) as other:
        async with other.daemon(), other.area() as neighbour, story.host.guest(VM) as guest:
            await other.configure(neighbour)
            await story.run_guest()
            await until(lambda: has_sighting(neighbour))

            written = await neighbour.poison("h0", "incident-1", (POOL,))

            assert written == (POOL,)
            async with asyncio.timeout(5):
                assert await guest.wait() == -signal.SIGKILL
            await until(lambda: is_released(neighbour))


async def test_a_dead_host_is_seen_dead_by_its_neighbour(tmp_path: Path) -> None:
    async with a_story(tmp_path) as story, a_daemon_host(tmp_path / "h1", tmp_path, 1) as other:
        async with other.daemon(), other.area() as neighbour:
            await other.configure(neighbour)
            await until(story.is_valid)
            await until(lambda: has_sighting(neighbour))

            story.daemon.kill()

            await until(lambda: is_dead(neighbour))


async def test_a_daemon_without_guests_leaves_in_peace(tmp_path: Path) -> None:
    async with a_story(tmp_path) as story:
        await until(story.is_valid)

        story.daemon.terminate()

        async with asyncio.timeout(10):
            assert await story.daemon.wait() == 0
        assert story.host.card.words()[-1] == "disarm"


async def test_a_daemon_with_guests_leaves_its_watchdog_armed(tmp_path: Path) -> None:
    async with a_story(tmp_path) as story:
        await story.run_guest()

        story.daemon.terminate()

        async with asyncio.timeout(10):
            assert await story.daemon.wait() == 0
        assert "disarm" not in story.host.card.words()


async def test_nonsense_is_answered_with_why(tmp_path: Path) -> None:
    async with a_story(tmp_path) as story:
        with pytest.raises(BadInput, match="keeps the lease of host h0"):
            await story.area.configure("h7", "boot", (), (), HASTY)

        reader, writer = await asyncio.open_unix_connection(story.host.home / "leased.sock")
        greeting = await reader.readline()

        async def reply_to(nonsense: bytes) -> bytes:
            writer.write(nonsense + b"\n")
            while b'"event"' in (reply := await reader.readline()):
                continue
            return reply

        no_verb = await reply_to(b'{"id": 1, "verb": "explode", "arguments": {}}')
        too_little = await reply_to(b'{"id": 2, "verb": "authorise", "arguments": {"vm_id": "x"}}')
        no_json = await reply_to(b"hello")
        writer.close()

        assert greeting == b'{"protocol":1}\n'
        assert b"no such verb" in no_verb
        assert b"bad-input" in too_little
        assert b"not a message" in no_json


async def test_a_second_daemon_on_the_same_memory_is_refused(tmp_path: Path) -> None:
    async with a_story(tmp_path) as story, story.host.daemon() as second:
        async with asyncio.timeout(20):
            assert await second.wait() == 1
        assert await story.area.ledger() == ()


async def until_connected(story: Story) -> None:
    async def answers() -> bool:
        try:
            await story.area.ledger()
        except (Unavailable, DeadlineExceeded):
            return False
        return True

    await until(answers)


async def has_sighting(area: SocketLeaseArea) -> bool:
    return any(sighting.witness_sound for sighting in await area.sightings("h0"))


async def is_dead(area: SocketLeaseArea) -> bool:
    return any(sighting.dead for sighting in await area.sightings("h0"))


async def is_released(area: SocketLeaseArea) -> bool:
    return any(sighting.released for sighting in await area.sightings("h0"))
