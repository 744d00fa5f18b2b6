"""Which alerts are told of now, and in what words.  Pure.

One trouble is one letter: a dead host and its guests raise many alerts, so a letter waits until none has come for a while and no host is being
investigated whose guests would follow, though never longer than `wait_seconds_max`.  An alert is told of once, and again every
`again_seconds` while nobody has acknowledged it; what is over before its letter goes is not told of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mainstay_controller.domain.records import Alert

OPEN, ACKNOWLEDGED, RESOLVED = "Open", "Acknowledged", "Resolved"
LINES_MAX = 100
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


def to_tell(alerts: Sequence[Alert], now: datetime, folding: Folding, *, may_grow: bool = False) -> list[Alert]:
    """The alerts of one letter; none while more of them may be on their way.  `may_grow`: a host is under suspicion still."""
    waiting = [alert for alert in alerts if alert.state == OPEN and not alert.archived]
    fresh = [alert for alert in waiting if alert.last_sent is None]
    again = [alert for alert in waiting if alert.last_sent and _seconds(alert.last_sent, now) >= folding.again_seconds]
    if fresh and not _is_complete([alert.created for alert in fresh], now, folding, may_grow):
        return []
    return sorted([*fresh, *again], key=lambda alert: (alert.name != HOST_ALERT, alert.created))


def letter_about(alerts: Sequence[Alert]) -> Letter:
    """Alerts in the order of `to_tell`; at least one."""
    first, others = alerts[0], len(alerts) - 1
    lines = [_line(alert) for alert in alerts[:LINES_MAX]]
    if len(alerts) > LINES_MAX:
        lines.append(f"... and {len(alerts) - LINES_MAX} more: see listAlerts")
    more = f" (and {others} more)" if others else ""
    return Letter(subject=_plain(f"Mainstay: {first.subject}{more}"), text="\n".join(lines) + "\n")


def _is_complete(raised: Sequence[datetime], now: datetime, folding: Folding, may_grow: bool) -> bool:
    if _seconds(min(raised), now) >= folding.wait_seconds_max:
        return True
    return not may_grow and _seconds(max(raised), now) >= folding.quiet_seconds


def _line(alert: Alert) -> str:
    times = f" ({alert.count} times)" if alert.count > 1 else ""
    details = f"\n    {_plain(alert.description)}" if alert.description != alert.subject else ""
    return f"{alert.created:%Y-%m-%d %H:%M:%S} UTC  {alert.name}  {_plain(alert.subject)}{times}{details}"


def _seconds(since: datetime, now: datetime) -> float:
    return (now - since) / timedelta(seconds=1)


def _plain(text: str) -> str:
    """Names that users chose stand in it; a header has one line."""
    return " ".join(text.split())
