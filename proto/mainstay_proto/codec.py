"""Messages to bytes and back: the one gate between protobuf and the dataclasses.

The promise: what `encode` wrote `decode` returns equal; what a newer peer added is ignored (a field), read as UNKNOWN or as
absent (an enum value) or as UnknownMessage (a kind); what is not a message at all raises Malformed and nothing else.
The work is driven by tables, built once from the dataclasses' types and the schema's descriptors, which must agree by name;
heartbeats, the bulk of all traffic, have a path written by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Generic, TypeVar, cast, get_args, get_type_hints

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, OneofDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.unknown_fields import UnknownFieldSet

from mainstay_proto import enrolment, messages, peers, screens
from mainstay_proto.agent.v1 import agent_pb2
from mainstay_proto.messages import Heartbeat, PoolLease, UnknownMessage

T = TypeVar("T")

_DATACLASSES = {**vars(messages), **vars(enrolment), **vars(peers), **vars(screens)}


class Malformed(ValueError):
    """These bytes are no message of this kind."""


class Wire(Generic[T]):
    """One top-level message of the schema: a dataclass, or one of the several in its oneof `kind`."""

    def __init__(self, schema: Descriptor) -> None:
        self._name = schema.name
        self._message = GetMessageClass(schema)
        self._shape = _envelope(schema) if "kind" in schema.oneofs_by_name else _record(schema)

    def encode(self, value: T) -> bytes:
        return cast(Message, self._shape.put(value)).SerializeToString()

    def decode(self, untrusted: bytes) -> T:
        try:
            return cast(T, self._shape.take(self._message.FromString(untrusted)))
        except DecodeError as error:
            raise Malformed(f"not a {self._name}: {error}") from error


# --- tables ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Shape:
    """How one value goes onto the wire and comes back."""

    put: Callable[[object], object]
    take: Callable[[object], object]


@dataclass(frozen=True, slots=True)
class _Column:
    """One field of a message: `put` tells its name on the wire too, for in a oneof that depends on the value."""

    name: str
    put: Callable[[object], tuple[str, object]]
    take: Callable[[Message], object]


_AS_IT_IS = _Shape(lambda value: value, lambda value: value)


@cache
def _record(schema: Descriptor) -> _Shape:
    """The dataclass of the same name."""
    if schema.name in _BY_HAND:
        return _BY_HAND[schema.name]
    cls = _DATACLASSES[schema.name]
    types = get_type_hints(cls)
    message = GetMessageClass(schema)
    columns = [_column(schema, field.name, types[field.name], _default(field)) for field in fields(cls)]

    def put(value: object) -> Message:
        return message(**dict([column.put(getattr(value, column.name)) for column in columns]))

    def take(wire: object) -> object:
        return cls(**{column.name: column.take(cast(Message, wire)) for column in columns})

    return _Shape(put, take)


def _row(schema: Descriptor, places: tuple[object, ...]) -> _Shape:
    """A tuple whose places are the message's fields, in order."""
    message = GetMessageClass(schema)
    columns = [_column(schema, f.name, python, None) for f, python in zip(schema.fields, places, strict=True)]

    def put(row: object) -> Message:
        pairs = zip(columns, cast(Iterable[object], row), strict=True)
        return message(**dict([column.put(place) for column, place in pairs]))

    return _Shape(put, lambda wire: tuple([column.take(cast(Message, wire)) for column in columns]))


def _envelope(schema: Descriptor) -> _Shape:
    """Nothing but a oneof."""
    message = GetMessageClass(schema)
    kind = _choice(schema.oneofs_by_name["kind"])
    return _Shape(lambda value: message(**dict([kind.put(value)])), lambda wire: kind.take(cast(Message, wire)))


def _column(schema: Descriptor, name: str, python: object, default: Callable[[], object] | None) -> _Column:
    if name in schema.oneofs_by_name:
        return _choice(schema.oneofs_by_name[name])
    field = schema.fields_by_name[name]
    if field.is_repeated:
        return _many(field, get_args(python)[0])
    if isinstance(python, UnionType):
        return _one(field, _without_none(python), lambda: None)
    return _one(field, python, default)


def _choice(oneof: OneofDescriptor) -> _Column:
    """One of several dataclasses; none of those we know is UnknownMessage."""
    schemas = {field.name: field.message_type for field in oneof.fields if field.message_type}
    shapes = {name: _record(schema) for name, schema in schemas.items()}
    name_of = {_DATACLASSES[schema.name]: name for name, schema in schemas.items()}

    def put(value: object) -> tuple[str, object]:
        name = name_of[type(value)]
        return name, shapes[name].put(value)

    def take(wire: Message) -> object:
        name = wire.WhichOneof(oneof.name)
        return _unknown(wire) if name is None else shapes[name].take(getattr(wire, name))

    return _Column(oneof.name, put, take)


def _unknown(wire: Message) -> UnknownMessage:
    unknown = UnknownFieldSet(wire)
    numbers = [unknown[index].field_number for index in range(len(unknown))]
    return UnknownMessage(kind=f"{wire.DESCRIPTOR.name} {numbers}")


