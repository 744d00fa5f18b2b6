"""Statements that change a table, each built once: what an insert, a lock and a compare-and-set look like."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from mainstay_controller.store.sql.questions import SHAPES_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Of one row, known under that version; its `values` are to be those, of which `fields` are others than before."""

    id: str
    version: int
    fields: frozenset[str]
    values: dict[str, Any]

    def values_of(self, fields: frozenset[str]) -> dict[str, Any]:
        """For the parameters of `update`."""
        return {name: self.values[name] for name in fields} | {"known_id": self.id, "known_version": self.version}


@lru_cache(SHAPES_MAX)
def update(table: sa.Table, fields: frozenset[str]) -> sa.Update:
    """The compare-and-set: of the row `known_id`, if it is still `known_version`."""
    same_row = (table.c.id == sa.bindparam("known_id"), table.c.version == sa.bindparam("known_version"))
    return sa.update(table).where(*same_row).values({field: sa.bindparam(field) for field in sorted(fields)})


@lru_cache(SHAPES_MAX)
def insert(table: sa.Table) -> sa.Insert:
    return sa.insert(table)


@lru_cache(SHAPES_MAX)
def locked(table: sa.Table) -> sa.Select[Any]:
    """Id and version of the rows with these `ids`, in one order for all who ask, and nobody else's to change until we are done."""
    ids = table.c.id.in_(sa.bindparam("ids", expanding=True))
    return sa.select(table.c.id, table.c.version).where(ids).order_by(table.c.id).with_for_update()
