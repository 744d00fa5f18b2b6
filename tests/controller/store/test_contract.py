"""One contract for every store: what the rooms above may rely on, on memory, SQLite, PostgreSQL and MariaDB alike."""

from __future__ import annotations

import asyncio
import dataclasses
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mainstay_controller.domain.ids import AccountId, DomainId, HostId, JobId, OfferingId, UserId, VmId, ZoneId
from mainstay_controller.domain.records import Job, LeaseSlot, Nic, Vm, Zone
from mainstay_controller.domain.states import JobState, VmState
from mainstay_controller.store.port import (
    LIVE,
    Conflict,
    NotFound,
    Page,
    Stale,
    Store,
    any_of,
    at_most,
    contains,
    eq,
    greater,
    ne,
    none_of,
)
from mainstay_runtime.tasks import all_of, background

NOON = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)


def a_zone(name: str = "z1", **facts: object) -> Zone:
    return dataclasses.replace(Zone(id=ZoneId(f"id-{name}"), name=name, created=NOON), **facts)  # type: ignore[arg-type]


def a_vm(name: str = "vm1", **facts: object) -> Vm:
    vm = Vm(
        id=VmId(f"id-{name}"),
        name=name,
        created=NOON,
        account_id=AccountId("a"),
        domain_id=DomainId("d"),
        zone_id=ZoneId("z"),
        service_offering_id=OfferingId("o"),
    )
    return dataclasses.replace(vm, **facts)  # type: ignore[arg-type]


def a_job(name: str, minutes: int = 0) -> Job:
    created = NOON + timedelta(minutes=minutes)
    return Job(id=JobId(name), command="x", created=created, account_id=AccountId("a"), user_id=UserId("u"))


async def test_what_was_written_is_what_is_read(store: Store) -> None:
    nics = (Nic(id="n1", mac="52:54:00:00:00:01", ip="10.1.1.7"),)  # type: ignore[arg-type]
    written = a_vm(nics=nics, state_since=NOON, details={"ключ": "значение", "q": "'\"\\"}, epoch=2**40)

    await store.vms.add(written)

    assert await store.vms.by_id(written.id) == written


async def test_a_missing_record_is_not_found(store: Store) -> None:
    assert await store.zones.get("nobody") is None
    with pytest.raises(NotFound):
        await store.zones.by_id("nobody")


async def test_the_same_identity_twice_is_a_conflict_and_adds_nothing(store: Store) -> None:
    await store.zones.add(a_zone())

    with pytest.raises(Conflict):
        await store.zones.add_all([a_zone("other"), a_zone()])

    assert await store.zones.get("id-other") is None


async def test_a_unique_pair_is_kept_unique(store: Store) -> None:
    first = LeaseSlot(id="p:h1", pool_id="p", host_id="h1", slot=3, created=NOON)  # type: ignore[arg-type]
    await store.lease_slots.add(first)

    with pytest.raises(Conflict):
        await store.lease_slots.add(dataclasses.replace(first, id="p:h2", host_id=HostId("h2")))


async def test_swap_counts_the_version_up(store: Store) -> None:
    before = await store.vms.add(a_vm())

    after = await store.vms.swap(before, dataclasses.replace(before, state=VmState.STARTING, epoch=1))

    assert after.version == before.version + 1
    assert await store.vms.by_id(before.id) == after


async def test_swap_of_a_row_that_changed_is_stale_and_writes_nothing(store: Store) -> None:
    seen = await store.vms.add(a_vm())
    after = await store.vms.swap(seen, dataclasses.replace(seen, epoch=1))

    with pytest.raises(Stale):
        await store.vms.swap(seen, dataclasses.replace(seen, epoch=7))

    assert await store.vms.by_id(seen.id) == after


async def test_several_swaps_are_all_written_or_none(store: Store) -> None:
    seen = [a_vm(f"vm{number}") for number in range(5)]
    await store.vms.add_all(seen)
    raised = [(vm, dataclasses.replace(vm, epoch=1)) for vm in seen]

    written = await store.vms.swap_all(raised[:4])
    with pytest.raises(Stale):
        await store.vms.swap_all([raised[4], raised[0]])

    assert [vm.version for vm in written] == [seen[0].version + 1] * 4
    assert await store.vms.find(eq("epoch", 1)) == written
    assert await store.vms.by_id(seen[4].id) == seen[4]


