"""An order that lay about: the row it rests on was read, then the database hung for longer than a takeover takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from mainstay_controller.domain.ids import HostId
from mainstay_controller.domain.lifecycle.vm import VmEvent
from mainstay_controller.domain.records import Vm
from mainstay_controller.domain.states import VmState
from mainstay_controller.operations.change_state import change_vm
from mainstay_controller.operations.orders.start_orders import order_start, raise_epoch
from mainstay_controller.operations.vms import migrate_vm
from mainstay_controller.store.port import Stale
from mainstay_proto.messages import Heartbeat, PoolLease, PrepareIncoming, StartGuest
from mainstay_runtime.tasks import background
from tests.kit.small_cloud import ANN, POOL, Here, a_cloud, a_controller, a_site
from tests.kit.told_hosts import ToldHost
from tests.kit.wishes import a_running_vm, a_stopped_vm


class HangingDatabase:
    """Looking for volumes hangs from `hangs` on until it `goes`."""

    def __init__(self) -> None:
        self.hangs: Callable[[], bool] = lambda: False
        self.reached = asyncio.Event()
        self.goes = asyncio.Event()

    async def before(self, what: str) -> None:
        if what == "find volumes" and self.hangs():
            self.reached.set()
            await self.goes.wait()


async def says_its_lease(here: Here, host: ToldHost, generation: int) -> None:
    lease = PoolLease(
        pool_id=POOL, generation=generation, sequence=1, valid=True, age_seconds=0.0, remaining_seconds=10.0
    )
    beat = Heartbeat(host_id=host.host_id, sequence=generation, digest=0, leases=(lease,))
    await here.cloud.fleet.received(host, beat)


async def is_starting_on_h1(here: Here, vm: Vm) -> Vm:
    store = here.site.store
    host = await store.hosts.by_id("h1")
    cluster = await store.clusters.by_id(host.cluster_id)
    return await raise_epoch(store, await store.vms.by_id(vm.id), host, cluster, await store.now(), "a test")


def generations(order: StartGuest | PrepareIncoming) -> list[int]:
    assert order.tenure is not None
    return [each.generation for each in order.tenure.generations]


async def test_a_start_order_names_the_lease_of_before_its_row_was_read() -> None:
    database, site = HangingDatabase(), await a_site()
    here = await a_controller(site, before=database.before)
    vm = await is_starting_on_h1(here, await a_stopped_vm(here))
    await says_its_lease(here, here.host(1), generation=1)
    database.hangs = lambda: True

    async def meanwhile() -> None:
        """The host's lease lapses, the guest is taken off it by that proof, and the host holds a lease again."""
        await database.reached.wait()
        await says_its_lease(here, here.host(1), generation=2)
        database.goes.set()

    async with background(meanwhile):
        await order_start(vm, command_id="late", cloud=here.cloud)

    [order] = [each for each in here.host(1).orders if isinstance(each, StartGuest) and each.spec.epoch == vm.epoch]
    assert generations(order) == [1]


async def test_a_start_that_was_taken_off_its_host_meanwhile_is_not_ordered() -> None:
    async with a_cloud() as here:
        vm = await is_starting_on_h1(here, await a_stopped_vm(here))
        off = replace(vm, host_id=None, host_boot_id=None)
        await change_vm(here.site.store, vm, VmEvent.OPERATION_RETRY, await here.site.store.now(), "a proof", into=off)
        before = list(here.host(1).orders)

        with pytest.raises(Stale):
            await order_start(vm, command_id="late", cloud=here.cloud)

        assert here.host(1).orders == before


async def test_the_target_of_a_migration_is_told_the_lease_of_before_the_row_was_read() -> None:
    database, site = HangingDatabase(), await a_site()
    here = await a_controller(site, before=database.before)
    vm = await a_running_vm(here)
    await says_its_lease(here, here.host(2), generation=1)
    job = await migrate_vm.begin(vm.id, ANN, here.cloud, host_id=HostId("h2"))

    database.hangs = lambda: site.store.rows.tables["vms"][vm.id].state is VmState.MIGRATING

    async def meanwhile() -> None:
        await database.reached.wait()
        await says_its_lease(here, here.host(2), generation=2)
        database.goes.set()

    async with background(meanwhile):
        await here.run(job)

    [order] = [each for each in here.host(2).orders if isinstance(each, PrepareIncoming)]
    assert generations(order) == [1]
