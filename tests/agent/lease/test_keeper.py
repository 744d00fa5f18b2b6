"""The keeper's rules, input by input, without a world around it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from mainstay_agent.lease import bounds
from mainstay_agent.lease.area import Granted, HoldWanted, Refused, Warned
from mainstay_agent.lease.keeper import Action, Keeper, KillGuests, Pet, Tell, WriteSlot
from mainstay_agent.lease.slots import BLANK, PoisonSector, Slot
from mainstay_proto.messages import HoldGrant
from tests.kit.leases import POOL, a_mount, an_owner

L = 10.0  # of a lease renewed at 0 under profile fast
LAST_PET = L - bounds.watchdog_reach(bounds.FAST)
KILL_LINE = LAST_PET - bounds.FAST.kill_grace_seconds
DRAINED = bounds.drained_after(bounds.FAST)
ON_POOL = frozenset([POOL])


@dataclass
class Host:
    """A keeper in somebody's hands, with the actions of its last step."""

    keeper: Keeper
    actions: tuple[Action, ...] = ()

    def tick(self, now: float) -> Host:
        self.keeper, self.actions = self.keeper.tick(now)
        return self

    def begin_renewal(self, now: float) -> int:
        self.keeper, self.actions = self.keeper.begin_renewal(POOL, now)
        [sequence] = [action.sector.sequence for action in self.actions if isinstance(action, WriteSlot)]
        return sequence

    def acknowledge(self, sequence: int, now: float) -> None:
        self.keeper, self.actions = self.keeper.renewal_acknowledged(POOL, sequence, now)

    def renew(self, now: float) -> None:
        self.acknowledge(self.begin_renewal(now), now)

    def read(self, slot: Slot, now: float) -> None:
        self.keeper, self.actions = self.keeper.own_slot_read(POOL, slot, now)

    def authorise(self, now: float, vm_id: str = "vm-1", epoch: int = 1) -> Granted | Refused:
        self.keeper, self.actions, answer = self.keeper.authorise(vm_id, epoch, ON_POOL, now)
        return answer

    def run_guest(self, now: float) -> None:
        assert isinstance(self.authorise(now), Granted)
        self.keeper, self.actions = self.keeper.confirm_running("vm-1", 1, now)

    def see_gone(self, now: float) -> None:
        self.keeper, self.actions = self.keeper.guests_observed_gone(self.keeper.ledger.entries, now)

    def did(self, kind: type[Action]) -> bool:
        return any(isinstance(action, kind) for action in self.actions)

    def told(self, kind: type) -> list[object]:
        return [action.event for action in self.actions if isinstance(action, Tell) and isinstance(action.event, kind)]

    @property
    def generation(self) -> int:
        return self.keeper.tenures[0].generation


def a_host() -> Host:
    """Its lease was renewed at 0."""
    keeper = Keeper(host_id="h1", boot_id="boot-of-h1", profile=bounds.FAST)
    host = Host(keeper.configured((a_mount(),), bounds.FAST))
    host.read(BLANK, 0.0)
    host.renew(0.0)
    return host.tick(0.0)


def test_the_last_pet_comes_one_watchdog_before_the_lapse() -> None:
    host = a_host()
    host.run_guest(0.1)

    assert host.tick(LAST_PET).did(Pet)
    host.keeper = replace(host.keeper, petted_at=0.0)
    assert not host.tick(LAST_PET + 0.001).did(Pet)


def test_a_host_without_guests_pets_whatever_became_of_its_leases() -> None:
    host = a_host()

    assert host.tick(LAST_PET + 0.001).did(Pet)
    assert host.tick(1000.0).did(Pet)


def test_guests_are_killed_at_the_kill_line_and_not_before() -> None:
    host = a_host()
    host.run_guest(0.1)

    assert not host.tick(KILL_LINE - 0.001).did(KillGuests)
    assert host.tick(KILL_LINE).did(KillGuests)


def test_only_the_start_of_an_acknowledged_renewal_counts() -> None:
    host = a_host()
    host.run_guest(0.1)
    sequence = host.begin_renewal(1.0)

    host.acknowledge(sequence, 4.0)

    assert not host.tick(KILL_LINE + 1.0 - 0.001).did(KillGuests)
    assert host.tick(KILL_LINE + 1.0).did(KillGuests)


def test_a_renewal_that_failed_prolongs_nothing() -> None:
    host = a_host()
    host.run_guest(0.1)
    sequence = host.begin_renewal(1.0)

    host.keeper, _ = host.keeper.renewal_failed(POOL, sequence, 1.5)
    host.acknowledge(sequence, 2.0)

    assert host.tick(KILL_LINE).did(KillGuests)


def test_an_acknowledgement_that_waited_while_the_process_stood_still_comes_too_late() -> None:
    host = a_host()
    host.run_guest(0.1)
    sequence = host.begin_renewal(1.0)

    host.acknowledge(sequence, 30.0)

    assert host.did(KillGuests)
    assert not host.keeper.standing_authority("vm-1", 30.0)
    assert not host.tick(30.1).did(Pet)


