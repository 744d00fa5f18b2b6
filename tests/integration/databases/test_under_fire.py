"""A database that is restarted, or killed, under load: every change succeeds, fails clearly or is unknown; none is lost, none done twice."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator

import pytest

from mainstay_runtime.tasks import all_of
from tests.kit import databases
from tests.kit.load import WRITERS, a_load
from tests.kit.needs import needs


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
    await load.close()
