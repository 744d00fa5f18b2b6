"""Any command of the API from the command line: `mainstay list hosts state=Up`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import click

from mainstay_cli.catalog import Api, Catalog, arguments_of, read_catalog
from mainstay_cli.client import Client, Row, connected, text
from mainstay_cli.output import Style, written
from mainstay_cli.profile import Profile
from mainstay_cli.progress import Progress
from mainstay_runtime.clock import SystemClock


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One call as it was typed."""

    words: Sequence[str]
    style: Style
    columns: Sequence[str]
    waits: bool
    wants_help: bool

    @property
    def command(self) -> list[str]:
        return [word for word in self.words if "=" not in word]

    @property
    def pairs(self) -> list[str]:
        return [word for word in self.words if "=" in word]


async def call(asked: Asked, profile: Profile) -> None:
    async with connected(profile, SystemClock()) as client:
        catalog = await read_catalog(client)
        api = catalog.find(asked.command)
        if asked.wants_help:
            click.echo(described(api))
            return
        click.echo(written(await _answer(client, api, asked), asked.style, asked.columns))


async def list_commands(profile: Profile, containing: str) -> None:
    async with connected(profile, SystemClock()) as client:
        catalog: Catalog = await read_catalog(client)
    for api in catalog.apis:
        if containing.lower() in api.name.lower():
            click.echo(f"{api.name:42} {api.description}")


def described(api: Api) -> str:
    lines = [f"{api.name}{' (runs as a job)' if api.runs_as_job else ''}", f"  {api.description}", ""]
    for argument in api.arguments:
        mark = "*" if argument.required else " "
        lines.append(f"  {mark} {argument.name:28} {argument.type:8} {argument.description}")
    return "\n".join(lines)


async def _answer(client: Client, api: Api, asked: Asked) -> Row:
    arguments = arguments_of(api, asked.pairs)
    if api.takes("listall"):
        arguments.setdefault("listall", "true")
    body = await client.call(api.name, arguments)
    job_id = text(body, "jobid")
    if not (api.runs_as_job and asked.waits and job_id):
        return body
    with Progress(api.name, client.clock) as progress:
        return await client.job_result(api.name, job_id, progress.told)
