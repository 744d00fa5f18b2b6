"""The screen of a real guest, seen through the controller's websocket while no port of its host is open for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest

from mainstay_cli.lab.cloud import Guest, LabCloud
from tests.kit.rfb import Seen, Viewer
from tests.lab.sights import DEADLINE_SECONDS, deployed, writes

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="session")]

VGA_TEXT_OR_GRAPHICS = {(720, 400), (640, 480), (640, 400)}


@asynccontextmanager
async def looking(cloud: LabCloud, guest: Guest) -> AsyncIterator[tuple[Viewer, Seen]]:
    told = (await cloud.client.call("createConsoleEndpoint", {"virtualmachineid": guest.id}))["consoleendpoint"]
    assert isinstance(told, Mapping)
    assert told["success"], told
    websocket = told["websocket"]
    assert isinstance(websocket, Mapping)
    address = f"http://{websocket['host']}:{websocket['port']}/{websocket['path']}?token={websocket['token']}"
    async with aiohttp.ClientSession() as http, http.ws_connect(address) as socket:

        async def hear() -> bytes:
            said = await socket.receive(timeout=DEADLINE_SECONDS)
            return said.data if said.type is aiohttp.WSMsgType.BINARY else b""

        viewer = Viewer(hear, socket.send_bytes)
        yield viewer, await viewer.look()


async def ends(viewer: Viewer) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        with suppress(EOFError):
            while await viewer.exactly(1):
                pass


async def test_a_guest_is_seen_where_it_runs_and_no_longer_than_it_runs_there(cloud: LabCloud) -> None:
    first, second, *_ = cloud.lab.hosts
    [(guest, before)] = await deployed(cloud.deploy("seen", on=first))

    async with looking(cloud, guest) as (viewer, seen):
        assert (seen.width, seen.height) in VGA_TEXT_OR_GRAPHICS
        assert "QEMU" in seen.name
        await viewer.picture(seen)
        listening = await first.run(["ss", "-Hltn"])
        await cloud.finished(
            "migrateVirtualMachine", {"virtualmachineid": guest.id, "hostid": cloud.ids.hosts[second.name]}
        )
        await ends(viewer)
    await writes(guest, after=before)
    async with looking(cloud, guest) as (viewer, seen):
        await viewer.picture(seen)
        await cloud.finished("stopVirtualMachine", {"id": guest.id, "forced": "true"})
        await ends(viewer)

    assert ":59" not in listening
