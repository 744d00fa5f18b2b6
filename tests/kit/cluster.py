"""Several controllers as real processes on one database, with simulated hosts over real mutual TLS.

`async with a_cluster(directory, url, controllers=2, hosts=4) as cluster:` gives an enabled zone with all hosts Up."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from mainstay_cli.client import Client, Json, connected, nested, text
from mainstay_cli.profile import Profile
from mainstay_controller.domain.records import Setting
from mainstay_controller.domain.tunable import Scope
from mainstay_controller.store.sql.engine import open_store
from mainstay_controller.store.sql.store import SqlStore
from mainstay_runtime.clock import SystemClock
from mainstay_runtime.errors import MainstayError
from mainstay_runtime.tasks import all_of
from tests.kit.databases import free_port

BIN = Path(sys.executable).parent
CLOCK = SystemClock()
MASTER_KEY = "the master key of a cloud that lives for one test"
LEASE_SECONDS = 4.0
SOON_SECONDS = 60.0


@dataclass(eq=False)
class Node:
    """One controller process.  Its id stays the same from life to life, as its state directory does."""

    name: str
    directory: Path
    database: str
    api_port: int = field(default_factory=free_port)
    agent_port: int = 0
    process: Process | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.agent_port}"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    @property
    def id(self) -> str:
        return (self.directory / "controller-id").read_text().strip()

    async def start(self) -> None:
        self.directory.mkdir(exist_ok=True)
        arguments = {
            "state-dir": str(self.directory),
            "database": self.database,
            "name": self.name,
            "listen": "127.0.0.1",
            "api-port": str(self.api_port),
            "agent-port": str(self.agent_port),
            "advertise": self.address,
        }
        words = [word for name, value in arguments.items() for word in (f"--{name}", value)]
        with (self.directory / "log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                str(BIN / "mainstay-controller"),
                *words,
                env={"MAINSTAY_CONTROLLER_MASTER_KEY": MASTER_KEY},
                stdout=log,
                stderr=log,
            )
        await until(self.is_ready, f"{self.name} is ready", told=self.told)

    async def is_ready(self) -> bool:
        with suppress(aiohttp.ClientError, TimeoutError):
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as http:
                async with http.get(f"{self.url}/readyz") as answer:
                    return answer.status == 200
        return False

    def send(self, sign: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(sign)

    async def end(self, sign: signal.Signals = signal.SIGTERM) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(sign)
            process.send_signal(signal.SIGCONT)
        try:
            async with asyncio.timeout(20):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    def told(self) -> str:
        return (self.directory / "log").read_text()


@dataclass
class Cluster:
    directory: Path
    database: str
    store: SqlStore
    nodes: list[Node]
    desk: str
    profile: Profile
    zone_id: str = ""
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def client(self, node: Node) -> Client:
        return await self.client_at(node.url)

    async def client_at(self, url: str) -> Client:
        """With the first administrator's key: through any door."""
        profile = Profile(url=f"{url}/client/api", api_key=self.profile.api_key, secret_key=self.profile.secret_key)
        return await self.stack.enter_async_context(connected(profile, CLOCK))

    async def add_node(self) -> Node:
        number = len(self.nodes) + 1
        node = a_node(self.directory, f"c{number}", self.database)
        self.nodes.append(node)
        await node.start()
        return node

    async def shares(self) -> dict[str, int]:
        """How many hosts each controller holds, by their rows."""
        names = {row.id: row.name for row in await self.store.controllers.find()}
        shares = dict.fromkeys(names.values(), 0)
        for host in await self.store.hosts.find():
            if host.state.value == "Up" and host.controller_id is not None:
                shares[names[host.controller_id]] += 1
        return shares

    async def deploy(self, client: Client, name: str) -> Mapping[str, Json]:
        return await client.job_result("deployVirtualMachine", await self.order(client, name), lambda _job: None)

    async def order(self, client: Client, name: str) -> str:
        template = text((await client.rows("listTemplates", {"templatefilter": "all"}))[0], "id")
        offering = text((await client.rows("listServiceOfferings", {"name": "ha"}))[0], "id")
        asked = {"zoneid": self.zone_id, "templateid": template, "serviceofferingid": offering, "name": name}
        return text(await client.call("deployVirtualMachine", asked), "jobid")

    async def world(self) -> dict[str, Any]:
        async with aiohttp.ClientSession() as http, http.get(f"{self.desk}/world") as answer:
            told: dict[str, Any] = await answer.json()
            return told

    async def hurt(self, verb: str, **given: str) -> None:
        async with aiohttp.ClientSession() as http, http.post(f"{self.desk}/world/{verb}", json=given) as answer:
            assert answer.status == 200, await answer.text()

    async def all_up(self) -> bool:
        return all(host.state.value == "Up" for host in await self.store.hosts.find())

    async def is_balanced(self) -> bool:
        shares = (await self.shares()).values()
        return await self.all_up() and max(shares) - min(shares) <= 1

    async def suspects(self) -> int:
        return int(await self.store.incidents.count())


