"""What does a signed call cost the controller, and how long does a long list take, beside the barest thing that could do it?

    python -m tests.bench.api_bench --calls 2000 --vms 100000 --lists 60

The floor of a call is a bare aiohttp handler that answers a constant of the same size; both servers are processes of their own, and what is
compared is their CPU time per call, so that a busy machine blurs it little.  The floor of a list is the bare query over the same file,
without the API: count the rows, then read the columns of one page.  Pages are drawn from a seed, and the same for both."""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import resource
import sqlite3
import statistics
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

from aiohttp import ClientSession, web
from prometheus_client import CollectorRegistry

from mainstay_cli.client import signature
from mainstay_controller.api.commands import ALL
from mainstay_controller.api.dispatch import Dispatcher
from mainstay_controller.api.identify import by_credentials
from mainstay_controller.api.server import ApiServer
from mainstay_controller.domain.ids import AccountId, DomainId, NicId, OfferingId, VmId, ZoneId
from mainstay_controller.domain.records import Nic, ServiceOffering, Vm, Zone
from mainstay_controller.domain.states import VmState
from mainstay_controller.main.http import serving_http
from mainstay_controller.operations.beginning.first_admin import (
    ADMIN_ACCOUNT_ID,
    ROOT_DOMAIN_ID,
    FirstAdmin,
    KeyPair,
    create_first_admin,
)
from mainstay_controller.store.port import Store
from mainstay_controller.store.sql.engine import open_store
from tests.kit.api import a_cloud
from tests.kit.running_cloud import neighbouring_free_ports

