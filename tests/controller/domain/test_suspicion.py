"""Silence counts only while we ourselves listen."""

from __future__ import annotations

from mainstay_controller.domain.ha.suspicion import Attention, Contact, LastHeard, Patience, hosts_under_suspicion
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
