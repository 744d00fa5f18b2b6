"""`mainstay demo up`: controller, agents and cloud, and then a window on what happens until Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from aiohttp import ClientError, ClientSession, ClientTimeout

from mainstay_cli.client import Client, connected
from mainstay_cli.demo import build, place, plan
from mainstay_cli.demo.children import check_lives, child
from mainstay_cli.profile import Profile, write_profile
from mainstay_cli.watch import follow_incidents
from mainstay_runtime.clock import Clock, SystemClock
from mainstay_runtime.errors import Unavailable

API_PORT, AGENT_PORT, FIRST_DESK_PORT = 8080, 8250, 8390
READY_WITHIN_SECONDS = 60.0
PAUSE_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """As we should like them, or others where those are taken."""

    api: int
    agents: int
    desks: dict[str, int]


async def up() -> None:
    """Until it is interrupted, or told to end: then its processes end too."""
    end_on_signals()
    clock = SystemClock()
    began = clock.monotonic()

    def told(what: str) -> None:
        click.echo(f"{clock.monotonic() - began:6.1f} s  {what}")

    async with AsyncExitStack() as stack:
        running, client, guests = await _raise_cloud(place.fresh_home(), clock, stack, told)
        told(f"{guests} guests run on {len(plan.clusters()) * plan.HOSTS_PER_CLUSTER} hosts")
        click.echo(welcome(running, write_profile("demo", running.profile)))
        async for line in follow_incidents(client):
            click.echo(line)


def end_on_signals() -> None:
    """SIGTERM and a closed terminal as Ctrl-C, so that nothing is left behind."""
    me = asyncio.current_task()
    assert me is not None
    for sign in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(sign, me.cancel)


async def _raise_cloud(
    home: Path, clock: Clock, stack: AsyncExitStack, told: build.Told
) -> tuple[place.Running, Client, int]:
    ports = _ports()
    profile = await stack.enter_async_context(_controller(home, ports, clock))
    told(f"the controller answers on {profile.url}")
    client = await stack.enter_async_context(connected(profile, clock))
    ground = await build.lay_ground(client, home)
    desks = {cluster: f"http://127.0.0.1:{port}" for cluster, port in ports.desks.items()}
    for cluster in plan.clusters():
        await stack.enter_async_context(_agents(home, cluster, ports))
    await build.hosts_are_up(client)
    told(f"{len(ground.host_ids)} hosts have come over mutual TLS")
    running = place.Running(pid=os.getpid(), profile=profile, desks=desks)
    place.remember(running)
    await build.furnish(client, ground, desks)
    told("storage, an image and offerings are there, the zone is enabled")
    return running, client, await build.deploy_guests(client, ground, told)


def welcome(running: place.Running, profiles: Path) -> str:
    url = running.profile.url.removesuffix("/client/api")
    return f"""
  API        {running.profile.url}     metrics {url}/metrics
  admin key  {running.profile.api_key}
  secret     {running.profile.secret_key}
             (made for this demo; kept as profile `demo` in {profiles})

  In a second terminal:
    mainstay demo kill-host               pull the plug of a host, and watch its guests come back
    mainstay demo kill-host c0-h1         one with a power controller; c1 and c2 have storage leases alone
    mainstay demo cut-storage c2-h2       a host that loses its storage kills its own guests
    mainstay demo kill-guest c1-h0-web1   a crashed guest restarts on its own host
    mainstay demo heal                    everything is whole again
    mainstay -p demo list hosts           any command of the API; `mainstay -p demo apis` tells them
    mainstay -p demo explain vm c1-h0-local

  What happens is told here, line by line.  Ctrl-C ends the demo.
"""


@asynccontextmanager
async def _controller(home: Path, ports: Ports, clock: Clock) -> AsyncIterator[Profile]:
    """Ready to be called, with the key of the first administrator."""
    state, log = home / "controller", home / "controller.log"
    arguments = {
        "state-dir": str(state),
        "listen": "127.0.0.1",
        "api-port": str(ports.api),
        "agent-port": str(ports.agents),
        "advertise": f"127.0.0.1:{ports.agents}",
    }
    url = f"http://127.0.0.1:{ports.api}"
    async with child("mainstay-controller", *_options(arguments), log=log) as process:
        begun = clock.monotonic()
        while not await _is_ready(url):
            check_lives(process, log)
            if clock.monotonic() - begun > READY_WITHIN_SECONDS:
                raise Unavailable(f"the controller is not ready after {READY_WITHIN_SECONDS:.0f} s: see {log}")
            await clock.sleep(PAUSE_SECONDS)
        yield _first_admin(state / "first-admin", url)


@asynccontextmanager
async def _agents(home: Path, cluster: str, ports: Ports) -> AsyncIterator[None]:
    """One process with the agents of all hosts of a cluster."""
    arguments = {
        "driver": "simulated",
        "controllers": f"127.0.0.1:{ports.agents}",
        "state-dir": str(home / cluster),
        "run-dir": str(home / cluster / "run"),
        "world": str(home / f"{cluster}.json"),
        "desk": f"127.0.0.1:{ports.desks[cluster]}",
    }
    async with child("mainstay-agent", *_options(arguments), log=home / f"agents-{cluster}.log"):
        yield


def _ports() -> Ports:
    first_desk = place.free_port(FIRST_DESK_PORT, together=plan.CLUSTERS)
    return Ports(
        api=place.free_port(API_PORT),
        agents=place.free_port(AGENT_PORT, together=2),
        desks={name: first_desk + each for each, name in enumerate(plan.clusters())},
    )


def _options(arguments: dict[str, str]) -> list[str]:
    return [word for name, value in arguments.items() for word in (f"--{name}", value)]


def _first_admin(file: Path, url: str) -> Profile:
    """The keys are taken, and the file that held them is deleted."""
    keys = dict(line.split("=", 1) for line in file.read_text().splitlines())
    file.unlink()
    return Profile(url=f"{url}/client/api", api_key=keys["apikey"], secret_key=keys["secretkey"])


async def _is_ready(url: str) -> bool:
    try:
        async with ClientSession(timeout=ClientTimeout(total=5)) as http, http.get(f"{url}/readyz") as answer:
            return answer.status == 200
    except (ClientError, TimeoutError):
        return False
