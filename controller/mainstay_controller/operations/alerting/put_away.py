"""Put events and alerts away, or delete them: by id, by type, by age; in batches, for there may be very many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from mainstay_controller.domain.records import Alert, Event
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.store.port import Repository, Store, Where, eq

R = TypeVar("R", Alert, Event)
BATCH = 500


async def archive(rows: Callable[[Store], Repository[R]], where: Sequence[Where], cloud: Cloud) -> None:
    """They are kept, and shown only to who asks for archived ones."""
    while True:
        async with cloud.store.transaction() as store:
            batch = await rows(store).find(*where, eq("archived", False), limit=BATCH)
            for each in batch:
                await rows(store).swap(each, replace(each, archived=True))
        if len(batch) < BATCH:
            return


async def delete(rows: Callable[[Store], Repository[R]], where: Sequence[Where], cloud: Cloud) -> None:
    while True:
        async with cloud.store.transaction() as store:
            batch = await rows(store).find(*where, limit=BATCH)
            for each in batch:
                await rows(store).remove(each.id)
        if len(batch) < BATCH:
            return
