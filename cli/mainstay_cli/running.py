"""From a click command into the event loop and back, with errors as people read them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

import click

from mainstay_cli.client import JobFailed
from mainstay_cli.profile import Profile, read_profile
from mainstay_runtime.errors import MainstayError

profile_option = click.option("--profile", "-p", help="Which profile of ~/.config/mainstay/profiles.ini to use.")


def run(work: Coroutine[object, object, None]) -> None:
    """Run to the end; what went wrong is one line and exit code 1."""
    try:
        asyncio.run(work)
    except (MainstayError, JobFailed) as error:
        raise click.ClickException(str(error)) from error


def profile_named(name: str | None) -> Profile:
    try:
        return read_profile(name)
    except MainstayError as error:
        raise click.ClickException(str(error)) from error
