"""When is a silent host dead?  Every rule of proof, each by the story that needs it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mainstay_controller.domain.ha.case import (
    Answer,
    Case,
    DeclareDown,
    FencePolicy,
    LeasedPool,
    LeaseTiming,
    Poison,
    PowerOff,
    PowerReading,
    PowerState,
    ReleaseGuests,
    Wait,
    assess,
    evidence_in,
    generations_read,
    lease_expired,
    reading_in_words,
)
from mainstay_controller.domain.ha.evidence import SlotSeen
from mainstay_controller.domain.ha.proof import LeaseExpired, PoweredOff, Rebooted, Released, Victim, covers, proofs_for
from mainstay_controller.domain.ha.settling import HeldBack, settle
from mainstay_controller.domain.ids import HostId, PoolId, VmId

TIMING = LeaseTiming(quiet_seconds=2.5, doomed_seconds=7.0, view_age_max_seconds=5.0, late_io_seconds=2.0)
P1, P2 = PoolId("p1"), PoolId("p2")


def a_pool(pool_id: PoolId = P1, *, holds_over_at: float = 0.0) -> LeasedPool:
    """Its guests were given under generation 2."""
    return LeasedPool(pool_id=pool_id, timing=TIMING, holds_over_at=holds_over_at, generation=2)


def a_case(**other: Any) -> Case:
    """h1, under boot b1, last heard at 100; it is 120 now."""
    ordinary = Case(
        host_id=HostId("h1"),
        boot_id="b1",
        watchdog=True,
        policy=FencePolicy.KEEP,
        last_heard_at=100.0,
        now=120.0,
        timing=TIMING,
        pools=(a_pool(),),
    )
    return replace(ordinary, **other)


def an_answer(observer: str = "h2", *, asked_at: float = 119.0, moved: bool = False, **seen: Any) -> Answer:
    """An observer that saw h1's slot on p1 dead, unless told otherwise."""
    slot = SlotSeen(
        observer_id=HostId(observer),
        host_id=HostId("h1"),
        pool_id=P1,
        boot_id="b1",
        generation=3,
        sequence=40,
        unchanged_seconds=13.0,
        dead=True,
    )
    return Answer(slot=replace(slot, **seen), asked_at=asked_at, moved=moved)


def renewed(observer: str = "h2", **seen: Any) -> Answer:
    return an_answer(observer, **{"unchanged_seconds": 0.5, "dead": False, **seen})


def test_silence_alone_is_waited_out() -> None:
    [action] = assess(a_case())

    assert isinstance(action, Wait)


def test_two_witnesses_are_enough() -> None:
    [action] = assess(a_case(answers=(an_answer("h2"), an_answer("h3"))))

    assert isinstance(action, DeclareDown)
    [proof] = action.proofs
    assert proof == LeaseExpired(pool_id=P1, boot_id="b1", generation=3, witnesses=(HostId("h2"), HostId("h3")))


def test_one_witness_is_enough_where_there_is_one() -> None:
    assert isinstance(assess(a_case(answers=(an_answer("h2"),)))[0], DeclareDown)


def test_one_of_two_witnesses_is_not_enough() -> None:
    still_counting = an_answer("h3", dead=False, unchanged_seconds=9.0)

    assert isinstance(assess(a_case(answers=(an_answer("h2"), still_counting)))[0], Wait)


def test_a_witness_whose_own_view_is_stale_neither_proves_nor_is_waited_for() -> None:
    stale = an_answer("h3", witness_sound=False, dead=False, unchanged_seconds=0.0)

    assert isinstance(assess(a_case(answers=(an_answer("h2"), stale)))[0], DeclareDown)
    assert isinstance(assess(a_case(answers=(stale,)))[0], Wait)


def test_a_witness_that_saw_a_later_renewal_contradicts() -> None:
    later = an_answer("h4", sequence=41, dead=False, unchanged_seconds=1.0)

    assert isinstance(assess(a_case(answers=(an_answer("h2"), an_answer("h3"), later)))[0], Wait)


def test_a_verdict_from_before_the_last_word_of_the_host_is_none() -> None:
    early = an_answer("h2", asked_at=104.9)

    assert isinstance(assess(a_case(answers=(early,)))[0], Wait)


