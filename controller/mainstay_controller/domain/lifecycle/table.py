"""The engine of every state table: a missing arrow is an answer."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)


class ForbiddenTransition(Exception):
    """That is not possible in this state."""


def after(table: Mapping[tuple[S, E], S], state: S, event: E) -> S:
    try:
        return table[state, event]
    except KeyError:
        raise ForbiddenTransition(f"{event} is not possible in {state}") from None
