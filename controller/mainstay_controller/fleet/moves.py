"""When was each pool last seen moving?  By hosts' answers to our own questions, on our own clock.

A host that is asked tells how long ago the newest renewal of its slot was begun that storage has acknowledged.  It answers after it was asked, so that
renewal was begun no earlier than the question, less the age.  What hosts say unasked tells nothing: it may have lain on the way."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from math import isfinite

from mainstay_controller.domain.ids import PoolId
from mainstay_proto.messages import RENEWED_AGO

NEVER = float("-inf")


@dataclass(slots=True)
class Moves:
    _moved_at: dict[PoolId, float] = field(default_factory=dict)

    def told(self, untrusted_answer: Mapping[str, str], asked_at: float, clock_error: float) -> None:
        for name, value in untrusted_answer.items():
            if name.startswith(RENEWED_AGO):
                begun_at = asked_at - age_in(value) * (1 + 2 * clock_error)
                pool_id = PoolId(name.removeprefix(RENEWED_AGO))
                self._moved_at[pool_id] = max(begun_at, self.moved_at(pool_id))

    def moved_at(self, pool_id: PoolId) -> float:
        """Some write that this pool has completed was begun no earlier."""
        return self._moved_at.get(pool_id, NEVER)


def age_in(untrusted_value: str) -> float:
    """What is no age tells nothing."""
    with suppress(ValueError):
        seconds = float(untrusted_value)
        if isfinite(seconds):
            return max(0.0, seconds)
    return float("inf")