async def test_several_swaps_may_each_change_something_else(store: Store) -> None:
    seen = [a_vm(f"vm{number}") for number in range(3)]
    await store.vms.add_all(seen)
    changed = [
        dataclasses.replace(seen[0], epoch=5),
        dataclasses.replace(seen[1], state=VmState.STARTING, host_id=HostId("h1")),
        seen[2],
    ]

    written = await store.vms.swap_all(list(zip(seen, changed, strict=True)))

    assert [vm.epoch for vm in written] == [5, seen[1].epoch, seen[2].epoch]
    assert [await store.vms.by_id(vm.id) for vm in seen] == written


async def test_of_many_who_swap_the_same_row_one_wins(store: Store) -> None:
    seen = await store.vms.add(a_vm())
    wins: list[int] = []

    async def contender(epoch: int) -> None:
        try:
            await store.vms.swap(seen, dataclasses.replace(seen, epoch=epoch))
            wins.append(epoch)
        except Stale:
            return

    await all_of(*(contender(epoch) for epoch in range(1, 9)))

    assert len(wins) == 1
    assert (await store.vms.by_id(seen.id)).epoch == wins[0]


async def test_find_joins_its_conditions(store: Store) -> None:
    running = a_vm("run", state=VmState.RUNNING, host_id="h1", epoch=3)
    stopped = a_vm("stop", epoch=1)
    gone = a_vm("gone", removed=NOON)
    await store.vms.add_all([running, stopped, gone])

    async def names(*where: object) -> list[str]:
        return sorted(vm.name for vm in await store.vms.find(*where))  # type: ignore[arg-type]

    assert await names(LIVE) == ["run", "stop"]
    assert await names(eq("host_id", None), LIVE) == ["stop"]
    assert await names(ne("host_id", None)) == ["run"]
    assert await names(any_of("state", [VmState.RUNNING])) == ["run"]
    assert await names(none_of("state", [VmState.RUNNING])) == ["gone", "stop"]
    assert await names(any_of("state", [])) == []
    assert await names(greater("epoch", 1)) == ["run"]
    assert await names(at_most("epoch", 1)) == ["gone", "stop"]


async def test_text_compares_byte_by_byte_but_keywords_ignore_case(store: Store) -> None:
    await store.zones.add_all([a_zone("Alpha"), a_zone("alpha"), a_zone("100%"), a_zone("1000")])

    exact = await store.zones.find(eq("name", "alpha"))
    by_keyword = await store.zones.find(contains(("name", "dns1"), "LPH"))
    literal = await store.zones.find(contains(("name",), "0%"))

    assert [zone.name for zone in exact] == ["alpha"]
    assert {zone.name for zone in by_keyword} == {"Alpha", "alpha"}
    assert [zone.name for zone in literal] == ["100%"]


async def test_a_page_comes_with_the_count_over_all_pages(store: Store) -> None:
    await store.jobs.add_all([a_job(f"j{minute}", minute) for minute in range(7)])

    rows, count = await store.jobs.page(page=Page(2, 3), descending=True)

    assert [job.id for job in rows] == ["j3", "j2", "j1"]
    assert count == 7
    assert await store.jobs.count(greater("created", NOON)) == 6


async def test_rows_are_counted_by_what_they_have_in_a_field(store: Store) -> None:
    await store.jobs.add_all([a_job(f"j{minute}", minute) for minute in range(5)])
    await store.jobs.add(replace(a_job("other", 9), account_id=AccountId("b")))

    counted = await store.jobs.count_by("account_id", greater("created", NOON))
    none = await store.jobs.count_by("account_id", eq("id", "unknown"))

    assert counted == {"a": 4, "b": 1}
    assert none == {}


async def test_a_transaction_is_all_or_nothing(store: Store) -> None:
    zone = await store.zones.add(a_zone())

    async def change_my_mind() -> None:
        async with store.transaction() as inner:
            await inner.zones.add(a_zone("second"))
            await inner.zones.swap(zone, dataclasses.replace(zone, name="renamed"))
            raise RuntimeError("changed my mind")

    with pytest.raises(RuntimeError):
        await change_my_mind()

    assert await store.zones.find() == [zone]


