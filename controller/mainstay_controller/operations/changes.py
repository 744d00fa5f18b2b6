"""Apply what a request changes to a record: a change names fields of the record, and what is None in it stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

R = TypeVar("R", bound="DataclassInstance")
Check = Callable[[str, Any], object]
"""From `operations.checks`: the field's name on the wire and the value; returns what is to be kept."""


def with_changes(record: R, change: DataclassInstance, checks: Mapping[str, Check] | None = None) -> R:
    """`checks`: by field, for what not every value is fit for."""
    given: dict[str, Any] = {}
    for each in fields(change):
        value = getattr(change, each.name)
        if value is None:
            continue
        check = (checks or {}).get(each.name)
        given[each.name] = check(each.name.replace("_", ""), value) if check else value
    return replace(record, **given)
