"""What a client may say to a command: parameters read once from its request dataclass, each with its parser.

A request is a frozen dataclass.  The name on the wire is the field's name without underscores; the first string in
`Annotated` describes it, `Length` and `Between` bound the value; no default means required.  The type says the rest:
`ZoneId` is the uuid of a zone that must exist, a StrEnum is one of its values, a tuple is a comma-joined list, `dict[str, str]` is
`details[0].key=..` and a tuple of those is `iptonetworklist[0].ip=..`.  Parsers raise ValueError with the reason; `untrusted` names the field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from datetime import UTC, datetime, time
from enum import StrEnum
from functools import cache, partial
from types import NoneType, UnionType
from typing import Annotated, TypeVar, Union, get_args, get_origin, get_type_hints

from mainstay_controller.domain import ids

STRING_LENGTH_MAX = 255

REFERENCES: Mapping[object, str] = {
    ids.ZoneId: "zones",
    ids.PodId: "pods",
    ids.ClusterId: "clusters",
    ids.HostId: "hosts",
    ids.PoolId: "pools",
    ids.OfferingId: "service_offerings",
    ids.TemplateId: "templates",
    ids.VmId: "vms",
    ids.VolumeId: "volumes",
    ids.JobId: "jobs",
    ids.EventId: "events",
    ids.AlertId: "alerts",
    ids.IncidentId: "incidents",
    ids.AccountId: "accounts",
    ids.UserId: "users",
    ids.DomainId: "domains",
    ids.ControllerId: "controllers",
    ids.ProjectId: "projects",
    ids.RoleId: "roles",
    ids.DiskOfferingId: "disk_offerings",
    ids.ImageStoreId: "image_stores",
    ids.NetworkOfferingId: "network_offerings",
    ids.NetworkId: "networks",
    ids.PhysicalNetworkId: "physical_networks",
    ids.TrafficTypeId: "traffic_types",
    ids.ServiceProviderId: "service_providers",
    ids.IpRangeId: "ip_ranges",
    ids.IpAddressId: "ip_addresses",
    ids.FirewallRuleId: "firewall_rules",
    ids.SecurityGroupId: "security_groups",
    ids.KeyPairId: "key_pairs",
    ids.UserDataId: "user_data",
    ids.AffinityGroupId: "affinity_groups",
    ids.TagId: "tags",
}
"""Which repository of the store must know an id of this type."""

Parse = Callable[[str], object]
Note = TypeVar("Note")


@dataclass(frozen=True, slots=True)
class Length:
    """At most so many characters; 255 where nothing is said."""

    max: int


@dataclass(frozen=True, slots=True)
class Between:
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Wire:
    """The name on the wire, where the rule does not give it."""

    name: str


@dataclass(frozen=True, slots=True)
class Filter:
    """A parameter of a list command that selects rows by this field of the record (its own name, if none is given)."""

    field: str = ""


@dataclass(frozen=True, slots=True)
class NothingHas(Filter):
    """A parameter that selects by what nothing in this cloud has - a VPC, a backup - so that who says it is not shown everything instead."""


@dataclass(frozen=True, slots=True)
class AllAre(Filter):
    """A parameter that selects by what is the same of everything in this cloud: who says another value is shown nothing."""

    value: object = None


@dataclass(frozen=True, slots=True)
class NotKept(Filter):
    """A parameter that selects by what is not kept here: who says it is refused, and not shown more than was asked for."""


class Shape(StrEnum):
    SCALAR = "scalar"
    LIST = "list"
    MAP = "map"
    MAPS = "maps"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter; `parse` reads one value, of a list one element.  `word` is CloudStack's name of its type."""

    field: str
    name: str
    description: str
    word: str
    shape: Shape
    required: bool
    parse: Parse
    length: int | None = None
    between: Between | None = None
    choices: tuple[str, ...] = ()
    reference: str | None = None
    filter: Filter | None = None


@cache
def parameters_of(request: type) -> tuple[Parameter, ...]:
    """The parameters of a request dataclass, in its order."""
    hints = get_type_hints(request, include_extras=True)
    return tuple(_parameter(field, hints[field.name]) for field in fields(request))


def wire_name(field: str, notes: tuple[object, ...] = ()) -> str:
    named = note_of(notes, Wire)
    return named.name if named else field.replace("_", "")


