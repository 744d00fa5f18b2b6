"""How many calls may be made in a window that begins with the first of them.  Pure.

Exactly `calls_max` calls pass in a window; one more is told how long the window still lasts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mainstay_controller.domain.records import CallWindow


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    calls_max: int
    interval_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """`window`: what is to be written for the call to pass."""

    window: CallWindow


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    retry_after_ms: int


def after_call(window: CallWindow, limit: Limit, now: datetime) -> Admitted | Refused:
    remaining_ms = expires_in_ms(window, limit, now)
    if remaining_ms <= 0:
        return Admitted(window=replace(window, began=now, issued=1))
    if window.issued >= limit.calls_max:
        return Refused(retry_after_ms=remaining_ms)
    return Admitted(window=replace(window, issued=window.issued + 1))


def expires_in_ms(window: CallWindow, limit: Limit, now: datetime) -> int:
    """Not above 0: it is over.  A window that began in the future, by a database whose clock was set back, is over too."""
    if window.began > now:
        return 0
    ends = window.began + timedelta(seconds=limit.interval_seconds)
    return int((ends - now).total_seconds() * 1000)