def _many(field: FieldDescriptor, python: object) -> _Column:
    name, shape = field.name, _element(field, python)
    if shape is _AS_IT_IS:
        return _Column(name, lambda values: (name, values), lambda wire: tuple(getattr(wire, name)))
    put, take = shape.put, shape.take
    return _Column(
        name,
        lambda values: (name, [put(value) for value in cast(Iterable[object], values)]),
        lambda wire: tuple([take(value) for value in getattr(wire, name)]),
    )


def _one(field: FieldDescriptor, python: object, default: Callable[[], object] | None) -> _Column:
    name, shape = field.name, _element(field, python)

    def put(value: object) -> tuple[str, object]:
        return name, None if value is None else shape.put(value)

    def take_present(wire: Message) -> object:
        return shape.take(getattr(wire, name))

    def take_perhaps(wire: Message) -> object:
        if wire.HasField(name):
            return take_present(wire)
        if default is None:
            raise Malformed(f"{wire.DESCRIPTOR.name} without {name}")
        return default()

    return _Column(name, put, take_perhaps if field.has_presence else take_present)


def _element(field: FieldDescriptor, python: object) -> _Shape:
    if field.enum_type is not None:
        return _enum(field.enum_type, cast(type[StrEnum], python))
    if field.message_type is None:
        return _AS_IT_IS
    return _record(field.message_type) if is_dataclass(python) else _row(field.message_type, get_args(python))


def _enum(schema: EnumDescriptor, members: type[StrEnum]) -> _Shape:
    prefix = "".join(f"_{letter}" if letter.isupper() else letter for letter in schema.name).lstrip("_").upper()
    number_of: dict[object, object] = {m: schema.values_by_name[f"{prefix}_{m.name}"].number for m in members}
    member_of = {number: member for member, number in number_of.items()}
    fallback = members.__members__.get("UNKNOWN")
    return _Shape(number_of.__getitem__, lambda number: member_of.get(number, fallback))


def _without_none(union: UnionType) -> object:
    (python,) = (arm for arm in get_args(union) if arm is not NoneType)
    return python


def _default(field: Field[object]) -> Callable[[], object] | None:
    """What an absent field reads as; None: it must not be absent."""
    if field.default_factory is not MISSING:
        return field.default_factory
    return None if field.default is MISSING else lambda: field.default


# --- by hand --------------------------------------------------------------------------------------------------------


def _put_heartbeat(value: object) -> Message:
    beat = cast(Heartbeat, value)
    return agent_pb2.Heartbeat(
        host_id=beat.host_id,
        sequence=beat.sequence,
        digest=beat.digest,
        leases=[
            agent_pb2.PoolLease(
                pool_id=lease.pool_id,
                generation=lease.generation,
                sequence=lease.sequence,
                valid=lease.valid,
                age_seconds=lease.age_seconds,
                remaining_seconds=lease.remaining_seconds,
                held_by=lease.held_by,
            )
            for lease in beat.leases
        ],
        hypervisor_responds=beat.hypervisor_responds,
    )


def _take_heartbeat(value: object) -> Heartbeat:
    wire = cast(agent_pb2.Heartbeat, value)
    return Heartbeat(
        host_id=wire.host_id,
        sequence=wire.sequence,
        digest=wire.digest,
        leases=tuple(
            [
                PoolLease(
                    pool_id=lease.pool_id,
                    generation=lease.generation,
                    sequence=lease.sequence,
                    valid=lease.valid,
                    age_seconds=lease.age_seconds,
                    remaining_seconds=lease.remaining_seconds,
                    held_by=lease.held_by if lease.HasField("held_by") else "storage",
                )
                for lease in wire.leases
            ]
        ),
        hypervisor_responds=wire.hypervisor_responds or not wire.HasField("hypervisor_responds"),
    )


_BY_HAND = {"Heartbeat": _Shape(_put_heartbeat, _take_heartbeat)}


# --- the messages that travel alone ---------------------------------------------------------------------------------

_SCHEMAS = agent_pb2.DESCRIPTOR.message_types_by_name

up: Wire[messages.Up] = Wire(_SCHEMAS["Up"])
down: Wire[messages.Down] = Wire(_SCHEMAS["Down"])
enrol_request: Wire[enrolment.EnrolRequest] = Wire(_SCHEMAS["EnrolRequest"])
renew_request: Wire[enrolment.RenewRequest] = Wire(_SCHEMAS["RenewRequest"])
enrol_reply: Wire[enrolment.EnrolReply] = Wire(_SCHEMAS["EnrolReply"])
command: Wire[messages.Command] = Wire(_SCHEMAS["Command"])
command_result: Wire[messages.CommandResult] = Wire(_SCHEMAS["CommandResult"])
mounts: Wire[messages.Mounts] = Wire(_SCHEMAS["Mounts"])
oriented: Wire[peers.Oriented] = Wire(_SCHEMAS["Oriented"])
pictures_wanted: Wire[peers.PicturesWanted] = Wire(_SCHEMAS["PicturesWanted"])
pictures: Wire[peers.Pictures] = Wire(_SCHEMAS["Pictures"])
screen_piece: Wire[screens.ScreenPiece] = Wire(_SCHEMAS["ScreenPiece"])
