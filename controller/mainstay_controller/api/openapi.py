"""The OpenAPI 3.1 document of the command table.  Pure: a registry in, a document out.

Every command is an operation under `/client/api/NAME`, which the server takes for `/client/api?command=NAME`; what only asks is a GET, the
rest a POST form.  The signature goes over the parameters including `command` and `response`, wherever they stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mainstay_controller.api.answers import Success, ViewField, fields_of
from mainstay_controller.api.errors import (
    BadParameter,
    CommandUnavailable,
    LimitExceeded,
    Malformed,
    NotVerified,
    UnknownCommand,
)
from mainstay_controller.api.parameters import Parameter, Shape
from mainstay_controller.api.registry import AnswerKind, Command, Entry
from mainstay_controller.domain.records import Json
from mainstay_controller.operations.errors import (
    InsufficientCapacity,
    LimitReached,
    OperationError,
    PermissionDenied,
    ResourceInUse,
    ResourceUnavailable,
    ShutdownTriggered,
)

REFUSALS: tuple[type[OperationError], ...] = (
    NotVerified,
    CommandUnavailable,
    LimitExceeded,
    Malformed,
    BadParameter,
    UnknownCommand,
    ShutdownTriggered,
    OperationError,
    PermissionDenied,
    LimitReached,
    InsufficientCapacity,
    ResourceUnavailable,
    ResourceInUse,
)
ASKING = ("list", "get", "query", "explain", "find", "is", "ready")
NUMBERS: Mapping[str, str] = {"boolean": "boolean", "integer": "integer", "float": "number"}
FORM = "application/x-www-form-urlencoded"


def document(commands: Iterable[Command], version: str) -> dict[str, Json]:
    offered = sorted(commands, key=lambda each: each.name)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Mainstay", "version": version, "description": "The Apache CloudStack query API, and ours."},
        "servers": [{"url": "/"}],
        "security": [{"apiKey": [], "signature": []}, {"session": [], "sessionKey": []}],
        "paths": {f"/client/api/{each.name}": {method_of(each): _operation(each)} for each in offered},
        "components": {"schemas": _schemas(offered), "securitySchemes": _SECURITY, "responses": {"Refused": _REFUSED}},
    }


def method_of(command: Command) -> str:
    return "get" if command.name.startswith(ASKING) and not isinstance(command, Entry) else "post"


def _operation(command: Command) -> dict[str, Json]:
    roles: list[Json] = [*sorted(command.roles)]
    told: dict[str, Json] = {
        "operationId": command.name,
        "summary": command.description,
        "tags": [command.view.__name__.removesuffix("View") if command.view else "other"],
        "x-roles": roles,
        "responses": {"200": _answer(command), **_refusals()},
        **({"security": []} if isinstance(command, Entry) else {}),
    }
    if method_of(command) == "get":
        asked: list[Json] = [_query(each) for each in command.parameters if each.shape is not Shape.MAPS]
        return told | {"parameters": [_RESPONSE_PARAMETER, *asked]}
    return told | {"parameters": [_RESPONSE_PARAMETER], "requestBody": _form(command)}


def _query(parameter: Parameter) -> dict[str, Json]:
    name = f"{parameter.name}[0].key" if parameter.shape is Shape.MAP else parameter.name
    return {
        "name": name,
        "in": "query",
        "required": parameter.required,
        "description": parameter.description,
        "schema": _schema_of(parameter),
        **({"style": "form", "explode": False} if parameter.shape is Shape.LIST else {}),
    }


def _form(command: Command) -> dict[str, Json]:
    """Maps are `details[0].key=value`: a pattern of names."""
    plain = [each for each in command.parameters if each.shape in (Shape.SCALAR, Shape.LIST)]
    maps = [each for each in command.parameters if each not in plain]
    schema: dict[str, Json] = {
        "type": "object",
        "properties": {each.name: {**_schema_of(each), "description": each.description} for each in plain},
        "required": [each.name for each in plain if each.required],
        "patternProperties": {rf"^{each.name}\[[0-9]{{1,4}}\]\.[a-z]+$": {"type": "string"} for each in maps},
        "additionalProperties": False,
    }
    lists: dict[str, Json] = {
        each.name: {"style": "form", "explode": False} for each in plain if each.shape is Shape.LIST
    }
    return {"required": True, "content": {FORM: {"schema": schema, "encoding": lists}}}


def _schema_of(parameter: Parameter) -> dict[str, Json]:
    one: dict[str, Json] = {"type": NUMBERS.get(parameter.word, "string")}
    if parameter.choices:
        one["enum"] = list(parameter.choices)
    if parameter.length:
        one["maxLength"] = parameter.length
    if parameter.between:
        one |= {"minimum": parameter.between.low, "maximum": parameter.between.high}
    return {"type": "array", "items": one} if parameter.shape is Shape.LIST else one


def _answer(command: Command) -> dict[str, Json]:
    envelope: dict[str, Json] = {
        "type": "object",
        "properties": {command.envelope: _body(command)},
        "required": [command.envelope],
        "additionalProperties": False,
    }
    return {"description": _promise(command), "content": {"application/json": {"schema": envelope}, "text/xml": {}}}


def _promise(command: Command) -> str:
    if command.runs_as_job:
        shown = command.view.__name__.removesuffix("View") if command.view else "nothing"
        return f"A job does it; queryAsyncJobResult tells how it ends: with {shown}."
    return "It is done." if command.kind is AnswerKind.SUCCESS else "What was asked for."


def _body(command: Command) -> dict[str, Json]:
    match command.kind:
        case AnswerKind.JOB:
            return _object({"jobid": {"type": "string"}, "id": {"type": "string"}}, required=["jobid"])
        case AnswerKind.SUCCESS:
            return _object({"success": {"type": "boolean"}, "displaytext": {"type": "string"}}, required=["success"])
        case AnswerKind.FLAT:
            return _reference(command.view)
    key = str(getattr(command.view, "wire_key", ""))
    if command.kind is AnswerKind.OBJECT:
        return _object({key: _reference(command.view)}, required=[key])
    rows: dict[str, Json] = {"type": "array", "items": _reference(command.view)}
    return _object({"count": {"type": "integer"}, key: rows}, required=[])


def _schemas(commands: Iterable[Command]) -> dict[str, Json]:
    """Every view that can be met, by its class's name."""
    found: dict[str, Json] = {"Refusal": _REFUSAL}
    waiting = [each.view for each in commands if each.view not in (None, Success)]
    while waiting:
        view = waiting.pop()
        if view is None or view.__name__ in found:
            continue
        found[view.__name__] = _object({each.name: _field(each) for each in fields_of(view)}, required=[])
        waiting += [each.nested for each in fields_of(view)]
    return dict(sorted(found.items()))


