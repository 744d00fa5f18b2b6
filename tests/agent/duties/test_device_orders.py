"""A guest that is given a disk while it runs stands on that disk's pool from before it has it until the hypervisor says that it is gone."""

from __future__ import annotations

import asyncio

from mainstay_agent.drivers.simulated.host import StorageCondition
from mainstay_agent.lease.area import LedgerEntry
from mainstay_proto.messages import (
    AttachDisk,
    DetachDisk,
    DiskSpec,
    GuestState,
    PoolGeneration,
    RunState,
    StopGuest,
    Tenure,
)
from tests.kit.simulated_hosts import POOL, Site, a_guest, a_site

LOCAL = "local-h1"
DATA = DiskSpec(volume_id="data", pool_id=POOL, path="/pools/shared/data.qcow2")
ATTACH = AttachDisk(vm_id="vm1", epoch=1, disk=DATA)
DETACH = DetachDisk(vm_id="vm1", epoch=1, disk=DATA)
LAPSE_SECONDS = 15.0


async def ledger(site: Site) -> LedgerEntry:
    [entry] = await site.areas["h1"].ledger()
    return entry


def disks(site: Site) -> list[str]:
    copy = site.world.hosts["h1"].living("vm1")
    return [] if copy is None else [disk.volume_id for disk in copy.spec.disks]


async def a_local_guest(site: Site) -> None:
    result = await site.start("h1", a_guest(pool=LOCAL))
    assert result.state is RunState.DONE
    await asyncio.sleep(5)


async def test_a_guest_with_a_disk_on_one_more_pool_dies_with_that_pools_lease_too() -> None:
    async with a_site() as site:
        await a_local_guest(site)

        attached = await site.order("h1", ATTACH)
        stands_on = (await ledger(site)).pools
        site.world.hosts["h1"].set_storage(StorageCondition.HANGS, POOL)
        await asyncio.sleep(LAPSE_SECONDS)

        assert (attached.state, stands_on) == (RunState.DONE, (LOCAL, POOL))
        assert site.world.hosts["h1"].living("vm1") is None


async def test_one_that_gave_its_disk_back_lives_on_without_that_pool() -> None:
    async with a_site() as site:
        await a_local_guest(site)
        await site.order("h1", ATTACH)

        detached = await site.order("h1", DETACH)
        site.world.hosts["h1"].set_storage(StorageCondition.HANGS, POOL)
        await asyncio.sleep(LAPSE_SECONDS)

        assert (detached.state, disks(site)) == (RunState.DONE, ["vm1-root"])
        assert (await ledger(site)).pools == (LOCAL,)


async def test_without_a_valid_lease_no_disk_is_given() -> None:
    async with a_site() as site:
        await a_local_guest(site)
        site.world.hosts["h1"].set_storage(StorageCondition.HANGS, POOL)
        await asyncio.sleep(LAPSE_SECONDS)

        result = await site.order("h1", ATTACH)

        assert (result.state, result.code, disks(site)) == (RunState.REFUSED, "no-lease", ["vm1-root"])
        assert (await ledger(site)).pools == (LOCAL,)


async def test_an_order_of_an_earlier_lease_or_boot_or_epoch_gives_none() -> None:
    async with a_site() as site:
        await a_local_guest(site)
        earlier = Tenure(boot_id="h1-boot-1", generations=(PoolGeneration(pool_id=POOL, generation=0),))

        codes = [
            (await site.order("h1", order)).code
            for order in (
                AttachDisk(vm_id="vm1", epoch=1, disk=DATA, tenure=earlier),
                AttachDisk(vm_id="vm1", epoch=1, disk=DATA, tenure=Tenure(boot_id="before")),
                AttachDisk(vm_id="vm1", epoch=0, disk=DATA),
                AttachDisk(vm_id="vm1", epoch=2, disk=DATA),
            )
        ]

        assert codes == ["superseded-lease", "superseded-boot", "stale-epoch", "not-running"]
        assert disks(site) == ["vm1-root"]


async def test_while_the_guest_holds_on_to_a_disk_it_counts_as_having_it() -> None:
    async with a_site() as site:
        await a_local_guest(site)
        await site.order("h1", ATTACH)
        site.world.crash_guest("vm1")
        await asyncio.sleep(1)  # it runs again and has not booted

        unclear = await site.order("h1", DETACH)
        stood_on = (await ledger(site)).pools
        await asyncio.sleep(5)
        again = await site.order("h1", DETACH)

        assert (unclear.state, stood_on) == (RunState.UNKNOWN, (LOCAL, POOL))
        assert (again.state, (await ledger(site)).pools) == (RunState.DONE, (LOCAL,))


async def test_a_restart_here_is_with_the_disk_and_after_a_detach_without() -> None:
    async with a_site() as site:
        await a_local_guest(site)

        await site.order("h1", ATTACH)
        site.world.crash_guest("vm1")
        await asyncio.sleep(5)
        with_it = disks(site)
        await site.order("h1", DETACH)
        site.world.crash_guest("vm1")
        await asyncio.sleep(5)

        assert (with_it, disks(site)) == (["vm1-root", "data"], ["vm1-root"])
        assert site.end().state() is GuestState.RUNNING


async def test_a_guest_that_was_stopped_is_given_none() -> None:
    async with a_site() as site:
        await a_local_guest(site)
        await site.order("h1", StopGuest(vm_id="vm1", epoch=1, forced=True))

        result = await site.order("h1", ATTACH)

        assert (result.state, result.code) == (RunState.REFUSED, "not-running")
