"""A storm is let in at the pace our own loop can bear: whatever that is, those who are in are heard in time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial

import pytest

from mainstay_controller.rpc.admission import Admission
from mainstay_controller.rpc.pace import Pace
from mainstay_controller.rpc.refusals import Overloaded
from mainstay_runtime.tasks import background
from tests.kit.virtual_time import VirtualClock


class BusyClock(VirtualClock):
    """Of a loop that has work in hand: it wakes nobody before what was there is done."""

    def __init__(self) -> None:
        self._busy_until = 0.0
        self.latest_seconds = 0.0

    def works(self, seconds: float) -> None:
        self._busy_until = max(self._busy_until, self.monotonic()) + seconds

    async def sleep(self, seconds: float) -> None:
        due = self.monotonic() + seconds
        await super().sleep(seconds)
        await super().sleep(max(0.0, self._busy_until - self.monotonic()))
        self.latest_seconds = max(self.latest_seconds, self.monotonic() - due)


@dataclass
class Storm:
    """Newcomers that come again when they are told to."""

    admission: Admission
    clock: BusyClock
    cost_seconds: float
    came_at: list[float] = field(default_factory=list)
    sent_away: int = 0

    async def comes(self) -> None:
        while True:
            try:
                arrival = await self.admission.admit()
                break
            except Overloaded as told:
                self.sent_away += 1
                await self.clock.sleep(told.retry_after_seconds or 0.0)
        with arrival:
            self.came_at.append(self.clock.monotonic())
            self.clock.works(self.cost_seconds)
            await self.clock.sleep(0)

    async def passes(self, newcomers: int) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(newcomers):
                group.create_task(self.comes())


def a_storm(cost_seconds: float) -> Storm:
    clock = BusyClock()
    return Storm(Admission(clock), clock, cost_seconds)


async def test_one_who_comes_alone_does_not_wait() -> None:
    storm = a_storm(cost_seconds=0.01)

    await storm.passes(1)

    assert storm.came_at == [0.0]


@pytest.mark.parametrize("bearable_per_second", [40.0, 150.0, 600.0])
async def test_a_storm_passes_as_fast_as_the_loop_can_bear_and_it_wakes_others_in_time(
    bearable_per_second: float,
) -> None:
    storm = a_storm(cost_seconds=1 / bearable_per_second)

    await storm.passes(6000)

    assert len(storm.came_at) == 6000
    assert storm.clock.monotonic() < 1.5 * 6000 / bearable_per_second + 10
    assert storm.clock.latest_seconds < 2.0
    assert storm.sent_away < 3 * 6000


async def test_they_are_let_in_in_the_order_of_coming() -> None:
    admission, order = Admission(VirtualClock(), burst=1), []

    async def comes(number: int) -> None:
        (await admission.admit()).over()
        order.append(number)

    async with background(*(partial(comes, number) for number in range(50))):
        await asyncio.sleep(5)

    assert order == list(range(50))


async def test_no_more_are_let_in_than_can_be_dealt_with_at_a_time() -> None:
    admission, arrivals = Admission(VirtualClock(), in_hand_max=3), []

    async def comes() -> None:
        arrivals.append(await admission.admit())

    async with background(*[comes] * 5):
        await asyncio.sleep(2)
        at_first = len(arrivals)
        arrivals[0].over()
        await asyncio.sleep(1)
        then = len(arrivals)
        await asyncio.sleep(15)

    assert (at_first, then, len(arrivals)) == (3, 4, 5), "the last did not have to wait for those who never end"


async def test_who_stands_in_a_line_that_turns_out_to_be_slow_is_sent_away_before_he_gives_up() -> None:
    clock = VirtualClock()
    admission, told_at = Admission(clock), []

    async def comes() -> None:
        try:
            with await admission.admit():
                told_at.append(clock.monotonic())
                await clock.sleep(12.0)  # as long as that takes where five a second can be dealt with
        except Overloaded:
            told_at.append(clock.monotonic())

    async with background(*[comes] * 1000):
        await asyncio.sleep(60)

    assert len(told_at) == 1000
    assert sum(at > 10.0 for at in told_at) <= 16, "as many as stand where the least pace is two a second"


async def test_one_who_hangs_up_while_he_waits_holds_nobody_up() -> None:
    admission, came = Admission(VirtualClock(), pace=Pace.fixed(1.0), burst=1), []

    async def comes(number: int) -> None:
        (await admission.admit()).over()
        came.append(number)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(comes(number)) for number in range(5)]
        await asyncio.sleep(0.5)
        tasks[1].cancel()
        tasks[3].cancel()

    assert came == [0, 2, 4]


def test_the_pace_falls_when_the_loop_was_late_and_rises_while_it_is_on_time() -> None:
    pace = Pace(per_second=100.0).woken(0.0, now=0.0)

    slower = pace.woken(0.01, now=0.1).woken(0.5, now=0.2)
    faster = pace.woken(0.01, now=0.1).woken(0.01, now=0.2)

    assert slower.per_second < 100.0 < pace.per_second
    assert slower.per_second < pace.per_second < faster.per_second


def test_the_pace_never_leaves_its_bounds() -> None:
    slow, fast = Pace(), Pace()

    for second in range(100):
        slow, fast = slow.woken(9.0, float(second)), fast.woken(0.0, float(second))

    assert slow.per_second == slow.least_per_second
    assert fast.per_second == fast.most_per_second
