"""Many guests are deployed at once into scarce room: no host is promised more than it has, and nobody gives up while there is room."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest

from mainstay_controller.domain.capacity.usage import total, usage_by_host
from mainstay_controller.domain.states import VmState
from mainstay_controller.store.port import LIVE
from mainstay_runtime.tasks import background
from tests.kit.small_cloud import Here, a_controller, a_site
from tests.kit.wishes import deploy

FIT = 16
"""So many fit into the cores of two hosts."""


async def overcommitted(here: Here) -> list[str]:
    store = here.site.store
    hosts, clusters = await store.hosts.find(LIVE), {each.id: each for each in await store.clusters.find()}
    used = usage_by_host(await store.vms.find(), hosts, clusters)
    return [host.name for host in hosts if used[host.id].cpu_mhz > total(host, clusters[host.cluster_id]).cpu_mhz]


@pytest.mark.parametrize("seed", range(4))
async def test_a_stampede_does_not_overcommit(seed: int) -> None:
    chance = Random(seed)

    async def slow_database(_call: str) -> None:
        await asyncio.sleep(chance.random() / 100)

    site = await a_site(hosts=2)
    row = await site.store.hosts.by_id("h2")
    assert row.cpus * row.cpu_mhz == FIT * 1000
    loose: dict[str, Any] = {"cluster_cpu_disable_threshold": 1.0, "cluster_memory_disable_threshold": 1.0}
    here = await a_controller(site, before=slow_database, **loose)
    jobs = [await deploy(here, name=f"vm{number}") for number in range(2 * FIT)]

    async with background(here.work_for_ever):
        for job in jobs:
            await here.ended(job)

    running = [vm for vm in await site.store.vms.find() if vm.state is VmState.RUNNING]
    assert await overcommitted(here) == []
    assert len(running) == 2 * FIT
