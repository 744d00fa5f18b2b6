"""Beats of many hosts come late, since our machine has other work: nobody becomes suspect for that, and who is dead is found as soon as we hear well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from mainstay_controller.domain.states import HostState
from mainstay_controller.loops.heartbeats import watch_heartbeats
from mainstay_runtime.tasks import background
from tests.kit.small_cloud import Here, a_cloud

HOSTS = 40


class Line:
    """Over which each host beats, and is heard every so many seconds."""

    def __init__(self, here: Here) -> None:
        self.here = here
        self.every_seconds = 1.0
        self.dead: set[str] = set()

    async def carries(self) -> None:
        """For ever: one host after another."""
        while True:
            for host in self.here.site.hosts:
                await asyncio.sleep(self.every_seconds / HOSTS)
                if host.host_id not in self.dead:
                    await host.beat()


@asynccontextmanager
async def many_beat() -> AsyncIterator[tuple[Here, Line]]:
    async with a_cloud(hosts=HOSTS) as here:
        line = Line(here)
        async with background(partial(watch_heartbeats, here.cloud), line.carries):
            await asyncio.sleep(10)
            yield here, line


async def suspects(here: Here) -> Sequence[str]:
    return sorted(host.id for host in await here.cloud.store.hosts.find() if host.state is HostState.ALERT)


async def test_hosts_whose_beats_are_all_heard_late_are_not_suspect() -> None:
    async with many_beat() as (here, line):
        for line.every_seconds in (1.5, 2.0, 2.8, 3.5, 5.0):
            await asyncio.sleep(20)

        assert await suspects(here) == []
        assert here.cloud.slowness > 3


async def test_one_that_died_meanwhile_is_found_by_the_slower_beat() -> None:
    async with many_beat() as (here, line):
        line.every_seconds = 2.0
        await asyncio.sleep(20)

        line.dead = {"h7"}
        await asyncio.sleep(3.5)
        too_early = await suspects(here)
        await asyncio.sleep(5)

        assert too_early == []
        assert await suspects(here) == ["h7"]


async def test_one_that_dies_while_we_hear_well_is_found_after_three_beats() -> None:
    async with many_beat() as (here, line):
        line.dead = {"h7"}
        await asyncio.sleep(1.9)
        too_early = await suspects(here)
        await asyncio.sleep(1.3)

        assert too_early == []
        assert await suspects(here) == ["h7"]
