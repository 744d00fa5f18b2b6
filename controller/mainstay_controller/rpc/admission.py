"""How newcomers are let in: no more at a time, and no more a second, than our loop can bear, so that ten thousand agents coming back are a queue and not
a storm.

The promise: who waits here is let in in the order of coming, within `wait_max_seconds` as far as can be foreseen; who would have to wait
longer - at once, or as soon as it turns out that we are slower than we thought - is told when to come again, each at another moment, as many a second as
are let in.  So nobody waits until he gives up, having cost us an arrival for nothing.  There is no task behind it: who stands first keeps the door."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import islice

from mainstay_controller.rpc.pace import Pace
from mainstay_controller.rpc.refusals import Overloaded, later
from mainstay_runtime.clock import Clock
from mainstay_runtime.errors import Denied

MOMENT_SECONDS = 0.02
"""The door is looked after so often."""
STALL_SECONDS = 0.25
"""For no longer time without a look at the door are newcomers let in afterwards."""
IN_HAND_SECONDS = 15.0
"""One who says nothing for so long after he was let in keeps nobody else outside."""
RATE_SECONDS = 2.0
"""Over so long is counted how many are let in."""
COME_AGAIN_MAX_SECONDS = 60.0


class Arrival:
    """One who was let in, and is work for us until it is `over`: at the end of the block, if not before."""

    def __init__(self, in_hand: dict[Arrival, float], now: float) -> None:
        self._in_hand = in_hand
        in_hand[self] = now

    def __enter__(self) -> Arrival:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.over()

    def over(self) -> None:
        self._in_hand.pop(self, None)


@dataclass(eq=False, slots=True)
class Place:
    """One newcomer's, in the line.  `called`: he is let in, stands first, or is `refused`."""

    called: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    arrival: Arrival | None = None
    refused: Denied | None = None


class Admission:
    def __init__(
        self,
        clock: Clock,
        *,
        pace: Pace | None = None,
        burst: int = 64,
        in_hand_max: int = 64,
        wait_max_seconds: float = 8.0,
    ) -> None:
        self._clock = clock
        self._pace = pace or Pace()
        self._burst = burst
        self._in_hand_max = in_hand_max
        self._wait_max_seconds = wait_max_seconds
        self._line: dict[Place, None] = {}
        self._in_hand: dict[Arrival, float] = {}  # since when, the oldest first
        self._due = float(burst)  # so many are to be let in by the pace
        self._looked_at = float("-inf")
        self._rate = self._pace.per_second
        self._last_appointment = float("-inf")

    async def admit(self) -> Arrival:
        """Returns when it is the caller's turn.  Raises Overloaded."""
        if not self._line:
            self._count_up(float("inf"))
            if self._may_pass():
                return self._let_in()
        self._turn_away_when_crowded()
        return await self._stand_in_line(Place())

    def _let_in(self) -> Arrival:
        self._due -= 1
        return Arrival(self._in_hand, self._clock.monotonic())

    def _may_pass(self) -> int:
        """How many."""
        self._wait_no_longer_for_the_slow()
        return max(0, min(int(self._due), self._in_hand_max - len(self._in_hand)))

    def _wait_no_longer_for_the_slow(self) -> None:
        since = self._clock.monotonic() - IN_HAND_SECONDS
        for arrival in [each for each in islice(self._in_hand, self._in_hand_max) if self._in_hand[each] < since]:
            arrival.over()

    def _turn_away_when_crowded(self) -> None:
        wait_seconds = (len(self._line) + 1 - self._may_pass()) / self._rate
        if wait_seconds > self._wait_max_seconds:
            raise later(Overloaded(), self._appointment(wait_seconds))

    def _send_away_the_last(self) -> None:
        """It goes more slowly than was foreseen when they came."""
        there = len(self._line)
        for place in list(reversed(self._line)):
            wait_seconds = there / self._rate
            if wait_seconds <= self._wait_max_seconds or there == 1:
                return
            place.refused = later(Overloaded(), self._appointment(wait_seconds))
            self._call(place)
            del self._line[place]
            there -= 1

    def _appointment(self, wait_seconds: float) -> float:
        """In how many seconds: behind all that wait here, and all that were sent away."""
        now = self._clock.monotonic()
        at = max(now + wait_seconds, self._last_appointment + 1 / self._rate)
        if at - now > COME_AGAIN_MAX_SECONDS:
            at = now + wait_seconds
        self._last_appointment = at
        return at - now

    async def _stand_in_line(self, place: Place) -> Arrival:
        self._line[place] = None
        try:
            if next(iter(self._line)) is not place:
                await place.called
            if place.refused is not None:
                raise place.refused
            while place.arrival is None:
                await self._keep_the_door()
            return place.arrival
        except asyncio.CancelledError:
            if place.arrival is not None:
                place.arrival.over()
            raise
        finally:
            self._line.pop(place, None)
            self._call_the_first()

    async def _keep_the_door(self) -> None:
        """For a moment: then all whose turn it is are let in."""
        began = self._clock.monotonic()
        pause_seconds = max(MOMENT_SECONDS, (1 - self._due) / self._pace.per_second)
        await self._clock.sleep(pause_seconds)
        now = self._clock.monotonic()
        self._pace = self._pace.woken(now - began - pause_seconds, now)
        self._count_up(max(STALL_SECONDS, pause_seconds))
        passing = list(islice(self._line, self._may_pass()))
        self._count_rate(len(passing), now - began)
        for place in passing:
            del self._line[place]
            place.arrival = self._let_in()
            self._call(place)
        self._send_away_the_last()

    def _count_up(self, seconds_max: float) -> None:
        now = self._clock.monotonic()
        seconds = min(now - self._looked_at, seconds_max)
        self._looked_at = now
        self._due = min(self._due + seconds * self._pace.per_second, float(self._burst))

    def _count_rate(self, let_in: int, seconds: float) -> None:
        share = min(1.0, seconds / RATE_SECONDS)
        rate = self._rate + share * (let_in / seconds - self._rate)
        self._rate = max(rate, self._pace.least_per_second)

    def _call_the_first(self) -> None:
        first = next(iter(self._line), None)
        if first is not None:
            self._call(first)

    def _call(self, place: Place) -> None:
        if not place.called.done():
            place.called.set_result(None)
