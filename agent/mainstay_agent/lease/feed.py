"""Events of a lease area for one listener, in a bounded queue."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from mainstay_agent.lease.area import AreaBack, AreaEvent

EVENTS_MAX = 1000


class AreaFeed:
    """When full, what waits is dropped and AreaBack takes its place: the listener looks at everything anew."""

    def __init__(self) -> None:
        self._waiting: deque[AreaEvent] = deque()
        self._arrived = asyncio.Event()

    def tell(self, event: AreaEvent) -> None:
        self._waiting.append(event)
        if len(self._waiting) > EVENTS_MAX:
            self._waiting = deque([AreaBack()])
        self._arrived.set()

    async def listen(self) -> AsyncIterator[AreaEvent]:
        while True:
            while self._waiting:
                yield self._waiting.popleft()
            self._arrived.clear()
            await self._arrived.wait()
