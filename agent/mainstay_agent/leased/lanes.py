"""A thread of its own for work that may hang in the kernel: one per pool, one for the process table.

The promise: a hung lane holds up nobody but those who wait for it, not even the end of the process.  Jobs are done in the order they were asked;
one that nobody waits for any more is not begun."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


class Lane:
    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        Thread(target=self._work, name=name, daemon=True).start()

    async def do(self, job: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[T] = loop.create_future()

        def work() -> None:
            if waiting.cancelled():
                return
            outcome = _attempt(job)
            with suppress(RuntimeError):  # the loop is closed: the process ends
                loop.call_soon_threadsafe(_settle, waiting, outcome)

        self._jobs.put(work)
        return await waiting

    def _work(self) -> None:
        while True:
            self._jobs.get()()


def _attempt(job: Callable[[], T]) -> T | Exception:
    try:
        return job()
    except Exception as error:
        return error


def _settle(waiting: asyncio.Future[T], outcome: T | Exception) -> None:
    if waiting.cancelled():
        return
    if isinstance(outcome, Exception):
        waiting.set_exception(outcome)
    else:
        waiting.set_result(outcome)
