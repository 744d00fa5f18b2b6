"""When a pool was last seen moving, by what hosts answer."""

from __future__ import annotations

import pytest

from mainstay_controller.domain.ids import PoolId
from mainstay_controller.fleet.moves import NEVER, Moves
from mainstay_proto.messages import RENEWED_AGO

POOL = PoolId("pool")


def told(*answers: tuple[str, float]) -> float:
    moves = Moves()
    for age, asked_at in answers:
        moves.told({"ping": "unknown", RENEWED_AGO + POOL: age}, asked_at, 0.001)
    return moves.moved_at(POOL)


def test_a_renewal_was_begun_no_earlier_than_the_question_less_its_age() -> None:
    assert told(("2.0", 100.0)) == pytest.approx(100.0 - 2.0 * 1.002)


def test_the_newest_counts_whoever_told_it() -> None:
    assert told(("0.5", 100.0), ("9.0", 103.0)) == pytest.approx(99.5, abs=0.01)


@pytest.mark.parametrize("untrusted_age", ["", "soon", "nan", "inf", "-inf"])
def test_what_is_no_age_tells_nothing(untrusted_age: str) -> None:
    assert told((untrusted_age, 100.0)) == NEVER


def test_an_age_below_zero_does_not_tell_of_the_future() -> None:
    assert told(("-5", 100.0)) == 100.0
