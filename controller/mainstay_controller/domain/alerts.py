"""Which alerts are told of now, and in what words.  Pure.

One trouble is one letter: a dead host and its guests raise many alerts, so a letter waits until none has come for a while and no host is being
investigated whose guests would follow, though never longer than `wait_seconds_max`.  In it hosts that fell in one moment are one entry, which names
them and what they have in common.  An alert is told of once, and again every `again_seconds` while nobody has acknowledged it; what is over
before its letter goes is not told of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mainstay_controller.domain.ids import AlertId
from mainstay_controller.domain.records import Alert

OPEN, ACKNOWLEDGED, RESOLVED = "Open", "Acknowledged", "Resolved"
ENTRIES_MAX = 100
NAMES_MAX = 200
MOMENT_SECONDS = 60.0
"""Hosts of a zone that fell within so long have, as far as anybody knows, one cause."""
HOST_ALERT = "ALERT.COMPUTE.HOST"
"""The trouble of a host explains that of its guests: it comes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folding:
    quiet_seconds: float
    wait_seconds_max: float
    again_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    subject: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallen:
    """The host that an alert is about.  `trouble`: down, or under suspicion.  `places`: where it stands, by name, from its zone inwards."""

    name: str
    trouble: str
    places: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One trouble in a letter, of one alert or several."""

    headline: str
    text: str
    alerts: int = 1


def to_tell(alerts: Sequence[Alert], now: datetime, folding: Folding, *, may_grow: bool = False) -> list[Alert]:
    """The alerts of one letter; none while more of them may be on their way.  `may_grow`: a host is under suspicion still."""
    waiting = [alert for alert in alerts if alert.state == OPEN and not alert.archived]
    fresh = [alert for alert in waiting if alert.last_sent is None]
    again = [alert for alert in waiting if alert.last_sent and _seconds(alert.last_sent, now) >= folding.again_seconds]
    if fresh and not _is_complete([alert.created for alert in fresh], now, folding, may_grow):
        return []
    return sorted([*fresh, *again], key=lambda alert: (alert.name != HOST_ALERT, alert.created))


def letter_about(alerts: Sequence[Alert], fallen: Mapping[AlertId, Fallen]) -> Letter:
    """Alerts in the order of `to_tell`; at least one.  `fallen`: of those that are about a host."""
    entries = [_entry(together, fallen) for together in _by_moment(alerts, fallen)]
    told = entries[:ENTRIES_MAX]
    lines = [entry.text for entry in told]
    if untold := len(alerts) - sum(entry.alerts for entry in told):
        lines.append(f"... and {untold} more: see listAlerts")
    others = len(alerts) - entries[0].alerts
    more = f" (and {others} more)" if others else ""
    return Letter(subject=_plain(f"Mainstay: {entries[0].headline}{more}"), text="\n".join(lines) + "\n")


def _by_moment(alerts: Sequence[Alert], fallen: Mapping[AlertId, Fallen]) -> list[list[Alert]]:
    """Those of hosts that fell together stand together; every other is alone."""
    troubles: list[list[Alert]] = []
    latest: dict[tuple[str, str], list[Alert]] = {}
    for alert in alerts:
        host = fallen.get(alert.id)
        alike = (host.trouble, host.places[0]) if host else None
        moment = latest.get(alike) if alike else None
        if moment is not None and _seconds(moment[0].created, alert.created) <= MOMENT_SECONDS:
            moment.append(alert)
            continue
        troubles.append([alert])
        if alike:
            latest[alike] = troubles[-1]
    return troubles


def _entry(alerts: Sequence[Alert], fallen: Mapping[AlertId, Fallen]) -> Entry:
    first = alerts[0]
    if len(alerts) == 1:
        return Entry(headline=first.subject, text=_line(first))
    hosts = [fallen[alert.id] for alert in alerts]
    headline = _plain(f"{len(hosts)} hosts {hosts[0].trouble} in {_common_place(hosts)}")
    names = ", ".join(sorted(_plain(host.name) for host in hosts)[:NAMES_MAX])
    more = f" and {len(hosts) - NAMES_MAX} more" if len(hosts) > NAMES_MAX else ""
    return Entry(headline=headline, text=f"{_head(first)}  {headline}\n    {names}{more}", alerts=len(alerts))


def _common_place(hosts: Sequence[Fallen]) -> str:
    """The narrowest in which all of them stand; they are of one zone."""
    common = [place for place in hosts[0].places if all(place in host.places for host in hosts)]
    return common[-1]


def _is_complete(raised: Sequence[datetime], now: datetime, folding: Folding, may_grow: bool) -> bool:
    if _seconds(min(raised), now) >= folding.wait_seconds_max:
        return True
    return not may_grow and _seconds(max(raised), now) >= folding.quiet_seconds


def _line(alert: Alert) -> str:
    times = f" ({alert.count} times)" if alert.count > 1 else ""
    details = f"\n    {_plain(alert.description)}" if alert.description != alert.subject else ""
    return f"{_head(alert)}  {_plain(alert.subject)}{times}{details}"


def _head(alert: Alert) -> str:
    return f"{alert.created:%Y-%m-%d %H:%M:%S} UTC  {alert.name}"


def _seconds(since: datetime, now: datetime) -> float:
    return (now - since) / timedelta(seconds=1)


def _plain(text: str) -> str:
    """Names that users chose stand in it; a header has one line."""
    return " ".join(text.split())
