"""From a click command into the event loop and back, with errors as people read them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

import click

from mainstay_cli.profile import Profile, read_profile
from mainstay_runtime.errors import MainstayError


def run(work: Coroutine[object, object, None]) -> None:
    """Run to the end; what went wrong is one line and exit code 1."""
    try:
        asyncio.run(work)
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise click.exceptions.Exit(130) from None
    except MainstayError as error:
        raise click.ClickException(str(error)) from error


def chosen_profile() -> Profile:
    """The one that `mainstay --profile` names."""
    try:
        return read_profile(click.get_current_context().find_root().params.get("profile"))
    except MainstayError as error:
        raise click.ClickException(str(error)) from error
