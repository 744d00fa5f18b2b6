"""`mainstay lab`: a cloud of real hosts on this machine, and the commands to hurt and heal it."""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable

import click

from mainstay_cli.client import connected, text
from mainstay_cli.lab import state
from mainstay_cli.lab.bmc import Mood
from mainstay_cli.lab.cloud import LabCloud, Offering, cloud_in, controller_directory
from mainstay_cli.lab.guests import find_guest
from mainstay_cli.lab.host import LabHost, StorageFault
from mainstay_cli.lab.lab import Lab, raise_lab, sweep, take_down
from mainstay_cli.lab.layout import Layout
from mainstay_cli.lab.processes import send
from mainstay_cli.profile import read_profile, write_profile
from mainstay_cli.running import run
from mainstay_runtime.clock import SystemClock, SystemRng
from mainstay_runtime.errors import BadInput

PROFILE = "lab"


@click.group()
@click.option("--lab", "lab_id", metavar="ID", help="Which lab, if there are several; the youngest otherwise.")
@click.pass_context
def lab(context: click.Context, lab_id: str | None) -> None:
    """A cloud of real hosts on this machine to hurt.

    Hosts are called h1, h2 ...; what is hurt stays so until `heal`."""
    context.obj = lab_id


host_argument = click.argument("host")


@lab.command()
@click.option("--hosts", default=3, show_default=True, type=click.IntRange(1, 20))
@click.option("--watchdogs/--no-watchdogs", default=True, show_default=True, help="Give the hosts watchdog cards.")
@click.option("--bare", is_flag=True, help="Hosts only: no controller, no agents, no guests.")
def up(hosts: int, watchdogs: bool, bare: bool) -> None:
    """Boot the hosts, run Mainstay on them, and let all stay up."""
    run(_up(hosts, watchdogs, bare))


@lab.command()
@click.option("--all", "every", is_flag=True, help="Every lab of this machine.")
@click.pass_obj
def down(lab_id: str | None, every: bool) -> None:
    """Take the lab down; nothing of it is left."""
    run(_down(lab_id, every))


@lab.command()
@click.pass_obj
def status(lab_id: str | None) -> None:
    """Hosts with their power, addresses and BMCs."""
    _to_lab(lab_id, _status)


@lab.command("kill-host")
@host_argument
@click.pass_obj
def kill_host(lab_id: str | None, host: str) -> None:
    """Cut the power of a host."""
    _to_lab(lab_id, lambda lab: lab.host_named(host).switch_off("mainstay lab kill-host"))


@lab.command("freeze-host")
@host_argument
@click.pass_obj
def freeze_host(lab_id: str | None, host: str) -> None:
    """Stop every process of a host, without ending it."""
    _to_lab(lab_id, lambda lab: lab.host_named(host).freeze())


@lab.command("cut-network")
@host_argument
@click.option("--bmc", is_flag=True, help="Cut the cable of its BMC instead.")
@click.pass_obj
def cut_network(lab_id: str | None, host: str, bmc: bool) -> None:
    """Cut the management cable of a host."""
    _to_lab(lab_id, lambda lab: lab.host_named(host).cut_bmc_network() if bmc else lab.host_named(host).cut_network())


@lab.command("cut-storage")
@host_argument
@click.option("--fault", type=click.Choice([fault.value for fault in StorageFault]), default="hang", show_default=True)
@click.option("--pool", default="primary", show_default=True)
@click.pass_obj
def cut_storage(lab_id: str | None, host: str, fault: str, pool: str) -> None:
    """Take the shared pool away from a host."""
    _to_lab(lab_id, lambda lab: lab.host_named(host).cut_storage(StorageFault(fault), pool))


@lab.command("set-bmc")
@host_argument
@click.argument("mood", type=click.Choice([mood.value for mood in Mood]))
@click.pass_obj
def set_bmc(lab_id: str | None, host: str, mood: str) -> None:
    """Let the BMC of a host be honest, or not."""
    _to_lab(lab_id, lambda lab: lab.host_named(host).set_bmc_mood(Mood(mood)))


@lab.command("kill-guest")
@click.argument("guest")
@click.pass_obj
def kill_guest(lab_id: str | None, guest: str) -> None:
    """Kill a guest's emulator, by the guest's name or id."""
    _to_lab(lab_id, lambda lab: _signal_guest(lab, guest, signal.SIGKILL))


