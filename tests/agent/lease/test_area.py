"""The lease area of a host, as its agent and its neighbours see it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from mainstay_agent.lease import bounds
from mainstay_agent.lease.area import Granted, HoldWanted, Refused, Warned
from mainstay_agent.lease.local import LocalLeaseArea
from mainstay_proto.messages import HoldGrant
from mainstay_runtime.errors import BadInput
from mainstay_runtime.tasks import background
from tests.kit.leases import POOL, LeaseHost, SharedPools, a_lease_host, a_mount, configured

ON_POOL = frozenset([POOL])


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two hosts on one pool, settled in: h0 runs the guests, h1 looks on."""

    owner: LeaseHost
    area: LocalLeaseArea
    witness: LeaseHost
    looking: LocalLeaseArea

    async def runs(self, vm_id: str, epoch: int = 1) -> None:
        assert isinstance(await self.area.authorise(vm_id, epoch, ON_POOL), Granted)
        await self.area.confirm_running(vm_id, epoch)

    def shot(self) -> list[str]:
        return [entry.vm_id for entry in self.owner.processes.shot]

    def is_petted(self) -> bool:
        fires_at = self.owner.card.fires_at
        return fires_at is not None and fires_at > asyncio.get_running_loop().time()


@asynccontextmanager
async def a_pair() -> AsyncIterator[Pair]:
    shared = SharedPools()
    owner, witness = a_lease_host("h0", shared), a_lease_host("h1", shared)
    area, looking = await configured(owner, 0), await configured(witness, 1)
    async with background(area.run, looking.run):
        await asyncio.sleep(3)
        yield Pair(owner=owner, area=area, witness=witness, looking=looking)


async def test_a_guest_is_granted_under_a_valid_lease_and_not_before() -> None:
    area = await configured(a_lease_host("h0", SharedPools()), 0)

    early = await area.authorise("vm-1", 1, ON_POOL)
    async with background(area.run):
        await asyncio.sleep(3)
        later = await area.authorise("vm-1", 1, ON_POOL)

    assert isinstance(early, Refused)
    assert early.code == "no-lease"
    assert later == Granted(vm_id="vm-1", epoch=1)


async def test_guests_of_a_hung_pool_are_killed_in_time_and_the_host_lives_on() -> None:
    async with a_pair() as pair:
        await pair.runs("vm-1")

        pair.owner.slots.hang()
        await asyncio.sleep(6.2)

        assert pair.shot() == ["vm-1"]
        assert await pair.area.ledger() == ()
        await asyncio.sleep(60)
        assert pair.is_petted()


async def test_a_guest_that_cannot_be_killed_takes_the_host_with_it() -> None:
    async with a_pair() as pair:
        await pair.runs("vm-1")
        pair.owner.processes.stuck.add("vm-1")
        hung_at = asyncio.get_running_loop().time()

        pair.owner.slots.hang()
        await asyncio.sleep(30)

        assert pair.owner.card.fires_at is not None
        assert pair.owner.card.fires_at <= hung_at + bounds.FAST.validity_seconds


async def test_a_start_in_flight_counts_as_a_running_guest() -> None:
    async with a_pair() as pair:
        await pair.area.authorise("vm-1", 1, ON_POOL)  # and then the hypervisor's daemon hangs

        pair.owner.slots.hang()
        await asyncio.sleep(30)

        assert [entry.vm_id for entry in await pair.area.ledger()] == ["vm-1"]
        assert not pair.is_petted()


async def test_guests_of_another_pool_are_left_alone() -> None:
    shared = SharedPools()
    host = a_lease_host("h0", shared)
    area = host.area()
    mounts = (a_mount("pool-1"), a_mount("pool-2"), a_mount("local", slot=None))
    await area.configure("h0", "boot", mounts, (), bounds.FAST)
    async with background(area.run):
        await asyncio.sleep(3)
        for number, pools in enumerate((["pool-1"], ["pool-2"], ["local"], ["local", "pool-1"])):
            assert isinstance(await area.authorise(f"vm-{number}", 1, frozenset(pools)), Granted)
            await area.confirm_running(f"vm-{number}", 1)

        host.slots.hang("pool-1")
        await asyncio.sleep(30)

        assert sorted(entry.vm_id for entry in await area.ledger()) == ["vm-1", "vm-2"]