@asynccontextmanager
async def a_cluster(
    directory: Path, database: str, *, controllers: int = 2, hosts: int = 4, settings: dict[str, str] | None = None
) -> AsyncIterator[Cluster]:
    async with AsyncExitStack() as stack:
        nodes = [a_node(directory, f"c{number}", database) for number in range(1, controllers + 1)]
        store = await open_store(database)
        stack.push_async_callback(store.close)
        await tune(store, {"mainstay.controller.lease": str(LEASE_SECONDS), **(settings or {})})
        stack.push_async_callback(end_all, nodes)
        await nodes[0].start()
        keys = dict(line.split("=", 1) for line in (nodes[0].directory / "first-admin").read_text().splitlines())
        profile = Profile(url="", api_key=keys["apikey"], secret_key=keys["secretkey"])
        desk = f"127.0.0.1:{free_port()}"
        cluster = Cluster(directory, database, store, nodes, f"http://{desk}", profile, stack=stack)
        for node in nodes[1:]:
            await node.start()
        await furnish(cluster, hosts)
        await stack.enter_async_context(agents(cluster, desk))
        await until(cluster.is_balanced, "all hosts are up and shared", told=nodes[0].told)
        await equip(cluster)
        yield cluster


def a_node(directory: Path, name: str, database: str) -> Node:
    return Node(name=name, directory=directory / name, database=database, agent_port=two_ports())


async def end_all(nodes: list[Node]) -> None:
    await all_of(*(node.end() for node in nodes))


async def tune(store: SqlStore, settings: dict[str, str]) -> None:
    """Before the first controller starts: the lease is read then."""
    now = await store.now()
    await store.settings.add_all(
        [Setting(id=f"{Scope.GLOBAL}::{name}", name=name, value=value, created=now) for name, value in settings.items()]
    )


async def furnish(cluster: Cluster, hosts: int) -> None:
    client = await cluster.client(cluster.nodes[0])
    asked = {"name": "zone", "dns1": "192.0.2.53", "internaldns1": "192.0.2.53", "networktype": "Advanced"}
    cluster.zone_id = await made(client, "createZone", "zone", asked)
    net = {"gateway": "10.99.0.1", "netmask": "255.255.0.0", "startip": "10.99.1.1", "endip": "10.99.3.250"}
    pod = await made(client, "createPod", "pod", {"name": "pod", "zoneid": cluster.zone_id, **net})
    place = {"zoneid": cluster.zone_id, "podid": pod}
    asked = {**place, "clustername": "cluster", "hypervisor": "Simulator", "leaseprofile": "fast"}
    of_cluster = {**place, "clusterid": await made(client, "addCluster", "cluster", asked)}
    world = []
    for number in range(1, hosts + 1):
        url = {"hypervisor": "Simulator", "url": f"http://sim/h/{number}"}
        [added] = nested(await client.call("addHost", {**of_cluster, **url}), "host")
        ip = f"10.1.{number // 250}.{number % 250 + 1}"
        world.append({"name": f"h{number}", "ip": ip, "invitation": text(added, "invitation"), "memory_mib": 16384})
    (cluster.directory / "world.json").write_text(json.dumps({"hosts": world, "pace": {"boot_seconds": 0.3}}))
    (cluster.directory / "place.json").write_text(json.dumps(of_cluster))


async def equip(cluster: Cluster) -> None:
    client = await cluster.client(cluster.nodes[0])
    place = json.loads((cluster.directory / "place.json").read_text())
    await client.call("createStoragePool", {**place, "name": "pool", "url": "sim:///pools/one"})
    image = {"name": "demo", "url": "file:///images/demo.qcow2", "format": "QCOW2", "hypervisor": "Simulator"}
    await client.call("registerTemplate", {**image, "ispublic": "true"})
    size = {"cpunumber": "1", "cpuspeed": "100", "memory": "128"}
    await client.call(
        "createServiceOffering",
        {"name": "ha", "displaytext": "ha", "offerha": "true", "storagetype": "shared", **size},
    )
    await client.call("updateZone", {"id": cluster.zone_id, "allocationstate": "Enabled"})


async def made(client: Client, command: str, key: str, asked: dict[str, str]) -> str:
    answer = (await client.call(command, asked))[key]
    row = answer[0] if isinstance(answer, list) else answer
    assert isinstance(row, dict)
    return text(row, "id")


@asynccontextmanager
async def agents(cluster: Cluster, desk: str) -> AsyncIterator[None]:
    seeds = ",".join(node.address for node in cluster.nodes)
    home = cluster.directory / "agents"
    home.mkdir()
    arguments = {
        "driver": "simulated",
        "controllers": seeds,
        "state-dir": str(home),
        "run-dir": str(home / "run"),
        "world": str(cluster.directory / "world.json"),
        "desk": desk,
    }
    words = [word for name, value in arguments.items() for word in (f"--{name}", value)]
    with (home / "log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(str(BIN / "mainstay-agent"), *words, stdout=log, stderr=log)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def until(
    claim: Callable[[], Awaitable[bool]],
    what: str,
    *,
    within_seconds: float = SOON_SECONDS,
    told: Callable[[], str] = str,
) -> float:
    """How many seconds that took."""
    began = CLOCK.monotonic()
    while True:
        with suppress(MainstayError):
            if await claim():
                return CLOCK.monotonic() - began
        if CLOCK.monotonic() - began > within_seconds:
            raise AssertionError(f"not within {within_seconds:.0f} s: {what}\n{told()[-3000:]}")
        await asyncio.sleep(0.2)


def two_ports() -> int:
    """The first of two neighbours, both free a moment ago."""
    while True:
        port = free_port()
        if not port_is_taken(port + 1):
            return port


def port_is_taken(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
