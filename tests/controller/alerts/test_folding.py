"""One trouble is one letter, told once, and again only while nobody looks after it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mainstay_controller.domain.alerts import ACKNOWLEDGED, RESOLVED, Fallen, Folding, letter_about, to_tell
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
    letter = letter_about(to_tell(alerts, after(60), FOLDING), {})

    assert early == []
    assert letter.subject == "Mainstay: Host h1 is under suspicion (and 14 more)"
    assert letter.text.count("\n") == 15


def hosts_down(count: int, at: float = 0, cluster: str = "c1", pod: str = "p1") -> dict[Alert, Fallen]:
    names = [f"{cluster}-h{number:03d}" for number in range(count)]
    places = ("zone z1", f"pod {pod}", f"cluster {cluster}")
    return {
        an_alert(f"Host down, {name}", at, "ALERT.COMPUTE.HOST"): Fallen(name=name, trouble="down", places=places)
        for name in names
    }


def the_letter_about(hosts: dict[Alert, Fallen], *others: Alert) -> tuple[str, list[str]]:
    fallen = {alert.id: host for alert, host in hosts.items()}
    letter = letter_about(to_tell([*hosts, *others], after(7200), FOLDING), fallen)
    return letter.subject, letter.text.splitlines()


def test_a_hundred_hosts_that_fall_in_one_moment_are_one_entry_that_names_them() -> None:
    hosts = hosts_down(100)

    subject, lines = the_letter_about(hosts, an_alert("VM web stopped"))

    assert subject == "Mainstay: 100 hosts down in cluster c1 (and 1 more)"
    assert lines[0] == "2026-11-22 12:00:00 UTC  ALERT.COMPUTE.HOST  100 hosts down in cluster c1"
    assert lines[1].split(", ") == ["    c1-h000", *(f"c1-h{number:03d}" for number in range(1, 100))]
    assert len(lines) == 3


def test_the_entry_tells_the_narrowest_place_that_they_have_in_common() -> None:
    of_a_pod = hosts_down(2, cluster="c1") | hosts_down(2, cluster="c2")
    of_a_zone = of_a_pod | hosts_down(2, cluster="c3", pod="p2")

    assert the_letter_about(of_a_pod)[0] == "Mainstay: 4 hosts down in pod p1"
    assert the_letter_about(of_a_zone)[0] == "Mainstay: 6 hosts down in zone z1"


def test_hosts_that_fell_at_other_times_or_alone_are_entries_of_their_own() -> None:
    hosts = hosts_down(3) | hosts_down(2, at=600, cluster="c2") | hosts_down(1, at=1800, cluster="c3")

    subject, lines = the_letter_about(hosts)

    assert subject == "Mainstay: 3 hosts down in cluster c1 (and 3 more)"
    assert [line.partition("HOST  ")[2] for line in lines if "HOST  " in line] == [
        "3 hosts down in cluster c1",
        "2 hosts down in cluster c2",
        "Host down, c3-h000",
    ]


def test_of_very_many_hosts_the_first_are_named_and_the_others_counted() -> None:
    _, lines = the_letter_about(hosts_down(203))

    assert lines[1].endswith("c1-h199 and 3 more")


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
    assert "(7 times)" in letter_about([told], {}).text


def test_a_name_with_line_breaks_stays_on_its_line() -> None:
    letter = letter_about([an_alert("VM a\r\nBcc: all@example.org stopped")], {})

    assert letter.subject == "Mainstay: VM a Bcc: all@example.org stopped"