def test_a_verdict_counts_only_after_every_hold_is_over() -> None:
    held = a_case(pools=(a_pool(holds_over_at=118.0),))

    assert isinstance(assess(replace(held, answers=(an_answer("h2", asked_at=119.0),)))[0], Wait)
    assert isinstance(assess(replace(held, answers=(an_answer("h2", asked_at=123.0),)))[0], DeclareDown)


def test_without_a_watchdog_a_lapsed_lease_proves_nothing() -> None:
    [action] = assess(a_case(watchdog=False, answers=(an_answer("h2"), an_answer("h3"))))

    assert isinstance(action, Wait)
    assert "without a watchdog" in action.reasons[0]


def test_another_boot_is_no_proof_unless_it_was_seen_to_come() -> None:
    older_slot = an_answer("h2", boot_id="b0")
    fresh_boot = an_answer("h2", boot_id="b2", dead=False, unchanged_seconds=0.5, moved=True)

    assert isinstance(assess(a_case(answers=(older_slot,)))[0], Wait)
    [action] = assess(a_case(answers=(fresh_boot,)))
    assert isinstance(action, DeclareDown)
    assert action.proofs[0] == Rebooted(old_boot_id="b1", new_boot_id="b2", seen_by="h2")


def test_every_leased_pool_must_be_given_up_before_the_host_is_down() -> None:
    case = a_case(
        pools=(a_pool(P1), a_pool(P2)),
        answers=(an_answer("h2"), renewed("h2", pool_id=P2)),
        victims=(
            Victim(vm_id=VmId("on-p1"), pool_ids=frozenset({P1})),
            Victim(vm_id=VmId("on-p2"), pool_ids=frozenset({P2})),
            Victim(vm_id=VmId("on-both"), pool_ids=frozenset({P1, P2})),
            Victim(vm_id=VmId("local"), pool_ids=frozenset({PoolId("local")})),
        ),
    )

    [action] = assess(case)

    assert isinstance(action, ReleaseGuests)
    assert [victim.vm_id for victim, _ in action.guests] == ["on-p1", "on-both"]


# --- power ------------------------------------------------------------------------------------------------------------


def off(asked_at: float = 119.0, since: float = 118.0) -> PowerReading:
    return PowerReading(state=PowerState.OFF, asked_at=asked_at, since=since, address="bmc1")


def test_what_a_power_controller_says_in_its_own_words_stands_beside_its_state_unless_it_is_the_same() -> None:
    told = [reading_in_words(replace(off(), detail=detail)) for detail in ("", "Off", "Chassis Power is off")]

    assert told == [
        "power controller bmc1 says Off",
        "power controller bmc1 says Off",
        "power controller bmc1 says Off (Chassis Power is off)",
    ]


def test_a_pool_on_which_a_guest_may_have_a_disk_proves_nothing_and_must_have_been_seen_moving() -> None:
    unsure = Victim(vm_id=VmId("v"), pool_ids=frozenset({P1, P2}), unsure_pool_ids=frozenset({P2}))
    lapsed = [LeaseExpired(pool_id=pool, boot_id="b", generation=1, witnesses=()) for pool in (P1, P2)]

    told = settle(proofs_for(unsure, lapsed), unsure.pool_ids, 10.0, lambda _pool: 0.0)

    assert [covers(proof, unsure) for proof in lapsed] == [True, False]
    assert told == HeldBack(proof=lapsed[0], pool_ids=frozenset({P2}))


def test_off_is_proof_where_its_slots_are_still_so_long_that_it_would_have_killed_its_guests() -> None:
    [action] = assess(a_case(has_power=True, power=off(), answers=(an_answer(dead=False, unchanged_seconds=7.5),)))

    assert isinstance(action, DeclareDown)
    assert action.proofs == (PoweredOff(address="bmc1"),)


def test_off_is_proof_only_when_the_last_writes_of_the_host_have_landed() -> None:
    ran_out = an_answer(dead=False, unchanged_seconds=7.5)

    just_off = assess(a_case(has_power=True, power=off(since=118.1), answers=(ran_out,)))
    without_leases = assess(a_case(has_power=True, power=off(since=118.1), pools=()))

    assert not any(isinstance(action, DeclareDown) for action in (*just_off, *without_leases))


def test_off_is_proof_alone_where_there_are_no_leases() -> None:
    [action] = assess(a_case(has_power=True, power=off(), pools=()))

    assert isinstance(action, DeclareDown)


