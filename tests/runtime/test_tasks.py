"""Tasks in a tree: whoever fails ends his block with his own error."""

from __future__ import annotations

import asyncio

import pytest

from mainstay_runtime.tasks import background


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