def test_a_condemned_lease_is_not_renewed_until_its_guests_are_gone_and_their_writes_have_landed() -> None:
    host = a_host()
    host.run_guest(0.1)
    before = host.generation
    host.tick(KILL_LINE)

    host.keeper, host.actions = host.keeper.begin_renewal(POOL, KILL_LINE + 0.1)
    refused = host.did(WriteSlot)
    host.see_gone(KILL_LINE + 0.2)
    host.tick(KILL_LINE + 0.2 + DRAINED - 0.001)
    waiting = host.generation
    host.tick(KILL_LINE + 0.2 + DRAINED)

    assert not refused
    assert waiting == before
    assert host.generation == before + 1
    assert host.begin_renewal(KILL_LINE + 3) > 0


def test_the_word_of_a_dropped_lease_prolongs_nothing() -> None:
    host = a_host()
    host.run_guest(0.1)
    hung = host.begin_renewal(1.0)
    host.tick(KILL_LINE)
    host.see_gone(KILL_LINE)
    host.tick(KILL_LINE + DRAINED)

    host.acknowledge(hung, KILL_LINE + 2.5)

    assert host.keeper.leases(KILL_LINE + 2.5)[0].valid is False
    assert isinstance(host.authorise(KILL_LINE + 2.6, epoch=2), Refused)


def test_a_daemon_started_again_does_not_find_a_lapsed_lease_alive() -> None:
    host = a_host()
    late = host.begin_renewal(L - 1)
    host.tick(L)

    host.acknowledge(late, L + 0.1)
    host.keeper = host.keeper.restarted()
    host.read(BLANK, L + 0.2)
    host.tick(L + 0.2 + DRAINED)
    host.renew(L + 0.3 + DRAINED)

    assert host.generation == 2


def test_a_start_in_flight_is_not_shown_gone_by_the_process_table() -> None:
    host = a_host()
    host.authorise(0.1)
    host.tick(KILL_LINE)

    host.see_gone(KILL_LINE + 0.1)

    assert len(host.keeper.ledger.entries) == 1
    host.keeper = replace(host.keeper, petted_at=0.0)
    assert not host.tick(LAST_PET + 0.1).did(Pet)


def test_no_guest_is_granted_so_late_that_it_would_be_killed_at_once() -> None:
    assert isinstance(a_host().authorise(KILL_LINE - 0.001), Granted)
    assert isinstance(a_host().authorise(KILL_LINE), Refused)


@pytest.mark.parametrize(("epoch", "code"), [(1, "stale-epoch"), (2, None), (3, "running-other-epoch")])
def test_a_guest_in_the_ledger_runs_under_its_own_epoch_only(epoch: int, code: str | None) -> None:
    host = a_host()
    host.authorise(0.1, epoch=2)

    answer = host.authorise(0.2, epoch=epoch)

    assert code == (answer.code if isinstance(answer, Refused) else None)


def test_a_hold_counts_from_its_request() -> None:
    host = a_host()
    host.run_guest(0.1)
    [wanted] = host.tick(2.0).told(HoldWanted)
    assert isinstance(wanted, HoldWanted)

    grant = HoldGrant(pool_id=POOL, request_id=wanted.request_id, hold_seconds=20)
    host.keeper, _ = host.keeper.hold_granted(grant, 4.0)

    line = bounds.kill_line(bounds.FAST, 2.0 + 20)
    assert not host.tick(line - 0.001).did(KillGuests)
    assert host.tick(line).did(KillGuests)


def test_an_answer_to_a_question_nobody_asked_prolongs_nothing() -> None:
    host = a_host()
    host.run_guest(0.1)

    host.keeper, _ = host.keeper.hold_granted(HoldGrant(pool_id=POOL, request_id=77, hold_seconds=20), 1.0)

    assert host.tick(KILL_LINE).did(KillGuests)


def test_a_hold_does_not_raise_the_dead() -> None:
    host = a_host()
    host.run_guest(0.1)
    [wanted] = host.tick(2.0).told(HoldWanted)
    assert isinstance(wanted, HoldWanted)
    host.tick(KILL_LINE)

    grant = HoldGrant(pool_id=POOL, request_id=wanted.request_id, hold_seconds=20)
    host.keeper, host.actions = host.keeper.hold_granted(grant, KILL_LINE + 0.1)

    assert host.did(KillGuests)
    assert not host.keeper.standing_authority("vm-1", KILL_LINE + 0.1)


def test_poison_for_this_generation_kills_and_is_answered_in_the_next() -> None:
    host = a_host()
    host.run_guest(0.1)
    poison = PoisonSector(host_id="h1", incident_id="incident-1", generation=host.generation)

    host.read(Slot(owner=an_owner(), poison=poison), 1.0)
    shot = host.did(KillGuests)
    host.see_gone(1.1)
    host.tick(1.1 + DRAINED)
    host.begin_renewal(4.0)

    [write] = [action for action in host.actions if isinstance(action, WriteSlot)]
    assert shot
    assert (write.sector.generation, write.sector.acknowledged_incident) == (poison.generation + 1, "incident-1")


