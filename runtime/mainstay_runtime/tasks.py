"""Concurrency as a tree: every task has a parent block; nothing is fired and forgotten.

The one module that may start tasks (ruff's banned API says so).  A group's error is caught by `except`, not `except*`: out of the latter Python
before 3.11.4, which Debian 12 has, lets no bare error (cpython gh-103590)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

T = TypeVar("T")
Work = Callable[[], Coroutine[Any, Any, None]]


@asynccontextmanager
async def background(*works: Work) -> AsyncIterator[None]:
    """Run works beside the block.  They are cancelled when the block ends; one that fails ends the block with its error, raised bare."""
    async with _group() as group:
        tasks = [group.create_task(work(), name=_name_of(work)) for work in works]
        try:
            yield
        finally:
            await _ended(tasks)


def _name_of(work: Work) -> str:
    """The `repr` of a method tells all that its object holds, which may be the whole cloud: only what has no other name is told by it."""
    name: str | None = getattr(work, "__qualname__", None)
    return name or repr(work)


async def all_of(*awaitables: Coroutine[Any, Any, T]) -> list[T]:
    """Run together and return the results in order; the first failure cancels the others and is raised bare."""
    if len(awaitables) <= 1:
        return [await only for only in awaitables]
    async with _group() as group:
        tasks = [group.create_task(awaitable) for awaitable in awaitables]
        await asyncio.wait(tasks)
    return [task.result() for task in tasks]


@asynccontextmanager
async def _group() -> AsyncIterator[asyncio.TaskGroup]:
    """asyncio's, whose first error is raised bare, and never in the place of a cancellation from outside, which would be lost with it.

    The block waits for its tasks itself: of one that fails while a group is being left, Python 3.11 never takes back the cancellation by which
    it told the parent, and a deadline further out takes itself for a cancellation from then on."""
    asked = _cancellations()
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except ExceptionGroup as many:
        if _cancellations() > asked:
            raise asyncio.CancelledError from many
        raise many.exceptions[0] from many


def _cancellations() -> int:
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancelled, and over; whoever is cancelled while he waits hears of it afterwards, and leaves nothing running."""
    for task in tasks:
        task.cancel()
    told: asyncio.CancelledError | None = None
    while left := [task for task in tasks if not task.done()]:
        try:
            await asyncio.wait(left)
        except asyncio.CancelledError as cancelled:
            told = cancelled
    if told is not None:
        raise told


class Nursery:
    """A block that adopts tasks while it is open: for servers, whose children come from outside.

    A child's failure is handed to `on_error`, never lost, and does not end its siblings."""

    def __init__(self, on_error: Callable[[str, Exception], None]) -> None:
        self._on_error = on_error
        self._children: set[asyncio.Task[None]] = set()
        self._open = False

    async def __aenter__(self) -> Nursery:
        self._open = True
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._open = False
        await _ended(list(self._children))

    def adopt(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        if not self._open:
            work.close()
            raise RuntimeError(f"nursery is closed: {name}")
        child = asyncio.get_running_loop().create_task(self._guarded(work, name), name=name)
        self._children.add(child)
        child.add_done_callback(self._children.discard)
        child.add_done_callback(lambda _child: work.close())  # of a child that was cancelled before it began
        return child

    async def _guarded(self, work: Awaitable[None], name: str) -> None:
        try:
            await work
        except Exception as error:
            self._on_error(name, error)

    def __len__(self) -> int:
        return len(self._children)
