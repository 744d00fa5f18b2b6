"""What became of an order to a host: done, refused, failed, or unknown.

Refused: this call changed nothing.  Failed: tried, and certainly not in effect.  Unknown: neither - it may still come into effect, so
only a fresh question, or proof about the host, may decide what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mainstay_controller.domain.ha.evidence import GuestSeen, SlotSeen


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """In effect.  `answer` holds small facts by name; what a host saw of guests or slots is beside it."""

    answer: Mapping[str, str] = field(default_factory=dict)
    guests: tuple[GuestSeen, ...] = ()
    slots: tuple[SlotSeen, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """`code` is stable: stale-epoch, no-lease, no-such-guest, running, not-connected ..."""

    code: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    code: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """`code`: deadline (no answer in time), host-dead (given up because the host is proven dead), unknown (the host itself does not know)."""

    code: str
    detail: str = ""


Outcome = Done | Refused | Failed | Unknown


def in_words(outcome: Outcome) -> str:
    """For timelines and messages to people."""
    match outcome:
        case Done():
            return "done"
        case Refused() | Failed() | Unknown():
            said = f"{outcome.code}: {outcome.detail}" if outcome.detail else outcome.code
            return f"{type(outcome).__name__.lower()} ({said})"
