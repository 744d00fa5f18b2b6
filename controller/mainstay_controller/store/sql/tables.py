"""Tables made from the records: one column a field, by the field's type.

The promise: a record written is the record read back, on every engine.  Times are kept as naive UTC with
microseconds; tuples, mappings and nested records as JSON text; text compares byte by byte everywhere (MySQL would fold case)."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from mainstay_controller.store.aggregates import AGGREGATES, Aggregate

KEY_LENGTH = 255


class Utc(sa.types.TypeDecorator[datetime]):
    """An aware UTC time, kept naive."""

    impl = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return value and value.replace(tzinfo=UTC)


class JsonText(sa.types.TypeDecorator[Any]):
    """A tuple, mapping or nested record as JSON text."""

    impl = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str | None:
        return None if value is None else orjson.dumps(value).decode()

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> Any:
        return None if value is None else orjson.loads(value)


@dataclasses.dataclass(frozen=True, slots=True)
class Mapping:
    """One aggregate's table, and how a row becomes a record."""

    table: sa.Table
    by_id: sa.Select[Any]
    record: type
    fields: tuple[str, ...]
    readers: tuple[tuple[str, Callable[[Any], Any]], ...]
    """Of those fields that are not what they are stored as."""

    def read(self, row: sa.Row[Any]) -> Any:
        """Of a row that has all columns in their order."""
        values = dict(zip(self.fields, row, strict=True))
        for name, reader in self.readers:
            values[name] = reader(values[name])
        return self.record(**values)

    def write(self, record: Any) -> dict[str, Any]:
        return {name: getattr(record, name) for name in self.fields}


def mapping_of(name: str, aggregate: Aggregate, metadata: sa.MetaData) -> Mapping:
    hints = typing.get_type_hints(aggregate.record)
    keys = {field for group in (*aggregate.unique, *aggregate.indexed) for field in group}
    table = sa.Table(
        name,
        metadata,
        *(column_of(field, hint, is_key=field in keys) for field, hint in hints.items()),
        *(sa.UniqueConstraint(*group, name=f"uq_{name}_{'_'.join(group)}") for group in aggregate.unique),
        *(sa.Index(f"ix_{name}_{'_'.join(group)}", *group) for group in aggregate.indexed),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    readers = ((field, reader_of(hint)) for field, hint in hints.items())
    needed = tuple((field, reader) for field, reader in readers if reader is not None)
    by_id = sa.select(table).where(table.c.id == sa.bindparam("id"))
    return Mapping(table, by_id, aggregate.record, tuple(hints), needed)


def column_of(field: str, hint: Any, *, is_key: bool) -> sa.Column[Any]:
    plain, nullable = without_none(hint)
    is_key = is_key or field == "id" or field.endswith("_id")
    return sa.Column(field, column_type(plain, is_key=is_key), primary_key=field == "id", nullable=nullable)


def column_type(plain: Any, *, is_key: bool) -> sa.types.TypeEngine[Any]:
    if not isinstance(plain, type):
        return JsonText()
    if issubclass(plain, StrEnum):
        return sa.String(64)
    if issubclass(plain, str):
        return sa.String(KEY_LENGTH) if is_key else sa.Text()
    return SCALARS[plain]()


SCALARS: dict[type, Callable[[], sa.types.TypeEngine[Any]]] = {
    bool: sa.Boolean,
    int: sa.BigInteger,
    float: sa.Double,
    datetime: Utc,
}


def without_none(hint: Any) -> tuple[Any, bool]:
    """The type behind `X | None` and behind a NewType, and whether None is allowed."""
    nullable = False
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        members = [member for member in typing.get_args(hint) if member is not type(None)]
        nullable = len(members) < len(typing.get_args(hint))
        hint = members[0]
    return getattr(hint, "__supertype__", hint), nullable


def reader_of(hint: Any) -> Callable[[Any], Any] | None:
    """How a stored value becomes the field's value; None: it is that already."""
    plain, _nullable = without_none(hint)
    if isinstance(plain, type) and issubclass(plain, StrEnum):
        return lambda value: None if value is None else plain(value)
    if typing.get_origin(plain) is tuple:
        member = typing.get_args(plain)[0]
        if isinstance(member, type) and dataclasses.is_dataclass(member):
            return lambda values: tuple(member(**value) for value in values)
        return tuple
    return None


METADATA = sa.MetaData()
MAPPINGS = {name: mapping_of(name, aggregate, METADATA) for name, aggregate in AGGREGATES.items()}