def test_off_is_not_believed_where_nobody_can_see_its_slots() -> None:
    assert isinstance(assess(a_case(has_power=True, power=off()))[0], Wait)


def test_off_is_not_believed_while_a_hold_may_keep_its_guests_alive() -> None:
    case = a_case(has_power=True, power=off(), pools=(a_pool(holds_over_at=121.0),))

    assert isinstance(assess(replace(case, answers=(an_answer(dead=False, unchanged_seconds=7.5),)))[0], Wait)


def test_off_read_before_the_silence_is_none() -> None:
    assert not isinstance(assess(a_case(has_power=True, power=off(asked_at=99.0)))[0], DeclareDown)


def test_off_is_not_believed_of_a_host_that_renews() -> None:
    assert not isinstance(assess(a_case(has_power=True, power=off(), answers=(renewed(),)))[0], DeclareDown)


def test_off_is_not_believed_before_those_were_heard_who_may_know_better() -> None:
    case = a_case(has_power=True, power=off(), answers_awaited=True)

    assert isinstance(assess(case)[0], Wait)


def test_an_error_of_the_power_controller_proves_nothing() -> None:
    unknown = replace(off(), state=PowerState.UNKNOWN, detail="timeout")

    assert isinstance(assess(a_case(has_power=True, power=unknown))[0], Wait)


def test_a_host_whose_leases_ran_out_of_renewals_is_powered_off_under_either_policy() -> None:
    doomed = an_answer("h2", dead=False, unchanged_seconds=7.5)

    for policy in FencePolicy:
        [action] = assess(a_case(policy=policy, has_power=True, answers=(doomed,)))
        assert isinstance(action, PowerOff)


def test_a_host_of_which_nobody_can_tell_is_powered_off_only_under_policy_fence() -> None:
    assert isinstance(assess(a_case(has_power=True))[0], Wait)
    assert isinstance(assess(a_case(has_power=True, policy=FencePolicy.FENCE))[0], PowerOff)


def test_nothing_is_done_to_a_host_whose_ha_is_disabled() -> None:
    doomed = an_answer("h2", dead=False, unchanged_seconds=7.5)

    for answers in ((doomed,), (renewed(),), ()):
        case = a_case(may_be_fenced=False, has_power=True, policy=FencePolicy.FENCE, answers=answers)
        [action] = assess(case)
        assert isinstance(action, Wait)
        assert any("HA of this host is disabled" in reason for reason in action.reasons)


def test_a_host_that_renews_is_never_powered_off_before_it_was_poisoned() -> None:
    case = a_case(has_power=True, policy=FencePolicy.FENCE, answers=(renewed(),))

    assert assess(case) == [Poison(pool_ids=(P1,))]
    disobeyed = replace(case, poisoned_at=112.0)
    [action] = assess(disobeyed)
    assert isinstance(action, PowerOff)


def test_a_silence_as_short_as_a_pause_is_not_fenced_whatever_the_policy() -> None:
    for answers in ((renewed(),), ()):
        pausing = a_case(now=106.0, has_power=True, policy=FencePolicy.FENCE, answers=answers)
        assert isinstance(assess(pausing)[0], Wait)
        assert not isinstance(assess(replace(pausing, now=111.0))[0], Wait)


# --- poison -----------------------------------------------------------------------------------------------------------


def test_under_policy_keep_a_host_that_renews_is_left_alone() -> None:
    [action] = assess(a_case(answers=(renewed(),)))

    assert isinstance(action, Wait)
    assert "the policy is keep" in action.reasons[0]


def test_the_host_s_own_written_word_releases() -> None:
    [action] = assess(a_case(policy=FencePolicy.FENCE, answers=(renewed(released=True),)))

    assert isinstance(action, DeclareDown)
    assert action.proofs[0] == Released(pool_id=P1, boot_id="b1", generation=3, told_by=HostId("h2"))


def test_a_word_about_an_older_generation_releases_nothing_newer() -> None:
    case = a_case(answers=(renewed("h2", released=True), renewed("h3", generation=4)))

    assert isinstance(assess(case)[0], Wait)


def test_a_poison_of_the_past_releases_nothing_that_was_given_since() -> None:
    given_since = replace(a_pool(), generation=3)
    case = a_case(policy=FencePolicy.FENCE, pools=(given_since,), answers=(renewed(released=True),))

    assert assess(case) == [Poison(pool_ids=(P1,))]


