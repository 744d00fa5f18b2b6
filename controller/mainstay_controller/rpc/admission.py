"""How fast newcomers are let in: a token bucket, so that ten thousand agents coming back are a queue and not a storm."""

from __future__ import annotations

from mainstay_controller.rpc.refusals import Overloaded, later
from mainstay_runtime.clock import Clock


class Admission:
    """Each newcomer takes a place in the queue and waits for it; when the queue is too long he is told when to come back.

    So many a second that ten thousand are in within half a minute, which costs about a core (docs/figures.md)."""

    def __init__(
        self, clock: Clock, *, per_second: float = 320.0, burst: int = 320, wait_max_seconds: float = 5.0
    ) -> None:
        self._clock = clock
        self._seconds_each = 1 / per_second
        self._burst_seconds = burst / per_second
        self._wait_max_seconds = wait_max_seconds
        self._next_free = float("-inf")

    async def admit(self) -> None:
        """Returns when it is the caller's turn.  Raises Overloaded."""
        now = self._clock.monotonic()
        place = max(self._next_free, now - self._burst_seconds) + self._seconds_each
        if place - now > self._wait_max_seconds:
            raise later(Overloaded(), place - now)
        self._next_free = place
        await self._clock.sleep(max(0.0, place - now))
