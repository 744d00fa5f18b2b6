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
    _waiting: dict[Hashable, list[asyncio.Future[None]]] = field(default_factory=dict)

    def ring(self, about: Hashable) -> None:
        self._rung[about] += 1
        for waiting in self._waiting.pop(about, ()):
            _wake(waiting)

    def rung(self, about: Hashable) -> int:
        return self._rung[about]

    async def next(self, about: Hashable, *, after: int, within_seconds: float) -> None:
        """Until it has rung more often than `after`, or the time is over."""
        if self._rung[about] > after:
            return
        loop = asyncio.get_running_loop()
        woken: asyncio.Future[None] = loop.create_future()
        self._waiting.setdefault(about, []).append(woken)
        timer = loop.call_later(within_seconds, _wake, woken)
        try:
            await woken
        finally:
            timer.cancel()
            self._leave(about, woken)

    def _leave(self, about: Hashable, woken: asyncio.Future[None]) -> None:
        """Whoever waits no longer; a bell at which nobody waits is not kept."""
        waiting = self._waiting.get(about, [])
        if woken in waiting:
            waiting.remove(woken)
            if not waiting:
                del self._waiting[about]

    def forget(self, about: Hashable) -> None:
        self._rung.pop(about, None)


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
