"""The simulated world: it breaks as real machines do, and sees for itself when a guest runs twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from mainstay_agent.driver import Outcome
from mainstay_agent.drivers.simulated.bmc import BmcError, Manner, NoAnswer, Power, ResetType
from mainstay_agent.drivers.simulated.copies import TRANSITIONS, Copy, Turn
from mainstay_agent.drivers.simulated.driver import SimulatedDriver
from mainstay_agent.drivers.simulated.host import StorageCondition
from mainstay_agent.drivers.simulated.leases import SimulatedWatchdog
from mainstay_agent.drivers.simulated.world import SimulatedWorld
from mainstay_proto.messages import DiskSpec, GuestSpec, GuestState, RunState
from tests.kit.simulated_hosts import a_guest, a_host_facts
from tests.kit.virtual_time import SeededRng, VirtualClock


class TwoHosts:
    def __init__(self, world: SimulatedWorld) -> None:
        self.world = world
        self.h1, self.h2 = (world.add_host(a_host_facts(name)) for name in ("h1", "h2"))
        self.driver = SimulatedDriver(world, ["h1", "h2"])

    async def start(self, host: str, spec: GuestSpec | None = None, deadline_seconds: float = 5.0) -> Outcome:
        return await self.driver.start(host, spec or a_guest(), deadline_seconds)


@asynccontextmanager
async def two_hosts() -> AsyncIterator[TwoHosts]:
    async with SimulatedWorld(VirtualClock(), SeededRng()) as world:
        yield TwoHosts(world)


async def test_two_copies_that_can_write_are_a_violation() -> None:
    async with two_hosts() as hosts:
        await hosts.start("h1", a_guest(epoch=1))
        await hosts.start("h2", a_guest(epoch=2))

        assert "two copies can write" in hosts.world.violations[0]


async def test_an_old_epoch_that_writes_after_a_newer_one_is_a_violation() -> None:
    async with two_hosts() as hosts:
        await hosts.start("h1", a_guest(epoch=1))
        hosts.world.hang_guest("vm1")
        await hosts.start("h2", a_guest(epoch=2))
        hosts.h2.power_off()
        assert hosts.world.violations == []

        hosts.world.wake_guest("vm1")

        assert "writes after epoch 2 did" in hosts.world.violations[0]


@pytest.mark.parametrize("condition", [StorageCondition.HANGS, StorageCondition.FAILS])
async def test_a_copy_without_its_storage_cannot_write(condition: StorageCondition) -> None:
    async with two_hosts() as hosts:
        await hosts.start("h1")

        hosts.h1.set_storage(condition)

        assert hosts.world.writers("vm1") == ()
        assert hosts.h1.living("vm1") is not None


async def test_a_host_without_power_loses_its_guests_and_tells_nobody() -> None:
    async with two_hosts() as hosts:
        await hosts.driver.open()
        await hosts.start("h1")
        events = [event async for event in _told_within(hosts.driver, 1)]

        hosts.h1.power_off()

        assert len(events) == 2
        assert [event async for event in _told_within(hosts.driver, 1)] == []
        assert hosts.world.writers("vm1") == ()


async def _told_within(driver: SimulatedDriver, seconds: float) -> AsyncIterator[object]:
    listening = driver.events()
    while True:
        try:
            async with asyncio.timeout(seconds):
                yield await anext(listening)
        except TimeoutError:
            return


async def test_what_a_hung_daemon_was_asked_happens_when_it_wakes() -> None:
    async with two_hosts() as hosts:
        hosts.h1.hang_daemon()
        outcome = await hosts.start("h1")

        hosts.h1.wake_daemon()
        await asyncio.sleep(1)

        assert outcome.state is RunState.UNKNOWN
        assert hosts.world.writers("vm1") != ()


async def test_what_a_hung_daemon_was_asked_dies_with_its_machine() -> None:
    async with two_hosts() as hosts:
        hosts.h1.hang_daemon()
        await hosts.start("h1")

        hosts.h1.reset()
        await asyncio.sleep(1)

        assert hosts.world.writers("vm1") == ()


async def test_a_start_waits_for_hung_storage_and_fails_on_failing_storage() -> None:
    async with two_hosts() as hosts:
        hosts.h1.set_storage(StorageCondition.HANGS)
        hosts.h2.set_storage(StorageCondition.FAILS)

        waiting = await hosts.start("h1", a_guest("vm1"))
        failing = await hosts.start("h2", a_guest("vm2"))
        hosts.h1.set_storage(StorageCondition.OK)
        await asyncio.sleep(1)

        assert waiting.state is RunState.UNKNOWN
        assert (failing.state, failing.code) == (RunState.FAILED, "hypervisor-refused")
        assert [writer.host_id for writer in hosts.world.writers("vm1")] == ["h1"]


async def test_a_watchdog_that_is_not_petted_resets_its_machine_once() -> None:
    async with two_hosts() as hosts:
        watchdog = SimulatedWatchdog(hosts.world, hosts.h1)
        watchdog.pet(3)
        await asyncio.sleep(2)
        watchdog.pet(3)
        await asyncio.sleep(2.9)
        kept = hosts.h1.boot_id

        await asyncio.sleep(0.2)
        fired = hosts.h1.boot_id
        await asyncio.sleep(60)

        assert kept == "h1-boot-1"
        assert fired not in (kept, "")
        assert hosts.h1.boot_id == fired


async def test_a_volume_is_made_once_and_belongs_to_its_owner() -> None:
    async with two_hosts() as hosts:
        mine = DiskSpec(volume_id="v1", pool_id="p", path="/p/a")
        theirs = DiskSpec(volume_id="v2", pool_id="p", path="/p/a")

        assert (await hosts.driver.prepare_volume("h1", mine, 5)).done
        assert (await hosts.driver.prepare_volume("h2", mine, 5)).done
        assert (await hosts.driver.prepare_volume("h2", theirs, 5)).code == "volume-exists"


# --- power controllers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("manner", "goes_off", "says"),
    [(Manner.HONEST, True, Power.OFF), (Manner.IDLE, False, Power.ON), (Manner.LYING, False, Power.OFF)],
)
async def test_a_power_controller_and_what_it_says_afterwards(manner: Manner, goes_off: bool, says: Power) -> None:
    async with two_hosts() as hosts:
        bmc = hosts.world.bmcs["h1"]
        bmc.manner = manner

        await bmc.reset(ResetType.FORCE_OFF)

        assert hosts.h1.powered.is_set() is not goes_off
        assert await bmc.power() is says


async def test_a_power_controller_that_does_not_answer_may_have_obeyed() -> None:
    async with two_hosts() as hosts:
        silent, late = hosts.world.bmcs["h1"], hosts.world.bmcs["h2"]
        silent.manner, late.manner = Manner.SILENT, Manner.LATE

        for bmc in (silent, late):
            with pytest.raises(NoAnswer):
                await bmc.reset(ResetType.FORCE_OFF)

        assert (hosts.h1.powered.is_set(), hosts.h2.powered.is_set()) == (True, False)


async def test_a_power_controller_on_its_hosts_mains_dies_with_it() -> None:
    async with two_hosts() as hosts:
        bmc = hosts.world.bmcs["h1"]
        bmc.manner = Manner.POWERLESS
        assert await bmc.power() is Power.ON

        hosts.h1.power_off()

        with pytest.raises(NoAnswer):
            await bmc.power()


async def test_a_broken_power_controller_answers_with_errors() -> None:
    async with two_hosts() as hosts:
        hosts.world.bmcs["h1"].manner = Manner.BROKEN

        with pytest.raises(BmcError):
            await hosts.world.bmcs["h1"].power()


# --- the table of a copy --------------------------------------------------------------------------------------------------


def test_every_turn_is_used_and_nothing_leaves_stopped() -> None:
    assert {turn for _, turn in TRANSITIONS} == set(Turn)
    assert not any(state is GuestState.STOPPED for state, _ in TRANSITIONS)


def test_a_turn_that_has_no_arrow_changes_nothing() -> None:
    copy = Copy(spec=a_guest(), state=GuestState.PAUSED)

    assert not copy.turn(Turn.DEPARTED)
    assert copy.state is GuestState.PAUSED
