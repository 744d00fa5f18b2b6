"""Every controller holds its share, and nobody moves an agent for nothing."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from mainstay_controller.domain.shares import Load, gifts_to

HELD = st.integers(min_value=0, max_value=500)


def loads(*hosts: int) -> list[Load]:
    return [Load(address=f"c{number}", hosts=held) for number, held in enumerate(hosts)]


def test_a_newcomer_is_given_his_share() -> None:
    assert Counter(gifts_to(loads(0, 60), mine=60)) == {"c0": 20}


def test_small_differences_are_left_alone() -> None:
    assert gifts_to(loads(98), mine=102) == []


def test_who_leaves_gives_all_and_evenly() -> None:
    assert Counter(gifts_to(loads(10, 20), mine=30, is_leaving=True)) == {"c0": 20, "c1": 10}


def test_who_is_alone_keeps_what_he_has() -> None:
    assert gifts_to([], mine=30, is_leaving=True) == []


@given(others=st.lists(HELD, min_size=1, max_size=6), mine=HELD, is_leaving=st.booleans())
def test_nobody_is_given_more_than_his_share(others: list[int], mine: int, is_leaving: bool) -> None:
    gifts = Counter(gifts_to(loads(*others), mine, is_leaving=is_leaving))

    takers = len(others) + (0 if is_leaving else 1)
    for number, held in enumerate(others):
        assert gifts[f"c{number}"] == 0 or (held + gifts[f"c{number}"] - 1) * takers < mine + sum(others)
    assert gifts.total() <= mine
    assert not is_leaving or gifts.total() == mine
