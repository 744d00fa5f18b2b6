"""What a witness may say, scan by scan."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mainstay_agent.lease import bounds
from mainstay_agent.lease.observer import Observer, OwnView, Scan
from mainstay_agent.lease.slots import OwnerSector, PoisonSector, Slot, SlotState
from tests.kit.leases import POOL, an_owner

POLL = bounds.FAST.poll_seconds
T_DEAD = bounds.dead_after(bounds.FAST)


def an_observer() -> Observer:
    """h0 in slot 0 watches h1 in slot 1."""
    return Observer(pool_id=POOL, boot_id="boot-of-h0", profile=bounds.FAST, names=((1, "h1"),))


def a_scan(
    at: float,
    owner: OwnerSector | None,
    *,
    took: float = 0.0,
    renewed_at: float | None = None,
    read_back: int = 7,
    poison: PoisonSector | None = None,
) -> Scan:
    own = an_owner(read_back, host_id="h0", boot_id="boot-of-h0")
    view = OwnView(
        acknowledged_sequence=7, begun_sequence=7, renewed_at=at if renewed_at is None else renewed_at, slot=0
    )
    slots = {0: Slot(owner=own), 1: Slot(owner=owner, poison=poison)}
    return Scan(begun_at=at, ended_at=at + took, slots=slots, own=view)


def watched(owner: OwnerSector, until: float, since: float = 0.0) -> Observer:
    """Sound scans of one and the same value, poll by poll."""
    observer, at = an_observer(), since
    while at <= until:
        observer = observer.scanned(a_scan(at, owner))
        at += POLL
    return observer


def is_dead(observer: Observer) -> bool:
    return any(sighting.dead for sighting in observer.sightings)


def test_a_value_that_stood_for_t_dead_is_dead_and_not_a_moment_earlier() -> None:
    observer = watched(an_owner(), until=T_DEAD - POLL)

    just_before = observer.scanned(a_scan(T_DEAD - 0.001, an_owner()))
    just_then = observer.scanned(a_scan(T_DEAD, an_owner()))

    assert not is_dead(just_before)
    assert is_dead(just_then)


def test_a_look_is_due_when_the_verdict_is_and_no_more_once_it_was_given() -> None:
    watching = watched(an_owner(), until=T_DEAD - POLL)
    told = watching.scanned(a_scan(T_DEAD, an_owner()))

    assert watching.verdict_due_between(T_DEAD - POLL, T_DEAD + POLL) == pytest.approx(T_DEAD)
    assert told.verdict_due_between(T_DEAD, T_DEAD + POLL) is None


def test_the_window_begins_with_the_end_of_its_first_scan_and_ends_with_the_beginning_of_its_last() -> None:
    observer = an_observer().scanned(a_scan(0.0, an_owner(), took=1.0))
    for poll in range(2, 26):
        observer = observer.scanned(a_scan(poll * POLL, an_owner(), took=0.4))

    just_before = observer.scanned(a_scan(T_DEAD + 0.999, an_owner(), took=0.4))
    just_then = observer.scanned(a_scan(T_DEAD + 1.001, an_owner()))

    assert not is_dead(just_before)
    assert is_dead(just_then)


@pytest.mark.parametrize(
    "moved",
    [
        an_owner(sequence=2),
        an_owner(generation=2),
        an_owner(boot_id="next-boot"),
        an_owner(acknowledged_incident="incident-1"),
    ],
)
def test_any_movement_begins_a_new_window(moved: OwnerSector) -> None:
    observer = watched(an_owner(), until=T_DEAD - POLL)

    after = observer.scanned(a_scan(T_DEAD, moved))

    assert not is_dead(after)
    assert after.sightings[0].unchanged_seconds == 0


@pytest.mark.parametrize(
    "blind",
    [
        a_scan(6.0, an_owner(), read_back=6),
        a_scan(6.0, an_owner(), read_back=8),
        a_scan(6.0, an_owner(), renewed_at=0.9),
        replace(a_scan(6.0, an_owner()), own=None),
    ],
    ids=["reads back an old sequence", "reads back a strange one", "has not renewed lately", "holds no lease"],
)
def test_one_unsound_scan_begins_every_window_anew(blind: Scan) -> None:
    observer = watched(an_owner(), until=5.5)

    blinded = observer.scanned(blind)
    healed = blinded
    for poll in range(13, 32):
        healed = healed.scanned(a_scan(poll * POLL, an_owner()))

    assert [sighting.witness_sound for sighting in blinded.sightings] == [False]
    assert [sighting.witness_sound for sighting in healed.sightings] == [True]
    assert not is_dead(healed)


def test_what_was_seen_before_a_scan_that_hangs_is_soon_no_answer_any_more() -> None:
    last_look = T_DEAD + POLL
    observer = watched(an_owner(), until=last_look)
    view_age_max = bounds.view_age_max(bounds.FAST)

    in_time = observer.told(observer.scanned_at + view_age_max - 0.001)  # type: ignore[operator]
    too_late = observer.told(observer.scanned_at + view_age_max + 0.001)  # type: ignore[operator]

    assert [(each.dead, each.witness_sound) for each in in_time] == [(True, True)]
    assert [(each.dead, each.witness_sound) for each in too_late] == [(False, False)]


def test_an_observer_that_was_away_begins_anew() -> None:
    observer = watched(an_owner(), until=3.0)

    assert not is_dead(observer.scanned(a_scan(30.0, an_owner())))


def test_an_owner_that_promised_less_haste_is_given_more_time() -> None:
    tolerant = an_owner(dead_after_milliseconds=round(bounds.dead_after(bounds.STANDARD) * 1000))

    assert not is_dead(watched(tolerant, until=T_DEAD + 5))
    assert is_dead(watched(tolerant, until=bounds.dead_after(bounds.STANDARD) + POLL))


@pytest.mark.parametrize("owner", [None, an_owner(host_id="h9")], ids=["torn or blank", "foreign"])
def test_a_slot_without_its_owner_is_no_sighting(owner: OwnerSector | None) -> None:
    observer = watched(an_owner(), until=5.0)

    assert observer.scanned(a_scan(5.5, owner)).sightings == ()


def test_the_owners_answer_to_a_poison_is_a_release() -> None:
    poison = PoisonSector(host_id="h1", incident_id="incident-1", generation=1)
    answered = an_owner(generation=2, acknowledged_incident="incident-1")
    of_another = an_owner(generation=2, acknowledged_incident="incident-0")

    assert an_observer().scanned(a_scan(0.0, answered, poison=poison)).sightings[0].released
    assert not an_observer().scanned(a_scan(0.0, of_another, poison=poison)).sightings[0].released


def test_a_lease_given_back_is_a_release() -> None:
    assert an_observer().scanned(a_scan(0.0, an_owner(state=SlotState.DROPPED))).sightings[0].released
