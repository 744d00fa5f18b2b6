"""Tasks in a tree: whoever fails ends his block with his own error."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable

import pytest

from mainstay_runtime.tasks import Nursery, Work, all_of, background


class Storm(Exception):
    pass


async def for_ever() -> None:
    await asyncio.Event().wait()


async def fail() -> None:
    raise Storm


async def test_an_error_in_the_block_is_raised_bare() -> None:
    with pytest.raises(Storm):
        async with background(for_ever):
            raise Storm


async def test_an_error_beside_the_block_ends_it_and_is_raised_bare() -> None:
    with pytest.raises(Storm):
        async with background(fail):
            await for_ever()


async def test_blocks_within_blocks_add_nothing_to_an_error() -> None:
    with pytest.raises(Storm):
        async with background(for_ever), background(for_ever), background(fail):
            await for_ever()


async def test_works_are_cancelled_when_the_block_ends() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await for_ever()
        finally:
            ended.append("work")

    async with background(work):
        await asyncio.sleep(0)

    assert ended == ["work"]


async def test_a_part_that_fails_cancels_the_others_and_its_error_is_raised_bare() -> None:
    with pytest.raises(Storm):
        await all_of(for_ever(), fail())


async def test_a_deadline_still_tells_that_it_has_passed_after_parts_have_failed() -> None:
    with pytest.raises(TimeoutError):
        await within_a_moment(go_on_after(all_of(for_ever(), fail())))


async def test_a_deadline_still_tells_that_it_has_passed_after_a_work_failed_on_its_way_out() -> None:
    with pytest.raises(TimeoutError):
        await within_a_moment(go_on_after(leave_a_block_beside(fail_when_cancelled)))


async def test_who_is_cancelled_as_a_part_fails_is_cancelled() -> None:
    """Else a controller that is told to stop while its database fails would go on for ever."""
    parts = asyncio.create_task(go_on_after(all_of(for_ever(), fail())))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    parts.cancel()

    with pytest.raises(asyncio.CancelledError):
        await parts


async def test_who_is_cancelled_while_his_children_unwind_leaves_none_behind() -> None:
    ended: list[str] = []

    async def unwind_slowly() -> None:
        try:
            await for_ever()
        finally:
            await asyncio.sleep(0.01)
            ended.append("child")

    async def block() -> None:
        async with Nursery(on_error=lambda _name, _error: None) as nursery:
            nursery.adopt(unwind_slowly(), "child")
            await asyncio.sleep(0)

    task = asyncio.create_task(block())
    for _ in range(3):
        await asyncio.sleep(0)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["child"]


@pytest.mark.filterwarnings("error")
async def test_a_child_that_is_cancelled_before_it_began_is_let_go_of() -> None:
    async with Nursery(on_error=lambda _name, _error: None) as nursery:
        work = for_ever()
        nursery.adopt(work, "child")

    assert inspect.getcoroutinestate(work) == inspect.CORO_CLOSED


async def fail_when_cancelled() -> None:
    try:
        await for_ever()
    finally:
        raise Storm


async def leave_a_block_beside(work: Work) -> None:
    async with background(work):
        await asyncio.sleep(0)


async def within_a_moment(work: Awaitable[None]) -> None:
    async with asyncio.timeout(0.01):
        await work


async def go_on_after(parts: Awaitable[object]) -> None:
    try:
        await parts
    except Storm:
        await for_ever()
