"""A Galera cluster of three nodes, all written to at once: conflicts are found at the commit, and a node may die under load."""

from __future__ import annotations

import asyncio
import signal

import pytest

from mainstay_runtime.tasks import all_of
from tests.kit import databases
from tests.kit.load import WRITERS, a_load
from tests.kit.needs import needs

pytestmark = pytest.mark.cluster


async def test_a_node_killed_under_load_loses_nothing_and_doubles_nothing() -> None:
    needs("root", "mariadbd", "/usr/lib/galera/libgalera_smm.so", "rsync", "lsof")
    with databases.galera(3) as nodes:
        load = await a_load(*(node.url for node in nodes))

        async def hurt() -> None:
            await load.more_is_done()
            await asyncio.to_thread(nodes[1].stop, signal.SIGKILL)
            await load.more_is_done()
            await asyncio.to_thread(nodes[1].start)
            await asyncio.to_thread(databases.wait_until_synced, nodes[1])
            await load.more_is_done()
            load.is_over = True

        await all_of(hurt(), *[load.write(number) for number in range(WRITERS)])

        await load.check()
        assert sum(databases.conflicts_found_by(node) for node in nodes) > 0
        assert load.said["stale"] > 0
        await load.close()
