"""A call that hangs costs its caller a deadline, and never more threads than allowed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from mainstay_agent.drivers.libvirt.connection import Hung, Threads
from mainstay_runtime.errors import DeadlineExceeded

SHORT, LONG = 0.05, 5.0


class Stuck:
    """Work that does not return before it is let go."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.begun = 0

    def __call__(self) -> str:
        self.begun += 1
        self.let_go.wait(LONG)
        return "late"


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    work = Stuck()
    yield work
    work.let_go.set()


async def test_work_is_done_and_its_answer_returned() -> None:
    assert await Threads("t", 1).run(lambda: 6 * 7, LONG) == 42


async def test_an_error_comes_out_as_it_is() -> None:
    def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        await Threads("t", 1).run(fail, LONG)


async def test_a_caller_waits_no_longer_than_it_said(stuck: Stuck) -> None:
    with pytest.raises(DeadlineExceeded):
        await Threads("t", 1).run(stuck, SHORT)


async def test_when_all_places_hang_the_next_is_told_at_once_and_not_begun(stuck: Stuck) -> None:
    threads = Threads("t", 2)
    for _ in range(2):
        with pytest.raises(DeadlineExceeded):
            await threads.run(stuck, SHORT)

    async with asyncio.timeout(SHORT):
        with pytest.raises(Hung):
            await threads.run(stuck, LONG)

    assert stuck.begun == 2


async def test_who_finds_no_free_place_in_time_was_not_begun(stuck: Stuck) -> None:
    threads = Threads("t", 1)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(threads.run(stuck, LONG))
        await asyncio.sleep(SHORT)
        with pytest.raises(Hung):
            await threads.run(lambda: "never", SHORT)
        stuck.let_go.set()

    assert first.result() == "late"


async def test_a_thread_that_returns_late_gives_its_place_back(stuck: Stuck) -> None:
    threads = Threads("t", 1)
    with pytest.raises(DeadlineExceeded):
        await threads.run(stuck, SHORT)

    stuck.let_go.set()
    await asyncio.sleep(SHORT)

    assert await threads.run(lambda: "served", LONG) == "served"
