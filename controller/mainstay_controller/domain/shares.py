"""How many hosts should a controller hold, and to whom does it give the rest?

The promise: nobody is given more than his even share, and small differences are left alone, so that shares settle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

SLACK_SHARE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    address: str
    hosts: int


def gifts_to(others: Sequence[Load], mine: int, *, is_leaving: bool = False) -> list[str]:
    """An address for each host to be given away, those that hold least first and everybody in turn."""
    if not others:
        return []
    takers = len(others) + (0 if is_leaving else 1)
    share = ceil((mine + sum(other.hosts for other in others)) / takers)
    excess = mine if is_leaving else mine - share
    if not is_leaving and excess <= share * SLACK_SHARE:
        return []
    places = [
        (turn, other.address)
        for other in sorted(others, key=lambda other: other.hosts)
        for turn in range(share - other.hosts)
    ]
    return [address for _, address in sorted(places, key=lambda place: place[0])][:excess]
