"""Silence counts only while we ourselves listen."""

from __future__ import annotations

import pytest

from mainstay_controller.domain.ha.suspicion import (
    HEARD_MIN,
    Attention,
    Contact,
    Hearing,
    LastHeard,
    Patience,
    hosts_under_suspicion,
)
from mainstay_controller.domain.ids import HostId

PATIENCE = Patience(live_seconds=3, lost_seconds=1, left_seconds=30, awaited_seconds=40)


def suspects(now: float, *heard: LastHeard, listening_since: float = 0.0) -> list[str]:
    attention = Attention(since=listening_since, last_scan=now)
    return [silence.host_id for silence in hosts_under_suspicion(heard, attention, PATIENCE, now)]


def last(host: str, at: float, contact: Contact = Contact.LIVE) -> LastHeard:
    return LastHeard(host_id=HostId(host), contact=contact, at=at)


def test_a_host_that_beats_is_no_suspect() -> None:
    assert suspects(103.0, last("h1", 100.0)) == []


def test_three_beats_missed_make_one() -> None:
    assert suspects(103.1, last("h1", 100.0), last("h2", 102.5)) == ["h1"]


def test_a_broken_stream_makes_one_sooner_and_a_goodbye_later() -> None:
    broken, left = last("h1", 100.0, Contact.LOST), last("h2", 100.0, Contact.LEFT)

    assert suspects(101.5, broken, left) == ["h1"]
    assert suspects(131.0, broken, left) == ["h1", "h2"]


def test_nobody_is_suspect_right_after_we_began_to_listen() -> None:
    assert suspects(200.0, last("h1", 100.0), listening_since=198.0) == []
    assert suspects(202.0, last("h1", 100.0), listening_since=198.0) == ["h1"]


def test_a_gap_in_our_own_loop_begins_everybody_s_patience_anew() -> None:
    attention = Attention(since=0.0, last_scan=100.0)

    assert attention.scanned(101.0, late_seconds=0.2, beat_seconds=1.0).since == 0.0
    assert attention.scanned(101.0, late_seconds=0.3, beat_seconds=1.0).since == 101.0, (
        "many beats may wait to be heard"
    )
    assert attention.scanned(110.0, late_seconds=0.0, beat_seconds=1.0).since == 110.0


def test_a_host_whose_session_broke_while_we_turned_all_away_is_awaited() -> None:
    attention = Attention(since=0.0, last_scan=109.0).closed(110.0)
    turned_away, lost_since = last("h1", 105.0, Contact.LOST), last("h2", 111.0, Contact.LOST)

    def suspects_at(now: float) -> list[str]:
        heard = (turned_away, lost_since)
        return [silence.host_id for silence in hosts_under_suspicion(heard, attention, PATIENCE, now)]

    assert suspects_at(113.0) == ["h2"]
    assert suspects_at(150.5) == ["h1", "h2"]


# --- how well we hear ---------------------------------------------------------------------------------------------------

BEAT = 1.0


def hearing_of(*gaps: float) -> Hearing:
    return Hearing().listened(gaps, BEAT, PATIENCE.live_seconds, now=100.0)


@pytest.mark.parametrize("late", [0.0, 0.01, 0.2])
def test_who_hears_well_gives_nobody_more_time(late: float) -> None:
    patience = PATIENCE.stretched(hearing_of(*[BEAT + late] * 200).slowness)

    assert patience == PATIENCE


def test_where_all_come_late_a_silent_host_has_three_beats_as_they_are_heard() -> None:
    patience = PATIENCE.stretched(hearing_of(*[2.5 * BEAT] * 200).slowness)

    assert patience.live_seconds == 2.5 * PATIENCE.live_seconds
    assert patience.lost_seconds == patience.live_seconds, "one that dials again is heard no sooner than one that beats"
    assert patience.awaited_seconds == 2.5 * PATIENCE.awaited_seconds


def test_beats_that_waited_together_and_come_one_upon_the_other_are_late_all_the_same() -> None:
    assert hearing_of(*[5 * BEAT, 0.0, 0.0, 0.0, 0.0] * 40).slowness == 5


def test_a_few_hosts_that_are_late_by_themselves_make_nobody_wait() -> None:
    assert hearing_of(*[4 * BEAT] * 10, *[BEAT] * 190).slowness == 1


def test_beats_of_a_few_hosts_tell_nothing_of_our_ears() -> None:
    assert hearing_of(*[4 * BEAT, 0.0, 0.0] * (HEARD_MIN - 1)).slowness == 1
    assert hearing_of(*[4 * BEAT] * HEARD_MIN).slowness == 4


def test_that_many_hosts_fell_silent_at_once_is_no_slowness_while_the_others_are_heard_in_time() -> None:
    dead = [last(f"dead-{number}", 100.0) for number in range(50)]
    patience = PATIENCE.stretched(hearing_of(*[BEAT] * 50).slowness)

    found = hosts_under_suspicion(dead, Attention(since=0.0, last_scan=103.0), patience, 103.1)

    assert len(list(found)) == 50


def test_slowness_counts_until_whoever_was_held_up_by_it_has_had_time_to_be_heard() -> None:
    slow = hearing_of(*[2 * BEAT] * 100)
    later = slow.listened([BEAT] * 100, BEAT, PATIENCE.live_seconds, now=105.0)
    over = later.listened([BEAT] * 100, BEAT, PATIENCE.live_seconds, now=106.5)

    assert (slow.slowness, later.slowness, over.slowness) == (2, 2, 1)