async def test_a_transaction_sees_its_own_writes_and_keeps_them(store: Store) -> None:
    async with store.transaction() as inner:
        await inner.zones.add(a_zone())
        assert await inner.zones.get("id-z1") is not None

    assert await store.zones.get("id-z1") is not None


async def test_of_two_transactions_over_one_row_one_is_stale(store: Store) -> None:
    seen = await store.vms.add(a_vm())
    outcomes: list[str] = []

    async def raise_epoch(epoch: int) -> None:
        try:
            async with store.transaction() as inner:
                vm = await inner.vms.by_id(seen.id)
                await asyncio.sleep(0)
                if vm.version == seen.version:
                    await inner.vms.swap(vm, dataclasses.replace(vm, epoch=epoch))
                    outcomes.append("won")
        except Stale:
            outcomes.append("stale")

    await all_of(raise_epoch(5), raise_epoch(6))

    assert (await store.vms.by_id(seen.id)).version == seen.version + 1


async def test_a_write_that_gave_way_to_a_rival_is_tried_again(store: Store) -> None:
    first, second = a_vm("vm1"), a_vm("vm2")
    await store.vms.add_all([first, second])
    rival_is_in = asyncio.Event()

    async def rival() -> None:
        """Takes the rows in the other order, and gives up in the end."""
        with suppress(Stale, RivalGivesUp):
            async with store.transaction() as inner:
                await inner.vms.swap(second, dataclasses.replace(second, epoch=9))
                rival_is_in.set()
                await asyncio.sleep(0.2)
                await inner.vms.swap(first, dataclasses.replace(first, epoch=9))
                raise RivalGivesUp

    async def raise_epochs() -> None:
        await rival_is_in.wait()
        await store.vms.swap_all([(vm, dataclasses.replace(vm, epoch=1)) for vm in (first, second)])

    await all_of(rival(), raise_epochs())

    assert [vm.epoch for vm in await store.vms.find()] == [1, 1]


class RivalGivesUp(Exception):
    """It changed its mind; nothing of it stays."""


async def test_whoever_is_cancelled_in_a_transaction_leaves_nothing_half_done_and_nothing_locked(store: Store) -> None:
    await store.vms.add_all([a_vm("vm1"), a_vm("vm2")])

    async def raise_epochs() -> None:
        async with store.transaction() as inner:
            for vm in await inner.vms.find():
                await inner.vms.swap(vm, dataclasses.replace(vm, epoch=vm.epoch + 1))

    for moment in range(24):
        async with background(raise_epochs):
            await asyncio.sleep(moment / 2000)
        first, second = await store.vms.find()
        assert first.epoch == second.epoch

    await raise_epochs()
    assert [vm.epoch for vm in await store.vms.find()] == [first.epoch + 1] * 2


async def test_claimed_rows_belong_to_one_owner(store: Store) -> None:
    await store.jobs.add_all([a_job(f"j{minute}", minute) for minute in range(6)])
    free = (eq("state", JobState.PENDING), eq("owner_id", None))

    first, second = await all_of(
        store.jobs.claim(*free, owner_id="c1", owner_epoch=1, limit=4),
        store.jobs.claim(*free, owner_id="c2", owner_epoch=1, limit=4),
    )

    ids = [job.id for job in (*first, *second)]
    assert len(ids) == len(set(ids))
    assert {job.owner_id for job in first} <= {"c1"}
    assert all(job.version == 2 for job in (*first, *second))
    assert await store.jobs.find(*free) == [] or len(ids) < 6


async def test_removed_rows_are_gone(store: Store) -> None:
    await store.zones.add(a_zone())

    assert await store.zones.remove("id-z1")
    assert not await store.zones.remove("id-z1")
    assert await store.zones.get("id-z1") is None


async def test_the_databases_clock_moves_forward(store: Store) -> None:
    first = await store.now()
    second = await store.now()

    assert first.tzinfo is UTC
    assert first <= second < first + timedelta(minutes=1)