SEED, PAGE, AT_ONCE, BATCH = 1, 500, 8, 1000
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
ZONE, OFFERING = ZoneId("zone"), OfferingId("offering")
PATH = "/client/api"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one server: CPU time and wall time for a call."""

    cpu_microseconds: float
    per_second: float

    @property
    def per_core_second(self) -> float:
        return 1e6 / self.cpu_microseconds


# --- the cloud --------------------------------------------------------------------------------------------------------


async def furnished(file: Path, vms: int) -> FirstAdmin:
    """A database with an administrator, one zone and so many virtual machines."""
    store = await open_store(f"sqlite+aiosqlite:///{file}")
    admin = await create_first_admin(a_cloud(store))
    assert admin is not None
    await store.zones.add(Zone(id=ZONE, name="z1", created=BEGINNING))
    await store.service_offerings.add(ServiceOffering(id=OFFERING, name="s", display_text="s", created=BEGINNING))
    await add_vms(store, vms)
    await store.close()
    return admin


async def add_vms(store: Store, vms: int) -> None:
    for first in range(0, vms, BATCH):
        await store.vms.add_all([a_vm(number) for number in range(first, min(first + BATCH, vms))])


def a_vm(number: int) -> Vm:
    nic = Nic(
        id=NicId(f"nic-{number}"), mac="02:00:00:00:00:01", ip=f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
    )
    return Vm(
        id=VmId(f"00000000-0000-4000-8000-{number:012x}"),
        name=f"vm-{number:06d}",
        created=BEGINNING,
        account_id=AccountId(ADMIN_ACCOUNT_ID),
        domain_id=DomainId(ROOT_DOMAIN_ID),
        zone_id=ZONE,
        service_offering_id=OFFERING,
        state=VmState.RUNNING,
        nics=(nic,),
    )


# --- servers ----------------------------------------------------------------------------------------------------------


async def controller(file: Path, port: int, questions: Connection) -> None:
    cloud = a_cloud(await open_store(f"sqlite+aiosqlite:///{file}"))
    dispatcher = Dispatcher(registry=ALL, cloud=cloud, identify=by_credentials)
    async with serving_http(ApiServer(dispatcher, CollectorRegistry()), "127.0.0.1", port):
        await answer_questions(questions)


async def floor(answer: bytes, port: int, questions: Connection) -> None:
    async def handle(_request: web.Request) -> web.Response:
        return web.Response(body=answer, content_type="application/json")

    app = web.Application()
    app.router.add_get(PATH, handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await answer_questions(questions)


async def answer_questions(questions: Connection) -> None:
    """How much CPU time was used so far; for ever."""
    questions.send("ready")
    while True:
        while not questions.poll():  # noqa: ASYNC110 - a pipe of multiprocessing cannot be awaited
            await asyncio.sleep(0.05)
        if questions.recv() == "stop":
            os._exit(0)
        usage = resource.getrusage(resource.RUSAGE_SELF)
        questions.send(usage.ru_utime + usage.ru_stime)


def serve(server: Callable[..., Coroutine[None, None, None]], *arguments: object) -> None:
    asyncio.run(server(*arguments))


@dataclass(frozen=True, slots=True)
class Server:
    """A process that serves, while the block runs."""

    process: multiprocessing.process.BaseProcess
    line: Connection
    url: str

    @staticmethod
    def started(server: Callable[..., Coroutine[None, None, None]], what: object) -> Server:
        spawn = multiprocessing.get_context("spawn")
        ours, theirs = spawn.Pipe()
        port = neighbouring_free_ports(1)
        process = spawn.Process(target=serve, args=(server, what, port, theirs), daemon=True)
        process.start()
        ours.recv()
        return Server(process, ours, f"http://127.0.0.1:{port}{PATH}")

    def cpu_seconds(self) -> float:
        self.line.send("cpu")
        seconds: float = self.line.recv()
        return seconds

    def stop(self) -> None:
        self.line.send("stop")
        self.process.join()


# --- calls ------------------------------------------------------------------------------------------------------------


def signed(url: str, keys: KeyPair, command: str, **parameters: str) -> str:
    asked = {"command": command, "response": "json", "apiKey": keys.api_key, **parameters}
    return f"{url}?{urlencode(asked | {'signature': signature(asked, keys.secret_key)})}"


async def cost_of(server: Server, url: str, calls: int) -> Cost:
    """After a first tenth that is not counted."""
    async with ClientSession() as http:
        await call(http, url, calls // 10)
        before, began = server.cpu_seconds(), time.perf_counter()
        await call(http, url, calls)
        seconds = time.perf_counter() - began
        spent = server.cpu_seconds() - before
    return Cost(cpu_microseconds=1e6 * spent / calls, per_second=calls / seconds)


async def call(http: ClientSession, url: str, calls: int) -> None:
    left = iter(range(calls))

    async def one_line() -> None:
        for _ in left:
            async with http.get(url) as response:
                assert response.status == 200, await response.text()
                await response.read()

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(one_line())


async def answer_to(url: str) -> bytes:
    async with ClientSession() as http, http.get(url) as response:
        assert response.status == 200, await response.text()
        return await response.read()


# --- lists ------------------------------------------------------------------------------------------------------------


async def seconds_of_list(http: ClientSession, url: str, keys: KeyPair, page: int) -> float:
    asked = signed(url, keys, "listVirtualMachines", listall="true", page=str(page), pagesize=str(PAGE))
    began = time.perf_counter()
    async with http.get(asked) as response:
        assert response.status == 200, await response.text()
        await response.read()
    return time.perf_counter() - began


def seconds_of_query(database: sqlite3.Connection, page: int) -> float:
    where = "FROM vms WHERE removed IS NULL AND type = 'User'"
    began = time.perf_counter()
    database.execute(f"SELECT count(*) {where}").fetchone()
    rows = database.execute(f"SELECT * {where} ORDER BY name, id LIMIT ? OFFSET ?", (PAGE, PAGE * (page - 1)))
    assert len(rows.fetchall()) == PAGE
    return time.perf_counter() - began


def told(name: str, times: Sequence[float]) -> str:
    percentiles = statistics.quantiles(times, n=100)
    return f"{name}: p50 {1e3 * percentiles[49]:.0f} ms, p99 {1e3 * percentiles[98]:.0f} ms"


# --- the bench --------------------------------------------------------------------------------------------------------


async def bench_calls(ours: Server, keys: KeyPair, calls: int) -> None:
    for command in ("listZones", "listCapabilities"):
        url = signed(ours.url, keys, command)
        bare = Server.started(floor, await answer_to(url))
        cost, least = await cost_of(ours, url, calls), await cost_of(bare, bare.url, calls)
        bare.stop()
        for name, each in (("signed", cost), ("floor", least)):
            print(
                f"{command}, {name}: {each.cpu_microseconds:.0f} us of CPU a call, {each.per_core_second:.0f} calls a second a core,"
                f" {each.per_second:.0f} a second seen by {AT_ONCE} clients"
            )
        print(f"{command}: {cost.cpu_microseconds / least.cpu_microseconds:.1f} x the floor", flush=True)


async def bench_lists(ours: Server, keys: KeyPair, file: Path, vms: int, lists: int) -> None:
    """In turn, so that both meet the machine in the same mood."""
    chance = Random(SEED)
    listed, queried = [], []
    with closing(sqlite3.connect(file)) as database:
        async with ClientSession() as http:
            for _ in range(lists):
                page = chance.randint(1, vms // PAGE)
                listed.append(await seconds_of_list(http, ours.url, keys, page))
                queried.append(seconds_of_query(database, page))
    print(told(f"list {PAGE} of {vms} VMs", listed))
    print(told("bare query", queried))
    print(f"list: {statistics.median(listed) / statistics.median(queried):.1f} x the floor at the median")


async def bench(calls: int, vms: int, lists: int) -> None:
    with TemporaryDirectory() as directory:
        file = Path(directory) / "bench.db"
        admin = await furnished(file, vms)
        ours = Server.started(controller, file)
        await bench_calls(ours, admin.keys, calls)
        await bench_lists(ours, admin.keys, file, vms, lists)
        ours.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--vms", type=int, default=100_000)
    parser.add_argument("--lists", type=int, default=60)
    given = parser.parse_args()
    asyncio.run(bench(given.calls, given.vms, given.lists))


if __name__ == "__main__":
    main()
