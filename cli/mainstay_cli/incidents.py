"""`mainstay incidents`: what failed and what was done about it, newest last, or live as it happens."""

from __future__ import annotations

import click

from mainstay_cli.client import connected
from mainstay_cli.profile import Profile
from mainstay_cli.running import chosen_profile, run
from mainstay_cli.story import incident_story
from mainstay_cli.watch import follow_incidents
from mainstay_runtime.clock import SystemClock


@click.command()
@click.option("--open", "only_open", is_flag=True, help="Only those that are not closed yet.")
@click.option("--last", default=5, show_default=True, help="So many of the newest.")
@click.option("--follow", "-f", is_flag=True, help="Tell what happens from now on, line by line, until interrupted.")
def incidents(only_open: bool, last: int, follow: bool) -> None:
    """What failed, and what was done about it."""
    run(_follow(chosen_profile()) if follow else _tell(chosen_profile(), only_open, last))


async def _tell(profile: Profile, only_open: bool, last: int) -> None:
    wanted = {"page": "1", "pagesize": str(last)} | ({"open": "true"} if only_open else {})
    async with connected(profile, SystemClock()) as client:
        found = await client.rows("listIncidents", wanted)
    if not found:
        click.echo("Nothing has failed.")
    for incident in reversed(found):
        for line in incident_story(incident):
            click.echo(line)
        click.echo()


async def _follow(profile: Profile) -> None:
    async with connected(profile, SystemClock()) as client:
        async for line in follow_incidents(client):
            click.echo(line)
