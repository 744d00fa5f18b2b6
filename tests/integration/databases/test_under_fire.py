"""A database that is restarted, or killed, under load: every change succeeds, fails clearly or is unknown; none is lost, none done twice."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from mainstay_controller.domain.records import Setting
from mainstay_controller.store.port import OutcomeUnknown, Stale, Unreachable
from mainstay_controller.store.sql.engine import open_store
from mainstay_controller.store.sql.store import SqlStore
from mainstay_runtime.tasks import all_of
from tests.kit import databases
from tests.kit.needs import needs
from tests.kit.sessions import eventually

WRITERS = 6


@dataclass
class Load:
    """Writers who count in one row each, and all in a shared one, in the same transaction."""

    store: SqlStore
    said: Counter[str]
    is_over: bool = False

    async def write(self, number: int) -> None:
        while not self.is_over:
            try:
                async with self.store.transaction() as store:
                    for name in (f"own-{number}", "shared"):
                        row = await store.settings.by_id(name)
                        await store.settings.swap(row, replace(row, value=str(int(row.value) + 1)))
                self.said[f"done-{number}"] += 1
            except OutcomeUnknown:
                self.said[f"unknown-{number}"] += 1
            except (Stale, Unreachable) as error:
                self.said[type(error).__name__] += 1
                await asyncio.sleep(0.02)

    async def more_is_done(self) -> None:
        enough = self.done + 5 * WRITERS
        await eventually(lambda: self.done >= enough, 60)

    @property
    def done(self) -> int:
        return sum(count for name, count in self.said.items() if name.startswith("done"))

    async def check(self) -> None:
        rows = {row.id: int(row.value) for row in await self.store.settings.find()}
        for number in range(WRITERS):
            done, unknown = self.said[f"done-{number}"], self.said[f"unknown-{number}"]
            assert done <= rows[f"own-{number}"] <= done + unknown
        assert rows["shared"] == sum(rows[f"own-{number}"] for number in range(WRITERS))


async def a_load(url: str) -> Load:
    store = await open_store(url)
    now = await store.now()
    names = ["shared", *(f"own-{number}" for number in range(WRITERS))]
    await store.settings.add_all([Setting(id=name, name=name, value="0", created=now) for name in names])
    return Load(store, Counter())


@pytest.fixture(params=["postgresql", "mariadb"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[databases.Server]:
    needs({"postgresql": "/usr/lib/postgresql", "mariadb": "mariadbd"}[request.param])
    with databases.postgresql() if request.param == "postgresql" else databases.mariadb() as running:
        yield running


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
async def test_a_restart_under_load_loses_nothing_and_doubles_nothing(
    server: databases.Server, how: signal.Signals
) -> None:
    if server.user == "mysql" and how is signal.SIGINT:
        how = signal.SIGTERM
    load = await a_load(server.url)

    async def hurt() -> None:
        await load.more_is_done()
        await asyncio.to_thread(server.stop, how)
        await asyncio.to_thread(server.start)
        await load.more_is_done()
        load.is_over = True

    await all_of(hurt(), *[load.write(number) for number in range(WRITERS)])

    await load.check()
    await load.store.close()
