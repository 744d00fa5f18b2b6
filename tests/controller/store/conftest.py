"""The stores under contract.  Servers are started once by the suite in temporary directories and stopped by it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from mainstay_controller.store.port import Store
from mainstay_controller.store.sql.engine import open_store
from mainstay_controller.store.sql.store import SqlStore
from mainstay_controller.store.sql.tables import METADATA
from mainstay_runtime.clock import SystemClock
from tests.kit import databases
from tests.kit.memory_store import MemoryStore
from tests.kit.needs import needs


@pytest.fixture(scope="session")
def postgresql() -> Iterator[databases.Server]:
    needs("/usr/lib/postgresql")
    with databases.postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[databases.Server]:
    needs("mariadbd")
    with databases.mariadb() as server:
        yield server


@pytest.fixture(params=["memory", "sqlite", "postgresql", "mariadb"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    if request.param == "memory":
        yield MemoryStore(SystemClock())
        return
    if request.param == "sqlite":
        opened = await open_store(f"sqlite+aiosqlite:///{tmp_path}/mainstay.db")
    else:
        server: databases.Server = request.getfixturevalue(request.param)
        opened = await open_store(server.url)
        await empty(opened)
    yield opened
    await opened.close()


async def empty(store: SqlStore) -> None:
    async with store.engine.begin() as connection:
        for table in METADATA.sorted_tables:
            await connection.execute(sa.delete(table))
