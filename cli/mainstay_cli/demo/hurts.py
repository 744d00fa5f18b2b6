"""`mainstay demo kill-host` and its sisters: hurt a running demo, and watch with a stopwatch what is done about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

import click
from aiohttp import ClientSession

from mainstay_cli.client import Client, Row, connected, nested, text
from mainstay_cli.demo import desk
from mainstay_cli.demo.place import Running, the_running
from mainstay_cli.explain import tell_vm
from mainstay_cli.story import stopwatch
from mainstay_runtime.clock import SystemClock
from mainstay_runtime.errors import BadInput

POLL_SECONDS = 0.2
WATCHED_SECONDS_MAX = 120.0
EPILOGUE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Scene:
    """A running demo in our hands."""

    running: Running
    client: Client
    http: ClientSession

    async def hurt(self, cluster: str, verb: str, **given: str) -> None:
        await desk.hurt(self.running, self.http, cluster, verb, given)

    async def guests(self) -> list[Row]:
        return await self.client.rows("listVirtualMachines", {"listall": "true"})

    async def incidents(self) -> list[Row]:
        return await self.client.rows("listIncidents", {"page": "1", "pagesize": "10"})


@dataclass(slots=True)
class Watch:
    """What happens to one host's guests since `began`.  `victims`: its guests then, by name."""

    host: str
    began: datetime
    victims: Mapping[str, Row]
    _told: set[tuple[str, str]] = field(default_factory=set)
    _seen: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def to_return(self) -> set[str]:
        """Guests that HA brings back: their disks do not die with the host."""
        return {name for name, vm in self.victims.items() if vm.get("serviceofferingname") == "ha"}

    @property
    def returned(self) -> set[str]:
        return {name for name, (state, host) in self._seen.items() if state == "Running" and host != self.host}

    def lines(self, incidents: list[Row], guests: list[Row], now: datetime) -> Iterator[str]:
        """What is new, each with the stopwatch: of the incident as the controller wrote it, of guests as we saw it."""
        for incident in incidents:
            for entry in nested(incident, "timeline") if text(incident, "hostname") == self.host else []:
                at = datetime.fromisoformat(text(entry, "at"))
                if at >= self.began and (text(entry, "at"), text(entry, "text")) not in self._told:
                    self._told.add((text(entry, "at"), text(entry, "text")))
                    yield f"{self._stopwatch(at)}  {text(entry, 'text')}"
        for name, state, host in self._changes(guests):
            yield f"{self._stopwatch(now)}  {name}: {state}{f' on {host}' if host else ''}"

    def _changes(self, guests: list[Row]) -> Iterator[tuple[str, str, str]]:
        for vm in guests:
            name, now = text(vm, "name"), (text(vm, "state"), text(vm, "hostname"))
            if name in self.victims and self._seen.get(name, ("Running", self.host)) != now:
                self._seen[name] = now
                yield name, *now

    def _stopwatch(self, at: datetime) -> str:
        return stopwatch((at - self.began).total_seconds() * 1000)


async def kill_host(name: str | None) -> None:
    """Pull the plug, and watch until everything that can come back has."""
    async with _on_scene() as scene:
        guests = await scene.guests()
        host = name or _a_busy_host(guests)
        watch = await _hurt_and_watch(scene, host, "power-off", guests)
        await _tell_of_two(scene.client, watch)


async def hurt_host(host: str, verb: str, **given: str) -> None:
    async with _on_scene() as scene:
        await _hurt_and_watch(scene, host, verb, await scene.guests(), **given)


async def kill_guest(name: str) -> None:
    async with _on_scene() as scene:
        await scene.hurt(desk.cluster_of(name, scene.running), "crash-guest", target=name)
        click.echo(f"{name} crashed; `mainstay -p demo list events` tells what its host made of it")


async def heal() -> None:
    async with _on_scene() as scene:
        for cluster in scene.running.desks:
            await scene.hurt(cluster, "heal")
        click.echo("every cable and pool is whole, every host is switched on")


@asynccontextmanager
async def _on_scene() -> AsyncIterator[Scene]:
    running = the_running()
    async with connected(running.profile, SystemClock()) as client:
        yield Scene(running, client, client.http)


async def _hurt_and_watch(scene: Scene, host: str, verb: str, guests: list[Row], **given: str) -> Watch:
    cluster = desk.cluster_of(host, scene.running)
    victims = {text(vm, "name"): vm for vm in guests if vm.get("hostname") == host and vm.get("state") == "Running"}
    clock = scene.client.clock
    watch = Watch(host=host, began=clock.now(), victims=victims)
    click.echo(f"{stopwatch(0)}  {verb} {host}, which runs {', '.join(sorted(victims)) or 'nothing'}")
    await scene.hurt(cluster, verb, target=host, **given)
    until = clock.monotonic() + WATCHED_SECONDS_MAX
    while clock.monotonic() < until and not watch.to_return <= watch.returned:
        await _tell_news(scene, watch)
        await clock.sleep(POLL_SECONDS)
    await clock.sleep(EPILOGUE_SECONDS)
    await _tell_news(scene, watch)
    click.echo(f"\n{len(watch.to_return & watch.returned)} of {len(watch.to_return)} HA guests run again elsewhere.")
    return watch


async def _tell_news(scene: Scene, watch: Watch) -> None:
    for line in watch.lines(await scene.incidents(), await scene.guests(), scene.client.clock.now()):
        click.echo(line)


async def _tell_of_two(client: Client, watch: Watch) -> None:
    """Why one moved, and why one did not."""
    moved = sorted(watch.returned)
    stayed = sorted(set(watch.victims) - watch.to_return, key=lambda name: (not name.endswith("-local"), name))
    for name in (*moved[:1], *stayed[:1]):
        click.echo(f"\n$ mainstay -p demo explain vm {name}")
        await tell_vm(name, client)


def _a_busy_host(guests: list[Row]) -> str:
    """One with much to lose: most guests, and one of them with a local disk."""
    with_local = {text(vm, "hostname") for vm in guests if vm.get("serviceofferingname") == "local"}
    busy = Counter(text(vm, "hostname") for vm in guests if vm.get("hostname"))
    if not busy:
        raise BadInput("no guest runs on any host")
    return max(busy, key=lambda host: (host in with_local, busy[host], host))
