"""Writes docs/reference from the command table and the settings: `python packaging/write_reference.py`.  A test holds it to be current."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from mainstay_controller.api.answers import fields_of
from mainstay_controller.api.commands import ALL
from mainstay_controller.api.parameters import Parameter
from mainstay_controller.api.registry import Command
from mainstay_controller.domain.roles import Role
from mainstay_controller.domain.tunable import written
from mainstay_controller.operations.settings import Declared, declared

REFERENCE = Path(__file__).parent.parent / "docs" / "reference"


def pages() -> dict[Path, str]:
    return {
        REFERENCE / "commands.md": "\n".join(commands(sorted(ALL, key=lambda command: command.name))),
        REFERENCE / "settings.md": "\n".join(settings(declared().values())),
    }


def commands(table: Iterable[Command]) -> Iterator[str]:
    yield "# Commands\n"
    yield "Parameters marked * are required; (job) answers with a job, whose result queryAsyncJobResult tells.\n"
    for command in table:
        yield f"## {command.name}{' (job)' if command.runs_as_job else ''}\n"
        yield f"{command.description}  For: {_roles(command)}.\n"
        yield from (_parameter(each) for each in command.parameters)
        shown = ", ".join(field.name for field in fields_of(command.view)) if command.view else ""
        yield f"\nAnswers: {shown}\n"


def settings(table: Iterable[Declared]) -> Iterator[str]:
    yield "# Settings\n"
    yield "Changed by updateConfiguration.  All take effect within two seconds, but those marked (at start).\n"
    for group, members in groupby(sorted(table, key=_group), key=_group):
        yield f"## {group}\n"
        yield "| name | default | CloudStack's | allowed | scope | what it is |"
        yield "|---|---|---|---|---|---|"
        yield from (_setting(each) for each in sorted(members, key=lambda each: each.tunable.name))
        yield ""


def _group(each: Declared) -> str:
    return each.tunable.group


def _roles(command: Command) -> str:
    return "everybody" if command.roles == frozenset(Role) else ", ".join(sorted(command.roles))


def _parameter(each: Parameter) -> str:
    choices = f" ({', '.join(each.choices)})" if each.choices else ""
    return f"- `{each.name}`{'*' if each.required else ''} {each.word}: {each.description}{choices}"


def _setting(each: Declared) -> str:
    tunable = each.tunable
    name = f"`{tunable.name}`{' (at start)' if tunable.at_start else ''}"
    default = f"{written(each.default) or 'empty'} {tunable.unit}".strip()
    return f"| {name} | {default} | {tunable.theirs} | {tunable.range} | {tunable.scope} | {tunable.told} |"


if __name__ == "__main__":
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for path, text in pages().items():
        path.write_text(text)
