"""Writes docs/api.md and docs/settings.md from the tables: `python packaging/write_reference.py`.  A test holds them to be current."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mainstay_controller.api.answers import fields_of
from mainstay_controller.api.commands import ALL
from mainstay_controller.api.parameters import Parameter
from mainstay_controller.api.registry import Command
from mainstay_controller.operations.settings import declared

DOCS = Path(__file__).parent.parent / "docs"
ABOUT_COMMANDS = """# The commands of the API

At `/client/api`, as in CloudStack; the same table as OpenAPI 3.1 at `/api/v1/openapi.json`.  Parameters in bold are needed; *job* says that
`queryAsyncJobResult` tells the end.
"""
ABOUT_SETTINGS = """# Settings

Changed with `updateConfiguration`; every controller follows within a second or two, but for those marked *at start*.
CloudStack's default stands beside ours where they differ.
"""


def references() -> dict[Path, str]:
    return {DOCS / "api.md": commands(), DOCS / "settings.md": settings()}


def commands() -> str:
    offered = sorted(ALL, key=lambda each: each.name)
    return "\n".join([ABOUT_COMMANDS, *(line for each in offered for line in _command(each))])


def settings() -> str:
    rows = ["| name | default | allowed | what for |", "|---|---|---|---|"]
    for each in sorted(declared().values(), key=lambda each: each.tunable.name):
        about = each.tunable
        theirs = f" (theirs: {about.theirs})" if about.theirs else ""
        marks = " *at start*" if about.at_start else ""
        default = f"`{about.shown(each.default)}` {about.unit}{theirs}".replace("``", "")
        rows.append(f"| `{about.name}` | {default.strip()} | {about.range} | {about.told}{marks} |")
    return "\n".join([ABOUT_SETTINGS, *rows, ""])


def _command(command: Command) -> Iterator[str]:
    job = ", *job*" if command.runs_as_job else ""
    yield f"## {command.name}\n"
    yield f"{command.description}  For {', '.join(sorted(command.roles))}{job}.\n"
    if command.parameters:
        yield "- takes " + "; ".join(_parameter(each) for each in command.parameters)
    if command.view:
        yield "- answers " + ", ".join(each.name for each in fields_of(command.view))
    yield ""


def _parameter(parameter: Parameter) -> str:
    name = f"**{parameter.name}**" if parameter.required else parameter.name
    return f"{name} ({parameter.word}): {parameter.description}"


if __name__ == "__main__":
    for path, text in references().items():
        path.write_text(text)
