"""A console through real doors: whichever controller the viewer comes to, and whichever holds the host."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import aiohttp
import pytest

from mainstay_cli.client import Client, Json
from tests.kit.cluster import Cluster, Node, a_cluster, until
from tests.kit.rfb import Seen, Viewer


async def address_of(client: Client, vm_id: str, at: Node) -> str:
    """As told by one controller, opened at another."""
    told = (await client.call("createConsoleEndpoint", {"virtualmachineid": vm_id}))["consoleendpoint"]
    assert isinstance(told, Mapping)
    assert told["success"], told
    [path] = parse_qs(urlparse(str(told["url"])).query)["path"]
    return f"{at.url}/{path}"


@asynccontextmanager
async def looking(address: str) -> AsyncIterator[tuple[Viewer, Seen]]:
    async with aiohttp.ClientSession() as http, http.ws_connect(address) as socket:

        async def hear() -> bytes:
            said = await socket.receive(timeout=20)
            return said.data if said.type is aiohttp.WSMsgType.BINARY else b""

        viewer = Viewer(hear, socket.send_bytes)
        yield viewer, await viewer.look()


def id_of(done: Mapping[str, Json]) -> str:
    machine = done["virtualmachine"]
    assert isinstance(machine, Mapping)
    return str(machine["id"])


async def test_a_screen_is_seen_through_any_controller_once_and_ends_with_its_guest(
    tmp_path: Path, database: str
) -> None:
    async with a_cluster(tmp_path, database, controllers=2, hosts=2) as cluster:
        first, second = cluster.nodes
        client = await cluster.client(first)
        guests = [id_of(await cluster.deploy(client, name)) for name in ("one", "two")]

        for guest, at in [(guest, at) for guest in guests for at in (first, second)]:
            address = await address_of(client, guest, at)
            async with looking(address) as (viewer, seen):
                assert await viewer.picture(seen) == (seen.width, seen.height)
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                async with looking(address):
                    pass
            assert refused.value.status == 403

        async with looking(await address_of(client, guests[0], second)) as (viewer, _seen):
            asked = {"id": guests[0], "forced": "true"}
            await client.job_result(
                "stopVirtualMachine", str((await client.call("stopVirtualMachine", asked))["jobid"]), lambda _job: None
            )
            with pytest.raises(EOFError):
                async with asyncio.timeout(20):
                    await viewer.exactly(1)
        await until(lambda: both_ends_on_record(cluster), "all is on record")
        assert all("token=" not in node.told() for node in cluster.nodes)


async def both_ends_on_record(cluster: Cluster) -> bool:
    events = [event.type for event in await cluster.store.events.find()]
    return [events.count(f"VM.CONSOLE.{end}") for end in ("CONNECT", "DISCONNECT")] == [5, 5]