async def test_a_lapse_voids_standing_authority_for_ever() -> None:
    async with a_pair() as pair:
        await pair.runs("vm-1", epoch=4)
        held_before = await pair.area.standing_authority("vm-1")

        pair.owner.slots.hang()
        await asyncio.sleep(15)
        pair.owner.slots.heal()
        await asyncio.sleep(3)

        again = await pair.area.authorise("vm-1", 4, ON_POOL, standing=True)
        ordered = await pair.area.authorise("vm-1", 5, ON_POOL)
        assert held_before
        assert isinstance(again, Refused)
        assert again.code == "no-authority"
        assert isinstance(ordered, Granted)


async def test_a_crashed_guest_may_start_again_here_under_its_epoch() -> None:
    async with a_pair() as pair:
        await pair.runs("vm-1", epoch=4)

        await pair.area.confirm_gone("vm-1", 4)

        assert await pair.area.standing_authority("vm-1")
        assert isinstance(await pair.area.authorise("vm-1", 4, ON_POOL, standing=True), Granted)


async def test_a_stopped_guest_may_not_start_again_without_an_order() -> None:
    async with a_pair() as pair:
        await pair.runs("vm-1", epoch=4)

        await pair.area.confirm_gone("vm-1", 4)
        await pair.area.revoke("vm-1", 4)

        assert not await pair.area.standing_authority("vm-1")
        assert isinstance(await pair.area.authorise("vm-1", 4, ON_POOL), Refused)
        assert isinstance(await pair.area.authorise("vm-1", 5, ON_POOL), Granted)


async def test_a_witness_declares_a_silent_host_dead_within_the_bound_and_not_before() -> None:
    async with a_pair() as pair:
        pair.owner.slots.hang()
        await asyncio.sleep(11.4)  # the last renewal was up to a second ago
        still = await pair.looking.sightings("h0")
        await asyncio.sleep(1.7)
        then = await pair.looking.sightings("h0")

        assert [sighting.dead for sighting in still] == [False]
        assert [sighting.dead for sighting in then] == [True]


async def test_a_witness_whose_own_view_hung_accuses_nobody() -> None:
    async with a_pair() as pair:
        pair.owner.slots.hang()
        await asyncio.sleep(1)
        pair.witness.slots.hang()
        await asyncio.sleep(20)
        pair.witness.slots.heal()
        await asyncio.sleep(1)

        assert [sighting.dead for sighting in await pair.looking.sightings("h0")] == [False]


async def test_a_verdict_given_before_the_view_hung_is_not_repeated_for_ever() -> None:
    async with a_pair() as pair:
        pair.owner.slots.hang()
        await asyncio.sleep(20)
        pair.witness.slots.hang()

        at_once = await pair.looking.sightings("h0")
        await asyncio.sleep(20)
        later = await pair.looking.sightings("h0")

        assert [sighting.dead for sighting in at_once] == [True]
        assert [(sighting.dead, sighting.witness_sound) for sighting in later] == [(False, False)]


async def test_poison_empties_a_host_that_still_reaches_storage_within_seconds() -> None:
    async with a_pair() as pair:
        await pair.runs("vm-1")
        (before,) = await pair.looking.sightings("h0")

        written = await pair.looking.poison("h0", "incident-1", (POOL,))
        await asyncio.sleep(5)

        (after,) = await pair.looking.sightings("h0")
        assert written == (POOL,)
        assert pair.shot() == ["vm-1"]
        assert after.released
        assert after.generation == before.generation + 1
        assert not await pair.area.standing_authority("vm-1")


async def test_an_order_given_before_the_host_was_poisoned_is_refused_afterwards() -> None:
    async with a_pair() as pair:
        (lease,) = await pair.area.leases()
        await pair.looking.poison("h0", "incident-1", (POOL,))
        await asyncio.sleep(5)

        late = await pair.area.authorise("vm-1", 1, ON_POOL, generations=((POOL, lease.generation),))

        assert isinstance(late, Refused)
        assert late.code == "superseded-lease"


