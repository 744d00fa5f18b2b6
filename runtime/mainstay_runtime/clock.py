"""Time and chance as arguments, so that tests can own them.

Nothing else in the house reads a clock or draws a random number (ruff's banned API says so)."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    def monotonic(self) -> float:
        """Seconds that go on through suspend (CLOCK_BOOTTIME); only differences mean anything, and only on one machine."""

    def now(self) -> datetime:
        """Wall clock, UTC: for people to read, never for a decision about safety."""

    async def sleep(self, seconds: float) -> None: ...


class Rng(Protocol):
    def random(self) -> float: ...

    def uniform(self, low: float, high: float) -> float: ...

    def shuffled(self, items: list[str]) -> list[str]: ...

    def uuid(self) -> str: ...

    def token(self, size_bytes: int) -> bytes:
        """Secret bytes; predictable only in a simulation."""


class SystemClock:
    """The machine's clocks."""

    def monotonic(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class SystemRng:
    """The machine's entropy."""

    def __init__(self) -> None:
        self._random = random.SystemRandom()

    def random(self) -> float:
        return self._random.random()

    def uniform(self, low: float, high: float) -> float:
        return self._random.uniform(low, high)

    def shuffled(self, items: list[str]) -> list[str]:
        return self._random.sample(items, len(items))

    def uuid(self) -> str:
        return str(uuid.uuid4())

    def token(self, size_bytes: int) -> bytes:
        return self._random.randbytes(size_bytes)
