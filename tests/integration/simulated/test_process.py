"""A process of simulated hosts as a controller meets it: enrolled by invitation, over mutual TLS, and hurt from its desk."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from mainstay_agent.main import simulated
from mainstay_agent.main.service import Time
from mainstay_agent.main.settings import AgentSettings, DriverName
from mainstay_proto.messages import Command, CommandResult, GuestEvent, Heartbeat, RunState, StartGuest
from mainstay_runtime.clock import SystemClock, SystemRng
from mainstay_runtime.tasks import background
from tests.integration.session.conftest import Cloud, a_cloud, two_free_ports
from tests.kit.sessions import eventually
from tests.kit.simulated_hosts import a_guest, a_welcome

SOON_SECONDS = 20.0


Kind = TypeVar("Kind")


@dataclass
class Site:
    cloud: Cloud
    desk: str
    http: aiohttp.ClientSession

    async def hurt(self, verb: str, **given: str) -> dict[str, Any]:
        async with self.http.post(f"{self.desk}/world/{verb}", json=given) as answer:
            told: dict[str, Any] = await answer.json()
            return told

    def all(self, kind: type[Kind]) -> list[Kind]:
        return [up for up in self.cloud.fleet.heard if isinstance(up, kind)]

    async def start(self, host: str, vm_id: str = "vm1") -> None:
        """Once the host's lease is valid."""
        [session] = [session for session in self.cloud.fleet.sessions if session.agent_id == host]
        await eventually(lambda: any(beat.leases and beat.leases[0].valid for beat in self.beats(host)), SOON_SECONDS)
        order = StartGuest(spec=a_guest(vm_id))
        session.send(Command(command_id=f"start-{vm_id}", host_id=host, deadline_seconds=10, order=order))
        await eventually(lambda: bool(self.all(CommandResult)), SOON_SECONDS)
        assert self.all(CommandResult)[-1].state is RunState.DONE

    def beats(self, host: str) -> list[Heartbeat]:
        return [beat for beat in self.all(Heartbeat) if beat.host_id == host]

    async def world(self) -> dict[str, Any]:
        async with self.http.get(f"{self.desk}/world") as answer:
            told: dict[str, Any] = await answer.json()
            return told

    async def reset(self, name: str, kind: str) -> None:
        path = f"{self.desk}/redfish/v1/Systems/{name}/Actions/ComputerSystem.Reset"
        async with self.http.post(path, json={"ResetType": kind}) as answer:
            assert answer.status == 204

    async def system(self, name: str) -> dict[str, Any]:
        async with self.http.get(f"{self.desk}/redfish/v1/Systems/{name}") as answer:
            told: dict[str, Any] = await answer.json()
            return told


@asynccontextmanager
async def a_site(directory: Path) -> AsyncIterator[Site]:
    async with a_cloud(directory) as cloud, aiohttp.ClientSession() as http:
        cloud.fleet.answer = a_welcome(["h1", "h2"])
        hosts = [
            {"name": name, "ip": f"10.0.0.{number}", "invitation": cloud.invitation(f"token-{name}", name).to_text()}
            for number, name in enumerate(("h1", "h2"), start=1)
        ]
        world = directory / "world.json"
        world.write_text(json.dumps({"hosts": hosts, "pace": {"host_boot_seconds": 0.5}}))
        port = two_free_ports()
        settings = AgentSettings(
            driver=DriverName.SIMULATED,
            controllers=(cloud.address,),
            state_dir=directory,
            run_dir=directory,
            world=world,
            desk=f"127.0.0.1:{port}",
        )
        stop = asyncio.Event()
        time = Time(clock=SystemClock(), rng=SystemRng())
        async with background(lambda: simulated.serve(settings, time, stop)):
            await eventually(lambda: len(cloud.fleet.sessions) == 2, SOON_SECONDS)
            yield Site(cloud, f"http://127.0.0.1:{port}", http)
            stop.set()
            await eventually(lambda: len(cloud.fleet.ended) == len(cloud.fleet.sessions), SOON_SECONDS)


async def test_every_simulated_host_has_its_own_session_and_a_guest_starts(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        await site.start("h1")

        shown = (await site.world())["hosts"]

        assert {session.agent_id for session in site.cloud.fleet.sessions} == {"h1", "h2"}
        assert [(guest["name"], guest["state"]) for guest in shown[0]["guests"]] == [("name-of-vm1", "running")]


async def test_a_crashed_guest_is_restarted_and_told_of(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        await site.start("h1")

        told = await site.hurt("crash-guest", target="name-of-vm1")
        await eventually(lambda: any(event.restarted_locally for event in site.all(GuestEvent)), SOON_SECONDS)

        assert told == {"host": "h1"}


async def test_a_host_without_power_falls_silent_and_says_no_farewell(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        await site.hurt("power-off", target="h1")
        await asyncio.sleep(0.5)
        beats = len(site.beats("h1"))
        await asyncio.sleep(3)

        assert len(site.beats("h1")) == beats
        assert site.cloud.fleet.ended == []
        assert (await site.system("h1"))["PowerState"] == "Off"


async def test_a_host_switched_on_again_comes_with_another_boot(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        await site.reset("h1", "ForceOff")
        await site.reset("h1", "On")
        await eventually(lambda: len(site.cloud.fleet.sessions) == 3, SOON_SECONDS)

        boots = [hello.hosts[0].boot_id for hello in site.cloud.fleet.hellos if hello.agent_id == "h1"]
        assert len(set(boots)) == 2


async def test_a_cut_cable_holds_everything_back_and_breaks_no_session_at_once(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        await site.hurt("cut-network", target="h1")
        await asyncio.sleep(0.5)
        beats = len(site.beats("h1"))
        await asyncio.sleep(3)
        silent = len(site.beats("h1"))
        await site.hurt("heal-network", target="h1")
        await eventually(lambda: len(site.beats("h1")) > silent, SOON_SECONDS)

        assert silent == beats
        assert (await site.system("h1"))["PowerState"] == "On"


async def test_a_verb_that_is_none_is_refused_with_the_list_of_those_that_are(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        told = await site.hurt("explode", target="h1")
        unknown = await site.hurt("power-off", target="h9")

        assert "power-off" in told["error"]
        assert unknown["error"] == "there is no simulated host 'h9'"