async def test_a_hold_by_the_controller_keeps_guests_alive_without_storage_and_lets_none_begin() -> None:
    async with a_pair() as pair:
        await pair.runs("vm-1")

        async def controller() -> None:
            async for event in pair.area.events():
                if isinstance(event, HoldWanted):
                    await asyncio.sleep(0.3)
                    grant = HoldGrant(pool_id=event.pool_id, request_id=event.request_id, hold_seconds=20)
                    await pair.area.grant_hold(grant)

        async with background(controller):
            pair.owner.slots.hang()
            await asyncio.sleep(120)
            held = await pair.area.leases()
            meanwhile = await pair.area.authorise("vm-2", 1, ON_POOL)
            pair.owner.slots.heal()
            await asyncio.sleep(3)
            afterwards = await pair.area.authorise("vm-2", 1, ON_POOL)

        assert [(lease.valid, lease.held_by) for lease in held] == [(True, "grant")]
        assert isinstance(meanwhile, Refused)
        assert isinstance(afterwards, Granted)
        assert pair.shot() == []
        assert await pair.area.standing_authority("vm-1")


async def test_a_restarted_daemon_keeps_its_guests_and_their_authority() -> None:
    host = a_lease_host("h0", SharedPools())
    area = await configured(host, 0)
    async with background(area.run):
        await asyncio.sleep(3)
        await area.authorise("vm-1", 1, ON_POOL)
        await area.confirm_running("vm-1", 1)
    last_pet = host.card.fires_at

    again = host.area()
    host.slots.hang()
    async with background(again.run):
        await asyncio.sleep(1)
        petted_unrenewed = host.card.fires_at != last_pet
        host.slots.heal()
        await asyncio.sleep(2)

        assert not petted_unrenewed
        assert host.card.fires_at != last_pet
        assert [entry.vm_id for entry in await again.ledger()] == ["vm-1"]
        assert await again.standing_authority("vm-1")
        assert host.processes.shot == []


async def test_a_daemon_that_comes_back_too_late_kills_what_its_lapsed_lease_carried() -> None:
    host = a_lease_host("h0", SharedPools())
    area = await configured(host, 0)
    async with background(area.run):
        await asyncio.sleep(3)
        await area.authorise("vm-1", 1, ON_POOL)
        await area.confirm_running("vm-1", 1)

    await asyncio.sleep(30)
    again = host.area()
    async with background(again.run):
        await asyncio.sleep(5)

        assert [entry.vm_id for entry in host.processes.shot] == ["vm-1"]
        assert not await again.standing_authority("vm-1")


async def test_a_second_machine_with_our_identity_is_refused_and_we_live_on() -> None:
    shared = SharedPools()
    first, twin = a_lease_host("h0", shared), a_lease_host("h0", shared)
    area = await configured(first, 0)
    twin_area = await configured(twin, 0, boot_id="boot-of-the-twin")
    async with background(area.run):
        await asyncio.sleep(3)
        async with background(twin_area.run):
            await asyncio.sleep(10)

            warning = await anext(event async for event in twin_area.events() if isinstance(event, Warned))
            assert warning.code == "slot-intruder"
            assert [lease.valid for lease in await twin_area.leases()] == [False]
            assert [lease.valid for lease in await area.leases()] == [True]


async def test_a_rebooted_host_takes_its_slot_over_in_a_new_generation() -> None:
    shared = SharedPools()
    area = await configured(a_lease_host("h0", shared), 0)
    async with background(area.run):
        await asyncio.sleep(3)
    rebooted = await configured(a_lease_host("h0", shared), 0, boot_id="next-boot")
    async with background(rebooted.run):
        await asyncio.sleep(5)

        (before,), (after,) = await area.leases(), await rebooted.leases()
        assert after.valid
        assert after.generation == before.generation + 1


async def test_what_guests_stand_on_cannot_be_configured_away() -> None:
    async with a_pair() as pair:
        await pair.runs("vm-1")

        with pytest.raises(BadInput, match="guests run on pool"):
            await pair.area.configure("h0", "boot-of-h0", (), (), bounds.FAST)
        with pytest.raises(BadInput, match="keeps the lease of host h0"):
            await pair.area.configure("h9", "boot-of-h0", (a_mount(),), (), bounds.FAST)


async def test_a_daemon_without_guests_gives_its_lease_back_when_it_stops() -> None:
    shared = SharedPools()
    owner, witness = a_lease_host("h0", shared), a_lease_host("h1", shared)
    area, looking = await configured(owner, 0), await configured(witness, 1)
    async with background(looking.run):
        async with background(area.run):
            await asyncio.sleep(3)
        await area.resign()
        await asyncio.sleep(1)

        (seen,) = await looking.sightings("h0")
        assert seen.released
        assert owner.card.fires_at is None