def test_poison_for_an_older_generation_is_answered_and_kills_nobody() -> None:
    host = a_host()
    host.run_guest(0.1)
    poison = PoisonSector(host_id="h1", incident_id="incident-1", generation=host.generation - 1)

    host.read(Slot(owner=an_owner(), poison=poison), 1.0)
    shot = host.did(KillGuests)
    host.begin_renewal(2.0)

    [write] = [action for action in host.actions if isinstance(action, WriteSlot)]
    assert not shot
    assert write.sector.acknowledged_incident == "incident-1"


def test_poison_meant_for_another_host_is_not_ours() -> None:
    host = a_host()
    host.run_guest(0.1)

    poison = PoisonSector(host_id="h9", incident_id="incident-1", generation=host.generation)
    host.read(Slot(owner=an_owner(), poison=poison), 1.0)

    assert not host.did(KillGuests)


def test_another_writer_in_our_slot_ends_our_renewals_loudly() -> None:
    host = a_host()

    host.read(Slot(owner=an_owner(5, boot_id="a-twin")), 1.0)
    once = host.told(Warned)
    host.read(Slot(owner=an_owner(6, boot_id="a-twin")), 2.0)

    assert once == []
    assert [warning.code for warning in host.told(Warned) if isinstance(warning, Warned)] == ["slot-intruder"]
    host.keeper, host.actions = host.keeper.begin_renewal(POOL, 3.0)
    assert not host.did(WriteSlot)


def test_a_keeper_is_a_value() -> None:
    assert a_host().keeper == a_host().keeper
    assert len({a_host().keeper, a_host().keeper}) == 1


def two_pools() -> Keeper:
    """Renewed at 0 on pool-1, and pool-2 at 2; a guest runs on pool-1."""
    keeper = Keeper(host_id="h1", boot_id="boot-of-h1", profile=bounds.FAST)
    keeper = keeper.configured((a_mount(), a_mount("pool-2", 1)), bounds.FAST)
    for pool_id, at in ((POOL, 0.0), ("pool-2", 2.0)):
        keeper, _ = keeper.own_slot_read(pool_id, BLANK, at)
        keeper, actions = keeper.begin_renewal(pool_id, at)
        [sequence] = [action.sector.sequence for action in actions if isinstance(action, WriteSlot)]
        keeper, _ = keeper.renewal_acknowledged(pool_id, sequence, at)
    keeper, _, answer = keeper.authorise("vm-1", 1, ON_POOL, 2.0)
    assert isinstance(answer, Granted)
    return keeper.confirm_running("vm-1", 1, 2.0)[0]


BOTH = frozenset([POOL, "pool-2"])


def test_a_guest_that_stands_on_one_more_pool_is_killed_with_that_lease_too() -> None:
    keeper, _, answer = two_pools().stand_on("vm-1", 1, BOTH, 3.0)
    keeper = replace(
        keeper,
        tenures=tuple(replace(each, stored_until=100.0) if each.pool_id == POOL else each for each in keeper.tenures),
    )

    before, _ = keeper.tick(KILL_LINE + 2.0 - 0.001)
    _, actions = before.tick(KILL_LINE + 2.0)

    assert isinstance(answer, Granted)
    assert [action.pool_id for action in actions if isinstance(action, KillGuests)] == ["pool-2"]


def test_one_pool_less_needs_no_lease_but_comes_too_late_once_its_guests_are_shot() -> None:
    keeper, _, _ = two_pools().stand_on("vm-1", 1, BOTH, 3.0)

    in_time, _, granted = keeper.stand_on("vm-1", 1, ON_POOL, 4.0)
    _, _, late = keeper.tick(KILL_LINE + 2.0)[0].stand_on("vm-1", 1, ON_POOL, KILL_LINE + 2.0)

    assert isinstance(granted, Granted)
    assert in_time.ledger.entry("vm-1").pools == (POOL,)  # type: ignore[union-attr]
    assert isinstance(late, Refused)


def test_one_more_pool_needs_a_valid_lease_on_all_and_the_epoch_it_runs_under() -> None:
    keeper = two_pools()

    _, _, stale = keeper.stand_on("vm-1", 2, BOTH, 3.0)
    _, _, lapsed = keeper.stand_on("vm-1", 1, BOTH, KILL_LINE + 0.5)
    _, _, other = keeper.stand_on("vm-1", 1, BOTH, 3.0, generations=(("pool-2", 7),))

    assert [each.code for each in (stale, lapsed, other) if isinstance(each, Refused)] == [
        "no-such-guest",
        "no-lease",
        "superseded-lease",
    ]


def test_standing_authority_follows_the_pools_it_stands_on() -> None:
    keeper, _, _ = two_pools().stand_on("vm-1", 1, BOTH, 3.0)

    both = keeper.standing_authority("vm-1", 4.0)
    lost = replace(
        keeper, tenures=tuple(each.dropped(4.0) if each.pool_id == "pool-2" else each for each in keeper.tenures)
    )
    without, _, _ = keeper.stand_on("vm-1", 1, ON_POOL, 4.0)

    assert both
    assert not lost.standing_authority("vm-1", 4.0)
    assert without.standing_authority("vm-1", 4.0)
