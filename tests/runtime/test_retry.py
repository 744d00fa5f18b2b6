"""Trying again takes its time and its dice from outside."""

from __future__ import annotations

import pytest

from mainstay_runtime.clock import SystemClock
from mainstay_runtime.errors import Denied, Unavailable
from mainstay_runtime.retry import Backoff, retrying
from tests.kit.virtual_time import SeededRng


class NotingClock(SystemClock):
    """A clock whose sleeps pass at once and are noted."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class HighestDraw(SeededRng):
    def uniform(self, low: float, high: float) -> float:
        return high


async def fail(
    times: int, error: Exception, clock: NotingClock, rng: SeededRng, attempts_max: int | None = None
) -> int:
    attempts = 0
    async for attempt in retrying(
        (Unavailable, Denied),
        clock=clock,
        rng=rng,
        backoff=Backoff(first_seconds=1, cap_seconds=10),
        attempts_max=attempts_max,
    ):
        with attempt:
            attempts += 1
            if attempts <= times:
                raise error
    return attempts


async def test_the_widest_wait_doubles_up_to_the_cap() -> None:
    clock = NotingClock()

    await fail(6, Unavailable(), clock, HighestDraw())

    assert clock.slept == [1, 2, 4, 8, 10, 10]


async def test_a_wait_may_be_any_part_of_the_widest() -> None:
    clock = NotingClock()

    await fail(200, Unavailable(), clock, SeededRng(1))

    late = clock.slept[10:]
    assert min(late) < 1
    assert max(late) > 9
    assert 4 < sum(late) / len(late) < 6


async def test_the_same_seed_waits_the_same() -> None:
    one, other = NotingClock(), NotingClock()

    await fail(20, Unavailable(), one, SeededRng(7))
    await fail(20, Unavailable(), other, SeededRng(7))

    assert one.slept == other.slept


async def test_who_is_told_when_to_come_back_does_not_come_sooner() -> None:
    clock, refusal = NotingClock(), Denied()
    refusal.retry_after_seconds = 60

    await fail(3, refusal, clock, SeededRng())

    assert all(60 <= slept <= 64 for slept in clock.slept)


async def test_when_attempts_run_out_the_last_error_is_raised_bare() -> None:
    with pytest.raises(Unavailable):
        await fail(9, Unavailable(), NotingClock(), SeededRng(), attempts_max=3)


async def test_an_error_of_another_kind_is_not_tried_again() -> None:
    clock = NotingClock()

    with pytest.raises(ZeroDivisionError):
        await fail(1, ZeroDivisionError(), clock, SeededRng())

    assert clock.slept == []