@lab.command("hang-guest")
@click.argument("guest")
@click.pass_obj
def hang_guest(lab_id: str | None, guest: str) -> None:
    """Stop a guest's emulator without ending it."""
    _to_lab(lab_id, lambda lab: _signal_guest(lab, guest, signal.SIGSTOP))


@lab.command()
@click.argument("hosts", nargs=-1)
@click.pass_obj
def heal(lab_id: str | None, hosts: tuple[str, ...]) -> None:
    """Make hosts whole again, all if none is named: power, cables, pools, BMCs, and whatever was stopped."""
    _to_lab(lab_id, lambda lab: _heal(lab, hosts))


@lab.command()
@host_argument
@click.pass_obj
def shell(lab_id: str | None, host: str) -> None:
    """A shell in a host."""
    _to_lab(lab_id, lambda lab: _become_shell(lab.host_named(host)))


async def _become_shell(host: LabHost) -> None:
    door = await host.door()
    os.execvp(door[0], [*door, os.environ.get("SHELL", "/bin/sh")])


def _chosen(lab_id: str | None) -> Layout:
    if lab_id is None:
        return state.latest_kept_by_itself()
    for layout, _ in state.labs():
        if layout.lab_id == lab_id:
            return layout
    raise BadInput(f"no lab {lab_id}")


def _to_lab(lab_id: str | None, deed: Callable[[Lab], Awaitable[None]]) -> None:
    async def done() -> None:
        await deed(Lab(_chosen(lab_id)))

    run(done())


async def _up(hosts: int, watchdogs: bool, bare: bool) -> None:
    await sweep()
    layout = state.new_layout(SystemRng(), size=hosts, pools=("primary",), watchdogs=watchdogs)
    lab = await raise_lab(layout)
    await _status(lab)
    if not bare:
        await _populate(lab)
    click.echo("\nmainstay lab --help tells how to hurt them; mainstay lab down ends it.")


async def _populate(lab: Lab) -> None:
    """A controller, agents, and on every host a guest with HA and one without."""
    async with cloud_in(lab) as cloud:
        for host in lab.hosts:
            await cloud.deploy(f"{host.name}-ha", on=host)
            await cloud.deploy(f"{host.name}-plain", Offering(ha=False), on=host)
        write_profile(PROFILE, cloud.client.profile)
    click.echo(f"""
A controller answers at {cloud.client.profile.url}; its key is kept as profile `{PROFILE}`.  For example:

    mainstay -p {PROFILE} list virtualmachines --columns name,state,hostname
    mainstay lab kill-host h1              a power loss: `mainstay -p {PROFILE} incidents` follows it
    mainstay lab kill-guest h2-ha          its own host restarts it
    mainstay lab cut-storage h3            it kills its guests before its lease runs out
    mainstay -p {PROFILE} explain vm h1-ha
    mainstay lab heal""")


async def _down(lab_id: str | None, every: bool) -> None:
    for layout in [layout for layout, _ in state.labs()] if every else [_chosen(lab_id)]:
        await take_down(layout)
        click.echo(f"lab {layout.lab_id} is gone")


async def _status(lab: Lab) -> None:
    click.echo(f"lab {lab.layout.lab_id} in {lab.layout.root}")
    for name, host in (await lab.room.status()).items():
        place = lab.host_named(name)
        power = "on" if host.on else "off"
        click.echo(f"  {name}  {power:3}  {place.ip:15}  BMC {place.bmc_ip:15} {host.mood}")


async def _heal(lab: Lab, names: tuple[str, ...]) -> None:
    for host in [lab.host_named(name) for name in names] or lab.hosts:
        await host.repair()
        if controller_directory(lab, 1).exists():
            await _revive(lab, host)


async def _revive(lab: Lab, host: LabHost) -> None:
    async with connected(read_profile(PROFILE), SystemClock()) as client:
        await LabCloud(lab, client).revive(host)


async def _signal_guest(lab: Lab, guest: str, what: signal.Signals) -> None:
    host, program = await find_guest(lab.hosts, await _known_as(lab, guest))
    send(program.pid, what)
    click.echo(f"{guest} on {host.name}: {what.name}")


async def _known_as(lab: Lab, guest: str) -> str:
    """What hypervisors call it: the id, if the controller knows a guest of that name."""
    if not controller_directory(lab, 1).exists():
        return guest
    async with connected(read_profile(PROFILE), SystemClock()) as client:
        rows = await client.rows("listVirtualMachines", {"name": guest})
    return text(rows[0], "id") if rows else guest
