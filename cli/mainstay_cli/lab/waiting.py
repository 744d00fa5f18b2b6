"""Wait for something that does not tell."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from mainstay_runtime.errors import DeadlineExceeded

POLL_SECONDS = 0.05


async def until(claim: Callable[[], Awaitable[bool]], what: str, deadline_seconds: float) -> None:
    """Returns when the claim holds; DeadlineExceeded names `what` otherwise."""
    try:
        async with asyncio.timeout(deadline_seconds):
            while True:
                if await claim():
                    return
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError as error:
        raise DeadlineExceeded(f"not within {deadline_seconds} s: {what}") from error
