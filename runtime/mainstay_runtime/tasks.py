"""Concurrency as a tree: every task has a parent block; nothing is fired and forgotten.

The one module that may start tasks (ruff's banned API says so).  A group's error is caught by `except`, not `except*`: out of the latter Python
before 3.11.4, which Debian 12 has, lets no bare error (cpython gh-103590)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

T = TypeVar("T")
Work = Callable[[], Coroutine[Any, Any, None]]


@asynccontextmanager
async def background(*works: Work) -> AsyncIterator[None]:
    """Run works beside the block.  They are cancelled when the block ends; one that fails ends the block with its error, raised bare."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work(), name=getattr(work, "__qualname__", repr(work))) for work in works]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
    except ExceptionGroup as many:
        raise many.exceptions[0] from many


async def all_of(*awaitables: Coroutine[Any, Any, T]) -> list[T]:
    """Run together and return the results in order; the first failure cancels the others and is raised bare."""
    if len(awaitables) <= 1:
        return [await only for only in awaitables]
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(awaitable) for awaitable in awaitables]
    except ExceptionGroup as many:
        raise many.exceptions[0] from many
    return [task.result() for task in tasks]


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
        children = list(self._children)
        for child in children:
            child.cancel()
        if children:
            await asyncio.wait(children)

    def adopt(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        if not self._open:
            work.close()
            raise RuntimeError(f"nursery is closed: {name}")
        child = asyncio.get_running_loop().create_task(self._guarded(work, name), name=name)
        self._children.add(child)
        child.add_done_callback(self._children.discard)
        return child

    async def _guarded(self, work: Awaitable[None], name: str) -> None:
        try:
            await work
        except Exception as error:
            self._on_error(name, error)

    def __len__(self) -> int:
        return len(self._children)
