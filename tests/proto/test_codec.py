"""Messages survive the wire, and a newer or hostile peer is read without harm."""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass, replace
from enum import StrEnum
from types import UnionType
from typing import TypeVar, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay_proto import codec, enrolment, messages, peers
from mainstay_proto.agent.v1 import agent_pb2
from mainstay_proto.messages import (
    Command,
    CommandResult,
    GuestReport,
    GuestState,
    Heartbeat,
    Pulse,
    RestartPolicy,
    RunState,
    StartGuest,
    StopCause,
    StopGuest,
    UnknownMessage,
)

PEER_WORDS = (peers.PicturesWanted, peers.HostPicture, peers.Pictures, peers.Oriented)
SCHEMAS = agent_pb2.DESCRIPTOR.message_types_by_name
DATACLASSES = [
    value
    for value in [*vars(messages).values(), enrolment.EnrolRequest, enrolment.RenewRequest, *PEER_WORDS]
    if isinstance(value, type) and is_dataclass(value) and value is not UnknownMessage
]
ORDERS = [order for order in get_args(messages.Order) if order is not UnknownMessage]

T = TypeVar("T")


def values_of(python: object, name: str = "") -> st.SearchStrategy[object]:
    """Anything of that type which the schema can carry."""
    if isinstance(python, UnionType):
        return st.one_of([values_of(arm) for arm in get_args(python) if arm is not UnknownMessage])
    if get_origin(python) is tuple:
        item, *rest = get_args(python)
        if rest == [...]:
            return st.lists(values_of(item), max_size=3).map(tuple)
        return st.tuples(*map(values_of, get_args(python)))
    assert isinstance(python, type)
    if is_dataclass(python):
        types = get_type_hints(python)
        return st.builds(python, **{field.name: values_of(types[field.name], field.name) for field in fields(python)})
    if issubclass(python, StrEnum):
        return st.sampled_from(list(python))
    plain: dict[type, st.SearchStrategy[object]] = {
        str: st.text(max_size=20),
        bytes: st.binary(max_size=20),
        bool: st.booleans(),
        int: st.integers(0, 2**64 - 1) if name == "digest" else st.integers(-(2**63), 2**63 - 1),
        float: st.floats(allow_nan=False),
        type(None): st.none(),
    }
    return plain[python]


@given(message=values_of(messages.Up))
def test_what_an_agent_says_survives_the_wire(message: messages.Up) -> None:
    assert codec.up.decode(codec.up.encode(message)) == message


@given(message=values_of(messages.Down))
def test_what_a_controller_says_survives_the_wire(message: messages.Down) -> None:
    assert codec.down.decode(codec.down.encode(message)) == message


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order.__name__)
def test_every_order_survives_the_wire(order: type) -> None:
    @given(order=values_of(order))
    def survives(order: messages.Order) -> None:
        command = Command(command_id="c1", host_id="h1", deadline_seconds=5.0, order=order)
        assert codec.down.decode(codec.down.encode(command)) == command

    survives()


@given(
    request=values_of(enrolment.EnrolRequest),
    renewal=values_of(enrolment.RenewRequest),
    reply=values_of(enrolment.EnrolReply),
)
def test_enrolment_survives_the_wire(
    request: enrolment.EnrolRequest, renewal: enrolment.RenewRequest, reply: enrolment.EnrolReply
) -> None:
    assert codec.enrol_request.decode(codec.enrol_request.encode(request)) == request
    assert codec.renew_request.decode(codec.renew_request.encode(renewal)) == renewal
    assert codec.enrol_reply.decode(codec.enrol_reply.encode(reply)) == reply


@given(noise=st.binary(max_size=200))
def test_noise_is_read_as_some_message_or_called_malformed(noise: bytes) -> None:
    for wire in (codec.up, codec.down, codec.enrol_request, codec.renew_request, codec.enrol_reply):
        try:
            wire.decode(noise)
        except codec.Malformed:
            continue


@pytest.mark.parametrize("cls", DATACLASSES, ids=lambda cls: cls.__name__)
def test_schema_and_dataclass_have_the_same_fields(cls: type) -> None:
    schema = SCHEMAS[cls.__name__]
    on_wire = {field.name for field in schema.fields if field.containing_oneof is None or field.has_presence}
    in_oneofs = {
        field.name
        for name in ("order",)
        if name in schema.oneofs_by_name
        for field in schema.oneofs_by_name[name].fields
    }

    names = {field.name for field in fields(cls)}

    assert (on_wire - in_oneofs) | (names & {"order"}) == names


