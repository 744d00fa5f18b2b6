"""Two controllers behind the shipped HAProxy configuration: one address for clients and agents, and no stickiness."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from mainstay_cli.client import Client
from mainstay_runtime.errors import MainstayError
from mainstay_runtime.tasks import background
from tests.kit.cluster import Cluster, Node, a_cluster, two_ports, until
from tests.kit.databases import free_port
from tests.kit.needs import needs

SHIPPED = Path(__file__).parents[3] / "packaging" / "haproxy" / "haproxy.cfg"

PORTS: dict[int, Callable[[Node], int]] = {
    8080: lambda node: node.api_port,
    8250: lambda node: node.agent_port,
    8251: lambda node: node.agent_port + 1,
}
"""The shipped configuration's ports, and what stands behind them here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """The one address."""

    api_port: int = field(default_factory=free_port)
    agent_port: int = field(default_factory=two_ports)

    def configuration(self, nodes: list[Node]) -> str:
        """The shipped one, with this machine's ports in place of a site's addresses, and modest."""
        text = SHIPPED.read_text().replace("maxconn 50000", "maxconn 500")
        here = {8080: self.api_port, 8250: self.agent_port, 8251: self.agent_port + 1}
        for shipped, port_of in PORTS.items():
            lines = [f"    server {node.name} 127.0.0.1:{port_of(node)} check port {node.api_port}\n" for node in nodes]
            text = re.sub(rf"( {{4}}server \S+ \S+:{shipped}\n)+", "".join(lines), text)
            text = text.replace(f"bind :{shipped}\n", f"bind 127.0.0.1:{here[shipped]}\n")
        return text


@asynccontextmanager
async def haproxy(directory: Path, front: Front, nodes: list[Node]) -> AsyncIterator[None]:
    file = directory / "haproxy.cfg"
    file.write_text(front.configuration(nodes))
    with (directory / "haproxy.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec("haproxy", "-f", str(file), stdout=log, stderr=log)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def ask_all_the_time(client: Client, failed: list[str]) -> None:
    while True:
        try:
            await client.rows("listHosts")
        except MainstayError as error:
            failed.append(str(error))
        await asyncio.sleep(0.1)


async def test_one_address_outlives_a_drained_a_killed_and_a_new_controller(tmp_path: Path, database: str) -> None:
    needs("haproxy")
    front = Front()
    async with a_cluster(
        tmp_path, database, controllers=2, hosts=4, settings={"host": f"127.0.0.1:{front.agent_port}"}
    ) as cluster:
        first, second = cluster.nodes
        client = await cluster.client_at(f"http://127.0.0.1:{front.api_port}")
        async with haproxy(tmp_path, front, cluster.nodes):
            await until(lambda: answers(client), "the address answers")
            failed: list[str] = []
            async with background(lambda: ask_all_the_time(client, failed)):
                await client.call("prepareForShutdown", {"managementserverid": second.id})
                await until(lambda: is_marked_down(second), "it says that it leaves")
                await asyncio.sleep(3)
                await second.end()
                assert failed == []
                await second.start()
                await asyncio.sleep(2)
                assert failed == []

            await first.end(signal.SIGKILL)
            await until(lambda: answers(client), "the address answers", within_seconds=10)
            await until(cluster.all_up, "all hosts are up")
            await cluster.deploy(client, "after-the-kill")

        third = await cluster.add_node()
        async with haproxy(tmp_path, front, [second, third]):
            await until(lambda: answers(client), "the address answers after its restart")
            await until(lambda: are_shared(cluster, second, third), "the new one has its share", within_seconds=30)
        assert await cluster.suspects() == 0


async def answers(client: Client) -> bool:
    return len(await client.rows("listHosts")) == 4


async def is_marked_down(node: Node) -> bool:
    return not await node.is_ready()


async def are_shared(cluster: Cluster, *nodes: Node) -> bool:
    shares = await cluster.shares()
    return await cluster.all_up() and [shares[node.name] for node in nodes] == [4 // len(nodes)] * len(nodes)
