"""The words between agent and lease daemon: one JSON value a line, over a unix socket.  The port `LeaseArea` is the protocol.

    daemon:  {"protocol": 1}                                                          once, first
    agent:   {"id": 7, "verb": "authorise", "arguments": {"vm_id": "v", "epoch": 3, "pools": ["p"]}}
    daemon:  {"id": 7, "answer": {"vm_id": "v", "epoch": 3}}    or   {"id": 7, "error": "bad-input", "detail": "..."}
    daemon:  {"event": "HoldWanted", "body": {"pool_id": "p", "request_id": 9}}       unasked

The promise: what is decoded has the types of the port, or is BadInput.  The limit: both ends are of one release, or the first line says so."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError

from mainstay_agent.lease.area import (
    AreaBack,
    AreaEvent,
    AreaLost,
    GuestsKilled,
    HoldWanted,
    LeaseArea,
    LeaseChanged,
    SightingsChanged,
    Warned,
)
from mainstay_runtime.errors import BadInput, DeadlineExceeded, Denied, MainstayError, Unavailable

T = TypeVar("T")

PROTOCOL = 1
LINE_BYTES_MAX = 16 * 1024 * 1024
GREETING = {"protocol": PROTOCOL}

_ERRORS = {error.code: error for error in (BadInput, Unavailable, DeadlineExceeded, Denied)}
_EVENTS: dict[str, TypeAdapter[AreaEvent]] = {
    event.__name__: TypeAdapter(event)
    for event in (LeaseChanged, GuestsKilled, HoldWanted, SightingsChanged, Warned, AreaLost, AreaBack)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """One method of the port, with the types of what it takes and gives."""

    name: str
    arguments: Mapping[str, TypeAdapter[object]]
    answer: TypeAdapter[object]


def _verb(method: Callable[..., object]) -> Verb:
    hints = get_type_hints(method)
    takes = [name for name in inspect.signature(method).parameters if name != "self"]
    return Verb(
        name=method.__name__,
        arguments={name: TypeAdapter(hints[name]) for name in takes},
        answer=TypeAdapter(hints["return"]),
    )


VERBS = {
    method.__name__: _verb(method)
    for method in (
        LeaseArea.configure,
        LeaseArea.authorise,
        LeaseArea.stand_on,
        LeaseArea.confirm_running,
        LeaseArea.confirm_gone,
        LeaseArea.revoke,
        LeaseArea.ledger,
        LeaseArea.leases,
        LeaseArea.sightings,
        LeaseArea.poison,
        LeaseArea.grant_hold,
        LeaseArea.standing_authority,
        LeaseArea.highest_epoch,
        LeaseArea.watchdog,
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    id: int
    verb: str
    arguments: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """From the daemon: an answer, an error, or an event."""

    id: int | None = None
    answer: object = None
    error: str | None = None
    detail: str = ""
    event: str | None = None
    body: object = None


_REQUEST: TypeAdapter[Request] = TypeAdapter(Request)
_REPLY: TypeAdapter[Reply] = TypeAdapter(Reply)


def line(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def request_line(request_id: int, verb: Verb, arguments: Mapping[str, object]) -> bytes:
    plain = {name: verb.arguments[name].dump_python(value, mode="json") for name, value in arguments.items()}
    return line({"id": request_id, "verb": verb.name, "arguments": plain})


def read_request(untrusted: bytes) -> Request:
    return _read(_REQUEST, untrusted)


def read_arguments(request: Request) -> tuple[Verb, dict[str, object]]:
    verb = VERBS.get(request.verb)
    if verb is None:
        raise BadInput(f"no such verb: {request.verb!r}")
    strange = sorted(set(request.arguments) - set(verb.arguments))
    if strange:
        raise BadInput(f"{verb.name} takes no {strange[0]!r}")
    return verb, {name: _typed(verb.arguments[name], value) for name, value in request.arguments.items()}


def answer_line(request_id: int, verb: Verb, answer: object) -> bytes:
    return line({"id": request_id, "answer": verb.answer.dump_python(answer, mode="json")})


def error_line(request_id: int, error: MainstayError) -> bytes:
    return line({"id": request_id, "error": error.code, "detail": str(error)})


def event_line(event: AreaEvent) -> bytes:
    name = type(event).__name__
    return line({"event": name, "body": _EVENTS[name].dump_python(event, mode="json")})


def check_greeting(untrusted: bytes) -> None:
    if untrusted != line(GREETING):
        raise Unavailable(f"the lease daemon speaks another protocol: {untrusted[:80]!r}")


def read_reply(untrusted: bytes) -> Reply:
    return _read(_REPLY, untrusted)


def answer_of(reply: Reply, verb: Verb) -> object:
    if reply.error is not None:
        raise _ERRORS.get(reply.error, MainstayError)(reply.detail)
    return _typed(verb.answer, reply.answer)


def event_of(reply: Reply) -> AreaEvent | None:
    """None: a kind this release does not know."""
    adapter = _EVENTS.get(reply.event or "")
    return _typed(adapter, reply.body) if adapter is not None else None


def _read(adapter: TypeAdapter[T], untrusted: bytes) -> T:
    try:
        return adapter.validate_json(untrusted)
    except ValidationError as error:
        raise BadInput(f"not a message: {error.errors()[0]['msg']}") from error


def _typed(adapter: TypeAdapter[T], value: object) -> T:
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        raise BadInput(f"{adapter}: {error.errors()[0]['msg']}") from error