def split_notes(hint: object) -> tuple[object, tuple[object, ...]]:
    """The bare type, without `| None` (absence is said by the default), and what `Annotated` says of it."""
    notes: tuple[object, ...] = ()
    if get_origin(hint) is Annotated:
        hint, *noted = get_args(hint)
        notes = tuple(noted)
    if get_origin(hint) in (UnionType, Union):
        (hint,) = (arm for arm in get_args(hint) if arm is not NoneType)
    return hint, notes


def note_of(notes: tuple[object, ...], kind: type[Note]) -> Note | None:
    return next((note for note in notes if isinstance(note, kind)), None)


def _parameter(field: Field[object], hint: object) -> Parameter:
    bare, notes = split_notes(hint)
    shape, element = _shape_of(bare)
    length = note_of(notes, Length) or Length(STRING_LENGTH_MAX)
    between = note_of(notes, Between)
    parse, word = _parser_of(element, field.name, length, between)
    return Parameter(
        field=field.name,
        name=wire_name(field.name, notes),
        description=note_of(notes, str) or "",
        word={Shape.SCALAR: word, Shape.LIST: "list"}.get(shape, "map"),
        shape=shape,
        required=field.default is MISSING and field.default_factory is MISSING,
        parse=parse,
        length=length.max if word == "string" else None,
        between=between,
        choices=tuple(element) if isinstance(element, type) and issubclass(element, StrEnum) else (),
        reference=REFERENCES.get(element),
        filter=note_of(notes, Filter),
    )


def _shape_of(bare: object) -> tuple[Shape, object]:
    """What a value looks like on the wire, and the type of one element."""
    if get_origin(bare) is dict:
        return Shape.MAP, str
    if get_origin(bare) is not tuple:
        return Shape.SCALAR, bare
    element = get_args(bare)[0]
    return (Shape.MAPS, str) if get_origin(element) is dict else (Shape.LIST, element)


def _parser_of(element: object, field: str, length: Length, between: Between | None) -> tuple[Parse, str]:
    """How to read one value of that type, and CloudStack's word for it."""
    if element in REFERENCES:
        return partial(_text, length_max=STRING_LENGTH_MAX), "uuid"
    if isinstance(element, type) and issubclass(element, StrEnum):
        return partial(_choice, choices=element), "string"
    if element is bool:
        return _truth, "boolean"
    if element is int:
        return partial(_whole_number, between=between), "integer"
    if element is float:
        return partial(_number, between=between), "float"
    if element is datetime:
        return partial(_moment, last=field.startswith("end")), "date"
    if element is str:
        return partial(_text, length_max=length.max), "string"
    raise TypeError(f"no parser for {element!r}")


def _text(value: str, *, length_max: int) -> str:
    if len(value) > length_max:
        raise ValueError(f"it is longer than {length_max} characters")
    if "\0" in value:
        raise ValueError("it contains a NUL character")
    return value


def _truth(value: str) -> bool:
    truth = {"true": True, "false": False}.get(value.strip().lower())
    if truth is None:
        raise ValueError("it must be true or false")
    return truth


def _whole_number(value: str, *, between: Between | None) -> int:
    try:
        number = int(value)
    except ValueError:
        raise ValueError("it must be a whole number") from None
    _check_range(number, between or Between(-(2**63), 2**63 - 1))
    return number


def _number(value: str, *, between: Between | None) -> float:
    try:
        number = float(value)
    except ValueError:
        raise ValueError("it must be a number") from None
    _check_range(number, between or Between(-1e308, 1e308))
    return number


def _check_range(number: float, allowed: Between) -> None:
    if not allowed.low <= number <= allowed.high:
        raise ValueError(f"it must lie between {allowed.low} and {allowed.high}")


def _choice(value: str, *, choices: type[StrEnum]) -> StrEnum:
    """Case does not matter, as in CloudStack."""
    for choice in choices:
        if choice.value.lower() == value.strip().lower():
            return choice
    raise ValueError(f"it must be one of {', '.join(choices)}")


def _moment(value: str, *, last: bool) -> datetime:
    """`2026-01-02T03:04:05+0000`, `2026-01-02 03:04:05`, or a day: its first second, or its last for an end."""
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        raise ValueError("it must be a date such as 2026-01-02T03:04:05+0000 or 2026-01-02") from None
    if len(value.strip()) == len("2026-01-02") and last:
        moment = datetime.combine(moment, time(23, 59, 59))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
