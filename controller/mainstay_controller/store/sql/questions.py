"""Questions to a table: a statement built once for each shape of question, and the values of the one that is asked.

To build a statement, and to find out that it was compiled before, costs more than a short read; the shapes are as many as the places in the
sources that ask."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from mainstay_controller.store.port import Where

SHAPES_MAX = 2000
ESCAPE = "/"
PADDED_MAX = 10_000
"""Longer lists are rare, and engines bear some thirty thousand values."""
Shape = tuple[tuple[str, str], ...]
"""Of the conditions: field and operator of each."""


@dataclass(frozen=True, slots=True)
class Question:
    where: Sequence[Where] = ()
    order_by: str = "created"
    descending: bool = False
    limit: int | None = None
    offset: int | None = None

    def reading(self, table: sa.Table) -> sa.Select[Any]:
        limited, beyond = self.limit is not None, self.offset is not None
        return _reading(table, self._shape(), self.order_by, self.descending, limited, beyond)

    def counting(self, table: sa.Table) -> sa.Select[Any]:
        return _counting(table, self._shape())

    def counting_by(self, table: sa.Table, field: str) -> sa.Select[Any]:
        return _counting_by(table, self._shape(), field)

    def values(self) -> dict[str, object]:
        bounds = {"limit": self.limit, "offset": self.offset}
        told = {_name(number): _operand(each) for number, each in enumerate(self.where) if each.op not in WITHOUT_VALUE}
        return told | {name: bound for name, bound in bounds.items() if bound is not None}

    def _shape(self) -> Shape:
        return tuple([(condition.field, condition.op) for condition in self.where])


@lru_cache(SHAPES_MAX)
def _reading(
    table: sa.Table, shape: Shape, order_by: str, descending: bool, limited: bool, beyond: bool
) -> sa.Select[Any]:
    keys = (table.c[order_by], table.c.id)
    order = [key.desc() if descending else key.asc() for key in keys]
    query = sa.select(table).where(*_conditions(table, shape)).order_by(*order)
    if limited:
        query = query.limit(sa.bindparam("limit", type_=sa.Integer))
    return query.offset(sa.bindparam("offset", type_=sa.Integer)) if beyond else query


@lru_cache(SHAPES_MAX)
def _counting(table: sa.Table, shape: Shape) -> sa.Select[Any]:
    return sa.select(sa.func.count()).select_from(table).where(*_conditions(table, shape))


@lru_cache(SHAPES_MAX)
def _counting_by(table: sa.Table, shape: Shape, field: str) -> sa.Select[Any]:
    column = table.c[field]
    return sa.select(column, sa.func.count()).where(*_conditions(table, shape)).group_by(column)


def _conditions(table: sa.Table, shape: Shape) -> list[sa.ColumnElement[bool]]:
    return [_condition(table, field, op, _name(number)) for number, (field, op) in enumerate(shape)]


def _condition(table: sa.Table, field: str, op: str, name: str) -> sa.ColumnElement[bool]:
    if op == "contains_any_case":
        keyword = sa.bindparam(name, type_=sa.Text)
        return sa.or_(*(sa.func.lower(table.c[each]).contains(keyword, escape=ESCAPE) for each in field.split(",")))
    return CONDITIONS[op](table.c[field], name)


def _operand(condition: Where) -> object:
    if condition.op in LISTED:
        return padded(condition.value)
    if condition.op != "contains_any_case":
        return condition.value
    keyword = str(condition.value).lower()
    for wild in (ESCAPE, "%", "_"):
        keyword = keyword.replace(wild, ESCAPE + wild)
    return keyword


def padded(values: Iterable[object]) -> list[object]:
    """To a power of two, the last one again and again: what comes in batches of every size is few statements to the database, which keeps and
    prepares each of them for each connection."""
    listed = list(values)
    wanted = 1 << (len(listed) - 1).bit_length()
    return listed + listed[-1:] * (wanted - len(listed)) if 1 < len(listed) <= PADDED_MAX else listed


def _name(number: int) -> str:
    return f"value{number}"


def _comparison(compare: Callable[[Any, Any], Any]) -> Callable[[sa.Column[Any], str], sa.ColumnElement[bool]]:
    return lambda column, name: compare(column, sa.bindparam(name, type_=column.type))


CONDITIONS: dict[str, Callable[[sa.Column[Any], str], sa.ColumnElement[bool]]] = {
    "eq": _comparison(operator.eq),
    "ne": _comparison(operator.ne),
    "lt": _comparison(operator.lt),
    "le": _comparison(operator.le),
    "gt": _comparison(operator.gt),
    "ge": _comparison(operator.ge),
    "in": lambda column, name: column.in_(sa.bindparam(name, expanding=True)),
    "not_in": lambda column, name: column.not_in(sa.bindparam(name, expanding=True)),
    "null": lambda column, _: column.is_(None),
    "not_null": lambda column, _: column.is_not(None),
}
WITHOUT_VALUE, LISTED = frozenset({"null", "not_null"}), frozenset({"in", "not_in"})
