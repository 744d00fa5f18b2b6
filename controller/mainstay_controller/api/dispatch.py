"""A request's one way through: who asks, may they, what do they mean, do it, answer.

The order is fixed: command known, signature or session verified, role, throttle, parameters, references, handler.  Every end is a `Rendered`:
a refusal carries CloudStack's code and its own reason; what nobody foresaw is logged once with its traceback and answered 530 with a number to quote."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

import structlog

from mainstay_controller.api.access import Caller, may_change, may_use
from mainstay_controller.api.admission import Admission
from mainstay_controller.api.errors import (
    SEEN_BY_ROOT_ONLY,
    TEXT_FOR_OTHERS,
    BadParameter,
    command_unavailable,
    not_permitted,
    unknown_command,
    unknown_entity,
)
from mainstay_controller.api.not_served import check_served
from mainstay_controller.api.parameters import Parameter
from mainstay_controller.api.registry import AnswerKind, Command, Entry, Handled, Registry
from mainstay_controller.api.render import Rendered, rendered, rendered_refusal
from mainstay_controller.api.untrusted import UntrustedCall, typed_arguments
from mainstay_controller.domain.lifecycle.table import ForbiddenTransition
from mainstay_controller.domain.roles import Role
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import OperationError, ResourceInUse, ResourceUnavailable, ShutdownTriggered
from mainstay_controller.store import port

HANDLER_SECONDS_MAX = 60.0
"""Long work is a job; what has not answered by now waits for something that hangs."""

ANSWERABLE = (port.NotFound, port.Conflict, port.Stale, port.Unreachable, ForbiddenTransition, TimeoutError)
"""What any handler may meet and need not answer itself."""

log = structlog.get_logger()
Identify = Callable[[UntrustedCall, Cloud], Awaitable[Caller]]
"""Turns credentials into a caller, or raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatcher:
    """Answers calls.  `identify` is who believes them: signatures and sessions, or nobody on the integration port."""

    registry: Registry
    cloud: Cloud
    identify: Identify
    admission: Admission = field(default_factory=Admission)

    async def answer(self, call: UntrustedCall) -> Rendered:
        command = self.registry.find(call.command)
        caller: Caller | None = None
        try:
            if command is None:
                raise unknown_command(call.command)
            if isinstance(command, Entry):
                return await self._enter(command, call)
            caller = replace(await self.identify(call, self.cloud), origin=call.origin)
            return rendered(command, await self._perform(command, call, caller), call.format)
        except OperationError as error:
            return _refusal(command, caller, error, call)
        except ANSWERABLE as error:
            return _refusal(command, caller, _as_refusal(error), call)
        except Exception as error:
            return _refusal(command, caller, self._unforeseen(call, error), call)

    async def _enter(self, command: Entry, call: UntrustedCall) -> Rendered:
        if command.is_counted:
            await self.admission.admit_login(call.remote, self.cloud)
        arguments = typed_arguments(command.name, command.parameters, call.parameters)
        async with asyncio.timeout(HANDLER_SECONDS_MAX):
            entered = await command.enter(command.request(**arguments), call, self.cloud)
        return replace(rendered(command, entered.view, call.format), cookies=entered.cookies)

    async def _perform(self, command: Command, call: UntrustedCall, caller: Caller) -> object:
        assert isinstance(command, Handled)
        if caller.role not in command.roles:
            raise command_unavailable(command.name)
        if command.runs_as_job and self.cloud.is_leaving:
            raise ShutdownTriggered
        await self.admission.admit(caller, command, self.cloud)
        check_served(command.name, call.parameters.items())
        arguments = typed_arguments(command.name, command.parameters, call.parameters)
        await _check_references(command, arguments, caller, self.cloud.store)
        async with asyncio.timeout(HANDLER_SECONDS_MAX):
            return await command.handler(command.request(**arguments), caller, self.cloud)

    def _unforeseen(self, call: UntrustedCall, error: Exception) -> OperationError:
        number = self.cloud.rng.uuid()
        log.error("request failed unforeseen", command=call.command, number=number, exc_info=error)
        return OperationError(f"Internal error executing command {call.command}; it is logged as {number}")


async def _check_references(
    command: Command, arguments: Mapping[str, object], caller: Caller, store: port.Store
) -> None:
    """Every uuid names a thing that exists, and that the caller may use."""
    for parameter in command.parameters:
        value = arguments.get(parameter.field)
        if parameter.reference is None or value is None:
            continue
        for record_id in value if isinstance(value, tuple) else (value,):
            await _check_reference(command, parameter, str(record_id), caller, store)


async def _check_reference(
    command: Command, parameter: Parameter, record_id: str, caller: Caller, store: port.Store
) -> None:
    repository: port.Repository[object] = getattr(store, parameter.reference or "")
    record = await repository.get(record_id)
    if record is None or getattr(record, "removed", None) is not None:
        raise unknown_entity(command.name, parameter.name, record_id)
    allowed = may_change if _is_what_changes(command, parameter) else may_use
    if not await allowed(caller, record, store):
        raise not_permitted(caller.account.name)


def _is_what_changes(command: Command, parameter: Parameter) -> bool:
    """The `id` of a command that is no list is the id of what it changes."""
    return parameter.name == "id" and command.kind is not AnswerKind.LIST


def _as_refusal(error: Exception) -> OperationError:
    """What the store and the state tables say, in the words of the API."""
    match error:
        case port.NotFound():
            return BadParameter("It does not exist any more")
        case port.Conflict():
            return BadParameter("One of that name exists already")
        case port.Stale():
            return ResourceInUse("It was changed by somebody else at the same moment; try again")
        case ForbiddenTransition():
            return ResourceInUse(str(error))
        case port.Unreachable():
            return ResourceUnavailable("The database does not answer; try again")
        case _:
            return OperationError(f"No answer within {HANDLER_SECONDS_MAX:.0f} seconds; the effect is unknown")


def _refusal(command: Command | None, caller: Caller | None, error: OperationError, call: UntrustedCall) -> Rendered:
    hidden = error.errorcode in SEEN_BY_ROOT_ONLY and (caller is None or caller.role is not Role.ROOT_ADMIN)
    text = TEXT_FOR_OTHERS if hidden else str(error)
    envelope = "errorresponse" if command is None or error.errorcode == 432 else command.envelope
    return rendered_refusal(envelope, error, text, call.format)
