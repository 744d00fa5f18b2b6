"""A cluster that fills up is told of once, and again only after it had room."""

from __future__ import annotations

import asyncio

from mainstay_controller.domain.capacity.totals import CapacityType
from mainstay_controller.loops.capacity import look_at_capacity
from mainstay_controller.operations.capacity.count_capacity import Within, count_capacity
from mainstay_controller.operations.capacity.watch_capacity import watch_capacity
from mainstay_runtime.tasks import background
from tests.kit.small_cloud import CLUSTER, POD, ZONE, Here, a_cloud
from tests.kit.told_hosts import DoButSay, done
from tests.kit.wishes import a_running_vm, stop


async def alerts(here: Here) -> list[tuple[str, str, int]]:
    return [(alert.name, alert.state, alert.count) for alert in await here.cloud.store.alerts.find()]


async def test_a_full_cluster_is_told_of_while_it_is_full() -> None:
    async with a_cloud(hosts=1, cluster_cpu_notification_threshold=0.1) as here:
        await watch_capacity(here.cloud)
        assert await alerts(here) == []

        vms = [await a_running_vm(here, name=f"vm{number}") for number in range(2)]
        await watch_capacity(here.cloud)
        await watch_capacity(here.cloud)
        assert await alerts(here) == [("ALERT.CPU", "Open", 2)]

        for vm in vms:
            await here.run(await stop(here, vm))
        await watch_capacity(here.cloud)
        assert await alerts(here) == [("ALERT.CPU", "Resolved", 2)]


async def test_pools_are_measured_now_and_then() -> None:
    async with a_cloud(capacity_check_ms=60_000) as here:
        here.host(1).twist("check", DoButSay(done(mounted="true", total_bytes="1000", used_bytes="900")))

        async with background(lambda: look_at_capacity(here.cloud)):
            await asyncio.sleep(61)

        pool = await here.cloud.store.pools.by_id("pool")
        assert (pool.capacity_bytes, pool.used_bytes) == (1000, 900)
        assert ("ALERT.STORAGE", "Open", 1) in await alerts(here)


async def test_capacity_is_counted_for_the_narrowest_place_named() -> None:
    async with a_cloud(hosts=2) as here:
        await a_running_vm(here)

        everywhere = await count_capacity(Within(zone_id=ZONE), here.cloud)
        in_cluster = await count_capacity(Within(zone_id=ZONE, pod_id=POD, cluster_id=CLUSTER), here.cloud)

        cpu = next(each for each in in_cluster if each.type is CapacityType.CPU)
        of_zones = {
            CapacityType.VIRTUAL_NETWORK_PUBLIC_IP,
            CapacityType.DIRECT_ATTACHED_PUBLIC_IP,
            CapacityType.VLAN,
            CapacityType.SECONDARY_STORAGE,
        }
        assert [each for each in everywhere if each.type not in of_zones] == in_cluster
        assert (cpu.used, cpu.total) == (1000, 32000)