@pytest.mark.parametrize("cls", DATACLASSES, ids=lambda cls: cls.__name__)
def test_a_default_that_is_not_zero_can_be_told_from_zero(cls: type) -> None:
    """Else a field that an older peer does not know would read as zero instead of the default."""
    for field in fields(cls):
        if field.default is MISSING or field.default in (0, "", False, ()):
            continue
        assert SCHEMAS[cls.__name__].fields_by_name[field.name].has_presence, field.name


def test_a_field_from_a_newer_peer_is_ignored() -> None:
    beat = Heartbeat(host_id="h1", sequence=1, digest=2)
    wire = agent_pb2.Up.FromString(codec.up.encode(beat))
    newer = agent_pb2.Up(
        heartbeat=agent_pb2.Heartbeat.FromString(wire.heartbeat.SerializeToString() + b"\xfa\x01\x01x")
    )

    assert codec.up.decode(newer.SerializeToString()) == beat


def test_a_kind_from_a_newer_peer_is_an_unknown_message() -> None:
    assert codec.up.decode(b"\xfa\x01\x01x") == UnknownMessage(kind="Up [31]")
    assert codec.down.decode(b"") == UnknownMessage(kind="Down []")


def test_an_order_from_a_newer_controller_keeps_its_command_id() -> None:
    newer = agent_pb2.Down(command=agent_pb2.Command.FromString(b"\x0a\x02c1" + b"\xa2\x06\x01x")).SerializeToString()

    command = codec.down.decode(newer)

    assert isinstance(command, Command)
    assert (command.command_id, command.order) == ("c1", UnknownMessage(kind="Command [100]"))


def test_an_enum_value_from_a_newer_peer_reads_as_unknown_or_absent() -> None:
    report = agent_pb2.GuestReport(vm_id="v1", epoch=1)
    report.MergeFromString(b"\x10\x63\x20\x63")  # state 99, cause 99
    newer = agent_pb2.Up(power_report=agent_pb2.PowerReport(host_id="h1", guests=[report]))

    power_report = codec.up.decode(newer.SerializeToString())

    assert isinstance(power_report, messages.PowerReport)
    assert power_report.guests == (GuestReport(vm_id="v1", state=GuestState.UNKNOWN, epoch=1),)


def test_a_result_without_a_state_is_unknown_and_never_done() -> None:
    older = agent_pb2.Up(command_result=agent_pb2.CommandResult(command_id="c1")).SerializeToString()

    assert codec.up.decode(older) == CommandResult(command_id="c1", state=RunState.UNKNOWN)


def test_fields_that_an_older_peer_does_not_know_read_as_their_defaults() -> None:
    beat = agent_pb2.Up(heartbeat=agent_pb2.Heartbeat(host_id="h1", leases=[agent_pb2.PoolLease(pool_id="p1")]))
    policy = agent_pb2.Down(
        command=agent_pb2.Command(
            start_guest=agent_pb2.StartGuest(spec=agent_pb2.GuestSpec(restart=agent_pb2.RestartPolicy()))
        )
    )

    decoded_beat = codec.up.decode(beat.SerializeToString())
    command = codec.down.decode(policy.SerializeToString())

    assert isinstance(decoded_beat, Heartbeat)
    assert decoded_beat.hypervisor_responds
    assert decoded_beat.leases[0].held_by == "storage"
    assert isinstance(command, Command)
    assert isinstance(command.order, StartGuest)
    assert command.order.spec.restart == RestartPolicy()


def test_an_order_without_its_spec_is_malformed() -> None:
    wire = agent_pb2.Down(command=agent_pb2.Command(start_guest=agent_pb2.StartGuest())).SerializeToString()

    with pytest.raises(codec.Malformed, match="StartGuest without spec"):
        codec.down.decode(wire)


def test_absent_and_zero_stay_apart() -> None:
    zero = GuestReport(vm_id="v1", state=GuestState.STOPPED, epoch=0, cause=StopCause.ORDERED)
    absent = replace(zero, cause=None)
    for guest in (zero, absent):
        report = messages.PowerReport(host_id="h1", complete=True, guests=(guest,))
        assert codec.up.decode(codec.up.encode(report)) == report
    stop = Command(
        command_id="c", host_id="h", deadline_seconds=1.0, order=StopGuest(vm_id="v", epoch=1, grace_seconds=0.0)
    )
    assert codec.down.decode(codec.down.encode(stop)) == stop


def test_a_pulse_is_as_good_as_nothing_on_the_wire() -> None:
    assert len(codec.down.encode(Pulse())) == 2
