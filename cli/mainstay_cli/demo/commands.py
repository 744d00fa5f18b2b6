"""`mainstay demo ...`"""

from __future__ import annotations

import click

from mainstay_cli.demo import hurts
from mainstay_cli.demo.up import up as raise_demo
from mainstay_cli.running import run


@click.group()
def demo() -> None:
    """A cloud of simulated hosts to hurt."""


@demo.command()
def up() -> None:
    """Begin the demo, and tell what happens until Ctrl-C."""
    run(raise_demo())


@demo.command()
@click.argument("host", required=False)
def kill_host(host: str | None) -> None:
    """Pull the plug of HOST (the busiest, if none is named), and watch its guests come back."""
    run(hurts.kill_host(host))


@demo.command()
@click.argument("host")
def cut_network(host: str) -> None:
    """Cut HOST off the management network; its storage stays."""
    run(hurts.hurt_host(host, "cut-network"))


@demo.command()
@click.argument("host")
def cut_storage(host: str) -> None:
    """Cut HOST off its storage: it must kill its guests before others may start them."""
    run(hurts.hurt_host(host, "cut-storage"))


@demo.command()
@click.argument("guest")
def kill_guest(guest: str) -> None:
    """Let GUEST crash; its own host restarts it."""
    run(hurts.kill_guest(guest))


@demo.command()
def heal() -> None:
    """Make everything whole again: cables, pools, and hosts that are off."""
    run(hurts.heal())