def test_nothing_is_poisoned_before_it_is_known_what_a_later_generation_is() -> None:
    unknown = a_case(policy=FencePolicy.FENCE, pools=(replace(a_pool(), generation=None),))

    early, late = renewed(released=True, asked_at=104.9), renewed(released=True)

    assert isinstance(assess(replace(unknown, answers=(late,)))[0], Wait)
    assert generations_read(replace(unknown, answers=(early,))) == {}
    assert generations_read(replace(unknown, answers=(late,))) == {P1: 3}


# --- the record -------------------------------------------------------------------------------------------------------


def test_everything_that_was_said_is_kept_in_words() -> None:
    case = a_case(answers=(an_answer("h2"),), pings=((HostId("h3"), False),), power=off())

    assert [each["text"] for each in evidence_in(case)] == [
        "h2 saw its lease on pool p1 unchanged for 13.0 s",
        "h3 gets no answer to a ping",
        "power controller bmc1 says Off",
    ]


# --- properties -------------------------------------------------------------------------------------------------------

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no finding."""

seen = st.builds(
    an_answer,
    st.sampled_from(["h1", "h2", "h3", "h4"]),
    asked_at=st.floats(90, 130),
    moved=st.booleans(),
    boot_id=st.sampled_from(["b0", "b1", "b2"]),
    generation=st.integers(2, 4),
    sequence=st.integers(39, 41),
    unchanged_seconds=st.floats(0, 20),
    dead=st.booleans(),
    released=st.booleans(),
    witness_sound=st.booleans(),
)
answers = st.lists(seen, max_size=4, unique_by=lambda answer: answer.slot.observer_id).map(tuple)


@unhurried
@given(answers, st.floats(90, 130))
def test_a_lease_proof_always_rests_on_sound_late_and_uncontradicted_witnesses(
    given_answers: tuple[Answer, ...], holds_over_at: float
) -> None:
    case = a_case(pools=(a_pool(holds_over_at=holds_over_at),), answers=given_answers)

    proof = lease_expired(case, case.pools[0])

    if proof is not None:
        by = {answer.slot.observer_id: answer for answer in given_answers}
        others = [each for each in given_answers if each.slot.witness_sound and each.slot.observer_id != "h1"]
        assert len(proof.witnesses) >= min(2, len(others)) >= 1
        for witness in proof.witnesses:
            assert by[witness].slot.dead
            assert by[witness].slot.witness_sound
            assert by[witness].asked_at >= max(100.0, holds_over_at) + 5.0
        assert all((each.slot.generation, each.slot.sequence) <= (proof.generation, 41) for each in others)


@unhurried
@given(answers, st.sampled_from(list(FencePolicy)))
def test_under_keep_nothing_is_done_to_a_host_that_somebody_saw_renew(
    given_answers: tuple[Answer, ...], policy: FencePolicy
) -> None:
    alive = renewed("h5", generation=9)
    actions = assess(a_case(policy=policy, has_power=True, power=off(), answers=(*given_answers, alive)))

    if policy is FencePolicy.KEEP:
        assert not any(isinstance(action, PowerOff | Poison) for action in actions)
    proofs = [proof for action in actions if isinstance(action, DeclareDown) for proof in action.proofs]
    assert not any(isinstance(proof, LeaseExpired | PoweredOff) for proof in proofs)


def test_the_silence_of_a_controller_that_did_not_listen_fences_nobody() -> None:
    silent = a_case(policy=FencePolicy.FENCE, has_power=True, answers=(renewed(),))

    assert any(isinstance(action, Poison) for action in assess(silent))
    assert not any(isinstance(action, Poison | PowerOff) for action in assess(replace(silent, listening_since=113.0)))


def test_while_another_controller_is_silent_a_living_host_may_be_at_its_door() -> None:
    """Seeds 30065, 30169, 31281 and 31324 of the false alarms."""
    silent = a_case(policy=FencePolicy.FENCE, has_power=True, answers=(renewed(),), peers_heard_since=112.0)

    assert not any(isinstance(action, Poison | PowerOff) for action in assess(silent))
    assert any(isinstance(action, Poison) for action in assess(replace(silent, peers_heard_since=99.0)))
    assert any(isinstance(action, Poison) for action in assess(replace(silent, now=126.0)))
