"""One table of commands: `listApis`, parsing, access, the OpenAPI document and the reference are all read from it.

A command is a request dataclass, an answer and one async function.  `@command` only describes the function; nouns list their commands by hand and
`commands.ALL` composes the table, so that nothing registers itself on import."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from inspect import getdoc
from typing import Protocol, TypeVar, cast, get_args, get_origin, get_type_hints

from mainstay_controller.api.access import EVERYBODY, Caller
from mainstay_controller.api.answers import Accepted, Entered, Rows, Success
from mainstay_controller.api.parameters import Parameter, parameters_of
from mainstay_controller.api.untrusted import UntrustedCall
from mainstay_controller.api.views import View, class_shown_by, one
from mainstay_controller.domain.roles import Role
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.jobs import JobRun

R = TypeVar("R")
V = TypeVar("V")
Request_contra = TypeVar("Request_contra", contravariant=True)
Handler = Callable[[object, Caller, Cloud], Awaitable[object]]
Enter = Callable[[object, UntrustedCall, Cloud], Awaitable[Entered[object]]]
SINCE = "4.0"
"""CloudStack's commands are as old as clients need them to be; ours say MAINSTAY."""
MAINSTAY = "mainstay-0.1"


class AnswerKind(StrEnum):
    OBJECT = "object"
    LIST = "list"
    FLAT = "flat"
    SUCCESS = "success"
    JOB = "job"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOf:
    """The second half of a command that runs as a job: the work, and how what it returns is shown."""

    work: Callable[[JobRun], Awaitable[object]]
    shown: Callable[[object, Caller, Cloud], Awaitable[object]]
    view: type


def job_of(work: Callable[[JobRun], Awaitable[R]], view: View[R, V]) -> JobOf:
    """A work that ends with a record, shown by its view."""

    async def shown(record: object, caller: Caller, cloud: Cloud) -> V:
        return await one(view, cast(R, record), caller, cloud)

    return JobOf(work=work, shown=shown, view=class_shown_by(view))


def job_to_success(work: Callable[[JobRun], Awaitable[None]]) -> JobOf:
    """A work that leaves nothing to show."""

    async def shown(_nothing: object, _caller: Caller, _cloud: Cloud) -> Success:
        return Success()

    return JobOf(work=work, shown=shown, view=Success)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """`envelope`: the top key of its response; `view`: what it, or its job, shows."""

    name: str
    description: str
    roles: frozenset[Role]
    request: type
    kind: AnswerKind
    view: type | None
    envelope: str
    since: str = SINCE

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return parameters_of(self.request)

    @property
    def runs_as_job(self) -> bool:
        return self.kind is AnswerKind.JOB


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled(Command):
    """A command of a known caller.  `polls`: it only asks what may be called or what became of a call, and is throttled apart."""

    handler: Handler
    job: JobOf | None = None
    polls: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(Command):
    """A way in or out: it meets the call of who is nobody yet, and may set cookies.  `is_counted`: it is throttled by address."""

    enter: Enter
    is_counted: bool


class HandlerOf(Protocol[Request_contra]):
    async def __call__(self, request: Request_contra, caller: Caller, cloud: Cloud, /) -> object: ...


class EnterOf(Protocol[Request_contra]):
    async def __call__(self, request: Request_contra, call: UntrustedCall, cloud: Cloud, /) -> Entered[object]: ...


class Registry:
    """The commands by name."""

    def __init__(self, commands: Iterable[Command]) -> None:
        self._by_name: dict[str, Command] = {}
        for command in commands:
            if command.name in self._by_name:
                raise ValueError(f"{command.name} is listed twice")
            self._by_name[command.name] = command

    def find(self, name: str) -> Command | None:
        return self._by_name.get(name)

    def __iter__(self) -> Iterator[Command]:
        return iter(self._by_name.values())


def command(
    name: str,
    *,
    roles: frozenset[Role],
    job: JobOf | None = None,
    envelope: str | None = None,
    since: str = SINCE,
    polls: bool = False,
    description: str = "",
) -> Callable[[HandlerOf[Request_contra]], Handled]:
    """Describe a handler: its annotations tell the request and the answer, `description` or its docstring what it is for."""

    def describe(handler: HandlerOf[Request_contra]) -> Handled:
        hints = get_type_hints(handler)
        kind, view = _answer_of(hints["return"])
        return Handled(
            name=name,
            description=description or summary_of(handler),
            roles=roles,
            request=next(iter(hints.values())),
            kind=kind,
            view=job.view if job else view,
            envelope=envelope or name.lower() + "response",
            handler=cast(Handler, handler),
            job=job,
            since=since,
            polls=polls,
        )

    return describe


def entry(name: str, *, is_counted: bool) -> Callable[[EnterOf[Request_contra]], Entry]:
    """Describe a way in or out."""

    def describe(enter: EnterOf[Request_contra]) -> Entry:
        hints = get_type_hints(enter)
        return Entry(
            name=name,
            description=summary_of(enter),
            roles=EVERYBODY,
            request=next(iter(hints.values())),
            kind=AnswerKind.FLAT,
            view=get_args(hints["return"])[0],
            envelope=name.lower() + "response",
            enter=cast(Enter, enter),
            is_counted=is_counted,
        )

    return describe


def summary_of(documented: object) -> str:
    """The first paragraph of a docstring, as one line."""
    return " ".join((getdoc(documented) or "").split("\n\n")[0].split())


def _answer_of(hint: object) -> tuple[AnswerKind, type | None]:
    if hint is Success:
        return AnswerKind.SUCCESS, Success
    if hint is Accepted:
        return AnswerKind.JOB, None
    if get_origin(hint) is Rows:
        return AnswerKind.LIST, get_args(hint)[0]
    if not isinstance(hint, type):
        raise TypeError(f"{hint!r} is no answer")
    return (AnswerKind.OBJECT if hasattr(hint, "wire_key") else AnswerKind.FLAT), hint
