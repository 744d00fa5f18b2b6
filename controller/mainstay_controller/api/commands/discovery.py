"""What this API offers: listApis, and listCapabilities beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from mainstay_controller.api.access import EVERYBODY, Caller
from mainstay_controller.api.answers import Rows, ViewField, fields_of, rows_of
from mainstay_controller.api.errors import unknown_command
from mainstay_controller.api.parameters import STRING_LENGTH_MAX, Parameter
from mainstay_controller.api.registry import Command, command
from mainstay_controller.operations.cloud import Cloud


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterView:
    name: str
    description: str
    type: str
    length: int
    required: bool
    related: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseFieldView:
    name: str
    description: str
    type: str
    response: tuple[ResponseFieldView, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiView:
    wire_key: ClassVar[str] = "api"

    name: str
    description: str
    since: str
    is_async: bool
    related: str
    params: tuple[ParameterView, ...]
    response: tuple[ResponseFieldView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListApis:
    name: Annotated[str | None, "API name"] = None


def discovery_commands(offered: Callable[[], Iterable[Command]]) -> tuple[Command, ...]:
    """The commands of this noun, told where the table is once it is complete."""

    @command("listApis", roles=EVERYBODY, polls=True)
    async def list_apis(request: ListApis, caller: Caller, cloud: Cloud) -> Rows[ApiView]:
        """Lists all APIs that the caller may use, with their parameters and responses."""
        allowed = [each for each in offered() if caller.role in each.roles]
        chosen = [each for each in allowed if request.name in (None, each.name)]
        if not chosen:
            raise unknown_command(request.name or "")
        return rows_of([_api(each, allowed) for each in chosen])

    return (list_apis,)


def _api(described: Command, offered: Iterable[Command]) -> ApiView:
    return ApiView(
        name=described.name,
        description=described.description,
        since=described.since,
        is_async=described.runs_as_job,
        related=",".join(
            each.name for each in offered if each.view is described.view and each.view and each is not described
        ),
        params=tuple(_parameter(parameter, offered) for parameter in described.parameters),
        response=tuple(_response_field(field) for field in (fields_of(described.view) if described.view else ())),
    )


def _parameter(parameter: Parameter, offered: Iterable[Command]) -> ParameterView:
    return ParameterView(
        name=parameter.name,
        description=parameter.description,
        type=parameter.word,
        length=parameter.length or STRING_LENGTH_MAX,  # clients want one of each, also of numbers
        required=parameter.required,
        related=_lister_of(parameter, offered),
    )


def _lister_of(parameter: Parameter, offered: Iterable[Command]) -> str | None:
    """The list command that knows the ids this parameter takes: clients complete from it."""
    if parameter.reference is None:
        return None
    for each in offered:
        if each.name.startswith("list") and any(
            own.name == "id" and own.reference == parameter.reference for own in each.parameters
        ):
            return each.name
    return None


def _response_field(field: ViewField) -> ResponseFieldView:
    """One level deep: a view may contain itself."""
    nested = tuple(_plain_field(each) for each in fields_of(field.nested)) if field.nested else None
    return replace(_plain_field(field), response=nested)


def _plain_field(field: ViewField) -> ResponseFieldView:
    return ResponseFieldView(name=field.name, description=field.description, type=field.word)
