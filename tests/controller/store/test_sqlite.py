"""What only SQLite needs: its file has one write lock, and whoever leaves must not take it along."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from mainstay_controller.store.sql import engine
from mainstay_controller.store.sql.engine import open_store
from tests.controller.store.test_contract import a_zone

LONG_READ = sa.text(
    "WITH RECURSIVE numbers(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM numbers WHERE n < 1000000) SELECT max(n) FROM numbers"
)


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Objects in a circle stay, as they do in a process with little to do."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
async def test_a_transaction_whose_read_took_too_long_leaves_the_file_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_MS", 100)
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path}/mainstay.db")

    async def read_too_long() -> None:
        async with store.transaction() as books, asyncio.timeout(0.05):
            await books.zones.add(a_zone("half"))
            await books.rows(LONG_READ)

    with pytest.raises(TimeoutError) as told:
        await read_too_long()

    await store.zones.add(a_zone("whole"))
    assert [zone.name for zone in await store.zones.find()] == ["whole"]
    assert told.tb is not None  # what the error holds on to was held all the time
    await store.close()
