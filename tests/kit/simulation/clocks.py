"""Clocks of one machine: each runs at its own rate from its own beginning, and people may set its wall clock.

The rate error is relative and constant for a run; what the protocol allows is rho, one part in a thousand."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime, timedelta

from tests.kit.simulation.loop import sim_loop
from tests.kit.virtual_time import BEGINNING


class MachineClock:
    """mainstay_runtime.clock.Clock."""

    def __init__(self, *, rate: float = 1.0, began: float = 0.0) -> None:
        self.rate = rate
        self.wall_error_seconds = 0.0
        self._began = began
        self._loop = sim_loop()

    def monotonic(self) -> float:
        return self._began + self._loop._virtual_now * self.rate

    def now(self) -> datetime:
        return BEGINNING + timedelta(seconds=self.monotonic() - self._began + self.wall_error_seconds)

    async def sleep(self, seconds: float) -> None:
        await self._loop.resolved_after(seconds / self.rate)

    def true_seconds(self, seconds: float) -> float:
        """What this clock calls `seconds`, in true ones."""
        return seconds / self.rate


def pause(seconds: float) -> Awaitable[None]:
    """asyncio.sleep without what it does for debugging."""
    return sim_loop().resolved_after(seconds)
