"""What clients see of each noun: a frozen dataclass, and how to make many of them from records with few queries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias, TypeVar, get_args, get_type_hints

from mainstay_controller.api.access import Caller
from mainstay_controller.operations.cloud import Cloud

R = TypeVar("R")
V = TypeVar("V")

View: TypeAlias = Callable[[Sequence[R], Caller, Cloud], Awaitable[list[V]]]
"""How records are shown to a caller."""


async def one(view: View[R, V], record: R, caller: Caller, cloud: Cloud) -> V:
    """One record's view."""
    (only,) = await view([record], caller, cloud)
    return only


def class_shown_by(view: View[R, V]) -> type:
    """The dataclass that a view makes."""
    shown: type = get_args(get_type_hints(view)["return"])[0]
    return shown
