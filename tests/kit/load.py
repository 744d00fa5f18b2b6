"""A load on the store of which the books must balance: whatever hurts the database, each change is done, not done or unknown.

Writers count in one row each, and all in a shared one, in the same transaction.  What they were told is compared with what the rows say."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mainstay_controller.domain.records import Setting
from mainstay_controller.store.port import OutcomeUnknown, Stale, Unreachable
from mainstay_controller.store.sql.engine import open_store
from mainstay_controller.store.sql.store import SqlStore
from tests.kit.sessions import eventually

WRITERS = 6
PAUSE_SECONDS = 0.02


@dataclass
class Load:
    """`stores`: several doors to one database; a writer who finds his shut goes on through the next."""

    stores: Sequence[SqlStore]
    said: Counter[str]
    is_over: bool = False

    async def write(self, number: int) -> None:
        door = number
        while not self.is_over:
            try:
                async with self.stores[door % len(self.stores)].transaction() as store:
                    for name in (f"own-{number}", "shared"):
                        row = await store.settings.by_id(name)
                        await store.settings.swap(row, replace(row, value=str(int(row.value) + 1)))
                self.said[f"done-{number}"] += 1
            except OutcomeUnknown:
                self.said[f"unknown-{number}"] += 1
            except Unreachable:
                self.said["unreachable"] += 1
                door += 1
                await asyncio.sleep(PAUSE_SECONDS)
            except Stale:
                self.said["stale"] += 1
                await asyncio.sleep(PAUSE_SECONDS)

    async def more_is_done(self) -> None:
        enough = self.done + 5 * WRITERS
        await eventually(lambda: self.done >= enough, 120)

    @property
    def done(self) -> int:
        return sum(count for name, count in self.said.items() if name.startswith("done"))

    async def check(self) -> None:
        """By every door the same."""
        for store in self.stores:
            rows = {row.id: int(row.value) for row in await store.settings.find()}
            for number in range(WRITERS):
                done, unknown = self.said[f"done-{number}"], self.said[f"unknown-{number}"]
                assert done <= rows[f"own-{number}"] <= done + unknown
            assert rows["shared"] == sum(rows[f"own-{number}"] for number in range(WRITERS))

    async def close(self) -> None:
        for store in self.stores:
            await store.close()


async def a_load(*urls: str) -> Load:
    stores = [await open_store(url) for url in urls]
    now = await stores[0].now()
    names = ["shared", *(f"own-{number}" for number in range(WRITERS))]
    await stores[0].settings.add_all([Setting(id=name, name=name, value="0", created=now) for name in names])
    return Load(stores, Counter())
