"""Write many small changes in few transactions.

A commit costs a disk's patience and each statement a journey, so changes that are independent of each other share them; when one of them has
lost its race the whole transaction is undone and each half of it tried again, so that the loser costs nobody else anything."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

from mainstay_controller.domain.lifecycle.table import ForbiddenTransition
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.orders.start_orders import StillSomewhere
from mainstay_controller.store.port import Stale, Store
from mainstay_runtime.logs import logger

Item = TypeVar("Item")
Result = TypeVar("Result")
WriteAll = Callable[[Store, Sequence[Item]], Awaitable[Sequence[Result]]]
"""Within the transaction that it is given; a result an item, in their order."""

BATCH_MAX = 200
LOST_RACE = (Stale, ForbiddenTransition, StillSomewhere)

log = logger(__name__)


async def together(
    items: Sequence[Item], write_all: WriteAll[Item, Result], cloud: Cloud
) -> AsyncIterator[list[tuple[Item, Result | None]]]:
    """Batch by batch, as each is committed.  None: that item's rows changed meanwhile, and nothing of it was written."""
    for first in range(0, len(items), BATCH_MAX):
        yield await _write_batch(items[first : first + BATCH_MAX], write_all, cloud)


async def _write_batch(
    batch: Sequence[Item], write_all: WriteAll[Item, Result], cloud: Cloud
) -> list[tuple[Item, Result | None]]:
    try:
        async with cloud.store.transaction() as store:
            return list(zip(batch, await write_all(store, batch), strict=True))
    except LOST_RACE as error:
        if len(batch) == 1:
            log.info("rows changed meanwhile", error=str(error))
            return [(batch[0], None)]
    half = len(batch) // 2
    return [*await _write_batch(batch[:half], write_all, cloud), *await _write_batch(batch[half:], write_all, cloud)]
