"""`mainstay explain vm NAME`: from the stored decision records, why a machine was, or was not, restarted."""

from __future__ import annotations

import click

from mainstay_cli.client import Client, connected, text
from mainstay_cli.lookups import vm_called
from mainstay_cli.profile import Profile
from mainstay_cli.running import chosen_profile, run
from mainstay_cli.story import explanation
from mainstay_runtime.clock import SystemClock


@click.group()
def explain() -> None:
    """Why is this virtual machine where it is?"""


@explain.command()
@click.argument("name")
def vm(name: str) -> None:
    """Tell the story of the virtual machine NAME."""
    run(_explain_vm(name, chosen_profile()))


async def _explain_vm(name: str, profile: Profile) -> None:
    async with connected(profile, SystemClock()) as client:
        await tell_vm(name, client)


async def tell_vm(name: str, client: Client) -> None:
    found = await vm_called(name, client)
    body = await client.call("explainVirtualMachine", {"id": text(found, "id")})
    told = body["explanation"]
    assert isinstance(told, dict)
    for line in explanation(told):
        click.echo(line)
