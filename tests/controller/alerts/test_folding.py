"""One trouble is one letter, told once, and again only while nobody looks after it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mainstay_controller.domain.alerts import ACKNOWLEDGED, RESOLVED, Folding, letter_about, to_tell
from mainstay_controller.domain.ids import AlertId
from mainstay_controller.domain.records import Alert

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
FOLDING = Folding(quiet_seconds=30, wait_seconds_max=120, again_seconds=3600)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def an_alert(subject: str = "VM web stopped", at: float = 0, name: str = "ALERT.USERVM") -> Alert:
    return Alert(id=AlertId(subject), type=8, name=name, subject=subject, description=subject, created=after(at))


def a_dead_host_and_its_guests() -> list[Alert]:
    host = an_alert("Host h1 is under suspicion", at=0, name="ALERT.COMPUTE.HOST")
    return [*(an_alert(f"VM vm{number} stopped", at=27 + number * 0.1) for number in range(14)), host]


def test_a_dead_host_and_its_fourteen_guests_are_one_letter() -> None:
    alerts = a_dead_host_and_its_guests()

    early = to_tell(alerts, after(40), FOLDING)
    letter = letter_about(to_tell(alerts, after(60), FOLDING))

    assert early == []
    assert letter.subject == "Mainstay: Host h1 is under suspicion (and 14 more)"
    assert letter.text.count("\n") == 15


def test_while_it_is_not_known_what_became_of_a_host_its_letter_waits_for_its_guests_but_not_for_ever() -> None:
    suspicion = [an_alert("Host h1 is under suspicion", name="ALERT.COMPUTE.HOST")]

    assert to_tell(suspicion, after(119), FOLDING, may_grow=True) == []
    assert to_tell(suspicion, after(31), FOLDING, may_grow=False) == suspicion
    assert to_tell(suspicion, after(120), FOLDING, may_grow=True) == suspicion


def test_a_trouble_that_never_pauses_is_told_of_nevertheless() -> None:
    alerts = [an_alert(f"VM vm{second} stopped", at=second) for second in range(120)]

    assert to_tell(alerts, after(119), FOLDING) == []
    assert len(to_tell(alerts, after(120), FOLDING)) == 120


def test_what_is_over_or_known_is_not_told_of() -> None:
    alert = an_alert()

    for state in (RESOLVED, ACKNOWLEDGED):
        assert to_tell([replace(alert, state=state)], after(60), FOLDING) == []


def test_what_was_told_is_told_again_after_its_time_only() -> None:
    told = replace(an_alert(), last_sent=after(30), count=7)

    assert to_tell([told], after(3629), FOLDING) == []
    assert to_tell([told], after(3630), FOLDING) == [told]
    assert "(7 times)" in letter_about([told]).text


def test_a_name_with_line_breaks_stays_on_its_line() -> None:
    letter = letter_about([an_alert("VM a\r\nBcc: all@example.org stopped")])

    assert letter.subject == "Mainstay: VM a Bcc: all@example.org stopped"
