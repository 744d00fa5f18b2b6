"""An event loop whose time is virtual: nothing waits, and what waits for nothing is an error.

The promise: callbacks run in the order in which their time comes; when nothing is ready the clock jumps to the next timer.
The limits: no sockets, no subprocesses, no threads - a story that needs them is an integration test."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, TypeVar

T = TypeVar("T")
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


class NothingWillHappen(RuntimeError):
    """Every task waits and no timer is set."""


class VirtualTimeLoop(asyncio.BaseEventLoop):
    """asyncio's own loop over a selector that advances time instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self._virtual_now = 0.0
        self._selector = self

    def time(self) -> float:
        return self._virtual_now

    def select(self, timeout_seconds: float | None) -> list[object]:
        if timeout_seconds is None:
            raise NothingWillHappen
        self._virtual_now += timeout_seconds
        return []

    def _process_events(self, _events: list[object]) -> None: ...

    def _write_to_self(self) -> None: ...


class VirtualTimePolicy(asyncio.DefaultEventLoopPolicy):
    """For pytest-asyncio: a conftest's `event_loop_policy` fixture returns this."""

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        return VirtualTimeLoop()


class VirtualClock:
    """mainstay_runtime.clock.Clock on the running loop's time."""

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def now(self) -> datetime:
        return BEGINNING + timedelta(seconds=self.monotonic())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class SeededRng:
    """mainstay_runtime.clock.Rng that draws the same again for the same seed."""

    def __init__(self, seed: int = 0) -> None:
        self._random = Random(seed)

    def random(self) -> float:
        return self._random.random()

    def uniform(self, low: float, high: float) -> float:
        return self._random.uniform(low, high)

    def shuffled(self, items: list[str]) -> list[str]:
        return self._random.sample(items, len(items))

    def uuid(self) -> str:
        return str(uuid.UUID(bytes=self._random.randbytes(16), version=4))

    def token(self, size_bytes: int) -> bytes:
        return self._random.randbytes(size_bytes)


def run_in_virtual_time(story: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(story)