def _field(field: ViewField) -> dict[str, Json]:
    told: dict[str, Json] = {"description": field.description}
    if field.word == "list":
        return told | {"type": "array"} | ({"items": _reference(field.nested)} if field.nested else {})
    if field.nested:
        return told | _reference(field.nested)
    return told | {"type": "object" if field.word == "map" else NUMBERS.get(field.word, "string")}


def _reference(view: type | None) -> dict[str, Json]:
    return {"$ref": f"#/components/schemas/{view.__name__}"} if view else {}


def _object(properties: dict[str, Json], *, required: list[str]) -> dict[str, Json]:
    needed: list[Json] = list(required)
    return {"type": "object", "properties": properties, "required": needed, "additionalProperties": False}


def _refusals() -> dict[str, Json]:
    return {str(each.errorcode): {"$ref": "#/components/responses/Refused"} for each in REFUSALS}


_REFUSAL: dict[str, Json] = _object(
    {
        "uuidList": {"type": "array"},
        "errorcode": {"type": "integer", "enum": [*sorted({each.errorcode for each in REFUSALS})]},
        "cserrorcode": {"type": "integer"},
        "errortext": {"type": "string"},
    },
    required=["errorcode", "errortext"],
)
_REFUSED: dict[str, Json] = {
    "description": " ".join(f"{each.errorcode}: {(each.__doc__ or '').strip().rstrip('.')}." for each in REFUSALS),
    "content": {
        "application/json": {
            "schema": {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/Refusal"}}
        },
        "text/xml": {},
    },
}
_RESPONSE_PARAMETER: dict[str, Json] = {
    "name": "response",
    "in": "query",
    "required": True,
    "description": "json; XML is what a client gets that does not ask",
    "schema": {"type": "string", "enum": ["json"]},
}
_SECURITY: dict[str, Json] = {
    "apiKey": {"type": "apiKey", "in": "query", "name": "apiKey"},
    "signature": {
        "type": "apiKey",
        "in": "query",
        "name": "signature",
        "description": "base64 of HMAC-SHA1 over the sorted, encoded, lower-cased parameters",
    },
    "session": {"type": "apiKey", "in": "cookie", "name": "JSESSIONID"},
    "sessionKey": {"type": "apiKey", "in": "query", "name": "sessionkey"},
}
