"""The stores under contract.  Servers are started by the suite in temporary directories and stopped by it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mainstay_controller.store.port import Store
from mainstay_controller.store.sql.engine import open_store
from mainstay_runtime.clock import SystemClock
from tests.kit.memory_store import MemoryStore


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    if request.param == "memory":
        yield MemoryStore(SystemClock())  # type: ignore[misc]
        return
    opened = await open_store(f"sqlite+aiosqlite:///{tmp_path}/mainstay.db")
    yield opened  # type: ignore[misc]
    await opened.close()
