"""Bells: somebody waits until something is said about a thing, and misses nothing said since he last looked."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Bells:
    """Any number may wait at one bell; each remembers how often it had rung when he looked."""

    _rung: Counter[Hashable] = field(default_factory=Counter)
    _waited_for: dict[Hashable, asyncio.Event] = field(default_factory=dict)

    def ring(self, about: Hashable) -> None:
        self._rung[about] += 1
        waited_for = self._waited_for.pop(about, None)
        if waited_for is not None:
            waited_for.set()

    def rung(self, about: Hashable) -> int:
        return self._rung[about]

    async def next(self, about: Hashable, *, after: int, within_seconds: float) -> None:
        """Until it has rung more often than `after`, or the time is over."""
        if self._rung[about] > after:
            return
        event = self._waited_for.setdefault(about, asyncio.Event())
        try:
            async with asyncio.timeout(within_seconds):
                await event.wait()
        except TimeoutError:
            return

    def forget(self, about: Hashable) -> None:
        self._rung.pop(about, None)
