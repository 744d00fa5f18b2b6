"""What a command may answer: a view, rows of a view, success, or a job that will.

A view is a frozen dataclass: what clients see of a noun.  The name on the wire is the field's without underscores (or its `Wire` note), None is
left out, and `wire_key` is the object's key in CloudStack's envelopes; a view without one is flat in its envelope."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from types import NoneType
from typing import Annotated, Generic, TypeVar, cast, get_args, get_origin, get_type_hints

from mainstay_controller.api.parameters import note_of, split_notes, wire_name
from mainstay_controller.domain.records import Job, Json

V = TypeVar("V", covariant=True)

TYPE_WORDS: Mapping[object, str] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "float",
    datetime: "date",
    dict: "map",
    tuple: "list",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows(Generic[V]):
    """One page of a list, and the count over all pages."""

    rows: Sequence[V]
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Worked:
    """A view of something that jobs work on: while one does, or waits to, its rows in lists say so."""

    id: str
    job_id: Annotated[str | None, "the ID of the job that works on it"] = None
    job_status: Annotated[int | None, "0 while that job is pending"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Success:
    success: bool = True
    display_text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A job works on it; `id` is what it makes, if it makes something."""

    job_id: str
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookie:
    """`max_age_seconds` 0 takes it away."""

    name: str
    value: str
    path: str = "/"
    secure: bool = False
    max_age_seconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered(Generic[V]):
    """What who comes in, or leaves, is told and given."""

    view: V
    cookies: tuple[Cookie, ...] = ()


def accepted(job: Job) -> Accepted:
    return Accepted(job_id=job.id)


def accepted_to_create(job: Job) -> Accepted:
    return Accepted(job_id=job.id, id=job.instance_id)


def rows_of(views: Sequence[V]) -> Rows[V]:
    """A list that is all there is."""
    return Rows(rows=views, count=len(views))


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewField:
    field: str
    name: str
    word: str
    description: str
    nested: type | None = None


@cache
def fields_of(view: type) -> tuple[ViewField, ...]:
    hints = get_type_hints(view, include_extras=True)
    return tuple(_field(field.name, hints[field.name]) for field in fields(view))


PLAIN = frozenset({NoneType, bool, int, float, str})
"""Most of a long list: looked up and not matched, since that takes a third of its time."""


def to_wire(value: object) -> Json:
    """What JSON and XML are written from: dictionaries, lists, text, numbers and truths."""
    if type(value) in PLAIN:
        return cast(Json, value)
    match value:
        case StrEnum():
            return value.value
        case int() | float() | str():
            return value
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")
        case Mapping():
            return {str(key): to_wire(each) for key, each in value.items()}
        case list() | tuple():
            return [to_wire(each) for each in value]
    return _view_to_wire(value)


def _view_to_wire(view: object) -> dict[str, Json]:
    kind: type = type(view)
    return {each.name: to_wire(value) for each in fields_of(kind) if (value := getattr(view, each.field)) is not None}


def _field(field: str, hint: object) -> ViewField:
    bare, notes = split_notes(hint)
    outer = get_origin(bare) or bare
    element = get_args(bare)[0] if outer is tuple else bare
    nested = element if isinstance(element, type) and is_dataclass(element) else None
    name = wire_name(field, notes)
    return ViewField(
        field=field,
        name=name,
        word=_type_word(outer, nested),
        description=note_of(notes, str) or "the " + field.replace("_", " "),
        nested=nested,
    )


def _type_word(outer: object, nested: type | None) -> str:
    if nested is not None and outer is not tuple:
        return "responseobject"
    return TYPE_WORDS.get(outer, "string")
