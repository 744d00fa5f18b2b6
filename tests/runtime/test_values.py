"""A copy of a value, with some fields changed."""

from __future__ import annotations

import dataclasses

import pytest

from mainstay_runtime.values import replace


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Lamp:
    room: str
    watts: int = 40
    is_on: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bounded:
    low: int
    high: int

    def __post_init__(self) -> None:
        assert self.low <= self.high


def test_the_copy_differs_in_what_was_changed_and_the_original_in_nothing() -> None:
    lamp = Lamp(room="hall", watts=60)

    lit = replace(lamp, is_on=True)

    assert lit == Lamp(room="hall", watts=60, is_on=True)
    assert lamp == Lamp(room="hall", watts=60)


def test_a_copy_is_as_frozen_as_the_original() -> None:
    copy = replace(Lamp(room="hall"), watts=10)

    with pytest.raises(dataclasses.FrozenInstanceError):
        copy.watts = 20  # type: ignore[misc]


def test_a_field_that_is_not_there_cannot_be_changed() -> None:
    with pytest.raises(KeyError):
        replace(Lamp(room="hall"), colour="red")  # type: ignore[call-arg]


def test_a_value_that_checks_itself_is_refused() -> None:
    with pytest.raises(TypeError, match="__post_init__"):
        replace(Bounded(low=1, high=2), low=3)
