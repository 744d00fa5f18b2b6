"""The processes of a scale bench: a database, one controller as it is shipped, crowds of agents, and what each of them costs.

The rows of the cloud are written before the controller starts: clusters of fifty hosts, each with one shared pool with leases."""

from __future__ import annotations

import asyncio
import cProfile
import multiprocessing
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import grpc.aio

from mainstay_agent.link.over_grpc import SESSION
from mainstay_controller.domain.ids import (
    AccountId,
    ClusterId,
    DomainId,
    HostId,
    OfferingId,
    PodId,
    PoolId,
    VmId,
    VolumeId,
    ZoneId,
)
from mainstay_controller.domain.records import (
    Cluster,
    Host,
    IssuedCertificate,
    LeaseSlot,
    Pod,
    ServiceOffering,
    Setting,
    StoragePool,
    Vm,
    Volume,
    Zone,
)
from mainstay_controller.domain.states import AllocationState, HostState, VmState, VolumeState
from mainstay_controller.main import running
from mainstay_controller.main.settings import ControllerSettings
from mainstay_controller.operations.beginning.shared_authority import shared_authority
from mainstay_controller.operations.master_key import MasterKey
from mainstay_controller.rpc.authority import Authority, new_ca
from mainstay_controller.rpc.server import OPTIONS
from mainstay_controller.store.sql.engine import open_store
from mainstay_controller.store.sql.store import SqlStore
from mainstay_proto import codec
from mainstay_proto.profiles import PROFILES
from mainstay_runtime import logs
from mainstay_runtime.clock import SystemClock, SystemRng
from mainstay_runtime.identity import IdentityFile, Role
from tests.bench.crowd import Crowd, Station
from tests.kit.cluster import two_ports
from tests.kit.databases import free_port
from tests.kit.sessions import a_welcome

CLOCK, RNG = SystemClock(), SystemRng()
HOSTS_PER_CLUSTER = 50
MASTER_KEY = "the master key of a cloud that lives for one bench"
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
ZONE, POD, OFFERING = ZoneId("zone"), PodId("pod"), OfferingId("offering")
BATCH = 1000
START_SECONDS = 120.0
PROFILE_SECONDS = 5.0
CONTROL_GROUPS, SHARED_EVERY_US = Path("/sys/fs/cgroup"), 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of a process, so far."""

    cpu_seconds: float
    rss_mib: float


def cost_of(pid: int) -> Cost:
    times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    ticks = int(times[11]) + int(times[12])
    return Cost(cpu_seconds=ticks / TICKS_PER_SECOND, rss_mib=int(status["VmRSS"].split()[0]) / 1024)


# --- rows ---------------------------------------------------------------------------------------------------------------


def stations(hosts: int, guests_on: Callable[[int], int]) -> list[Station]:
    return [
        Station(
            host_id=f"host-{number:05d}",
            pool_id=f"pool-{number // HOSTS_PER_CLUSTER:04d}",
            guests=tuple(f"vm-{number:05d}-{guest:03d}" for guest in range(guests_on(number))),
        )
        for number in range(hosts)
    ]


async def furnish(store: SqlStore, told: Sequence[Station], settings: dict[str, str]) -> None:
    now, enabled = await store.now(), AllocationState.ENABLED
    await store.settings.add_all(
        [Setting(id=f"global::{name}", name=name, value=value, created=now) for name, value in settings.items()]
    )
    await store.zones.add(Zone(id=ZONE, name="zone", created=now, allocation_state=enabled))
    await store.pods.add(Pod(id=POD, zone_id=ZONE, name="pod", created=now))
    offering = ServiceOffering(id=OFFERING, name="ha", display_text="ha", created=now, offer_ha=True)
    await store.service_offerings.add(offering)
    for pool_id in sorted({each.pool_id for each in told}):
        cluster = Cluster(
            id=ClusterId(f"cluster-{pool_id}"),
            zone_id=ZONE,
            pod_id=POD,
            name=pool_id,
            hypervisor="Simulator",
            created=now,
            lease_profile="fast",
        )
        await store.clusters.add(cluster)
        pool = StoragePool(
            id=PoolId(pool_id),
            zone_id=ZONE,
            pod_id=POD,
            cluster_id=cluster.id,
            name=pool_id,
            created=now,
            path="/pool",
            capacity_bytes=1 << 50,
        )
        await store.pools.add(pool)
    for first in range(0, len(told), BATCH):
        part = told[first : first + BATCH]
        slots = [
            LeaseSlot(
                id=f"{each.pool_id}:{each.host_id}",
                pool_id=PoolId(each.pool_id),
                host_id=HostId(each.host_id),
                slot=(first + at) % HOSTS_PER_CLUSTER,
                created=now,
            )
            for at, each in enumerate(part)
        ]
        certificates = [
            IssuedCertificate(
                id=f"serial-{each.host_id}",
                subject_role=Role.AGENT,
                subject_id=each.host_id,
                created=now,
                not_after=now + timedelta(days=90),
            )
            for each in part
        ]
        await store.hosts.add_all([a_host(each, now) for each in part])
        await store.lease_slots.add_all(slots)
        await store.certificates.add_all(certificates)
        for each in part:
            await store.vms.add_all([a_vm(vm_id, each, now) for vm_id in each.guests])
            await store.volumes.add_all([a_volume(vm_id, each, now) for vm_id in each.guests])


def a_host(station: Station, now: datetime) -> Host:
    return Host(
        id=HostId(station.host_id),
        zone_id=ZONE,
        pod_id=POD,
        cluster_id=ClusterId(f"cluster-{station.pool_id}"),
        name=station.host_id,
        hypervisor="Simulator",
        created=now,
        state=HostState.UP,
        boot_id=f"boot-{station.host_id}",
        cpus=64,
        cpu_mhz=2000,
        memory_mib=262_144,
        watchdog=True,
    )


def a_vm(vm_id: str, station: Station, now: datetime) -> Vm:
    return Vm(
        id=VmId(vm_id),
        name=vm_id,
        created=now,
        account_id=AccountId("account"),
        domain_id=DomainId("domain"),
        zone_id=ZONE,
        service_offering_id=OFFERING,
        hypervisor="Simulator",
        state=VmState.RUNNING,
        epoch=1,
        wanted_running=True,
        ha_enabled=True,
        host_id=HostId(station.host_id),
        host_boot_id=f"boot-{station.host_id}",
        pod_id=POD,
        cluster_id=ClusterId(f"cluster-{station.pool_id}"),
        memory_mib=512,
    )


def a_volume(vm_id: str, station: Station, now: datetime) -> Volume:
    return Volume(
        id=VolumeId(f"{vm_id}-root"),
        name=f"{vm_id}-root",
        zone_id=ZONE,
        created=now,
        account_id=AccountId("account"),
        domain_id=DomainId("domain"),
        vm_id=VmId(vm_id),
        pool_id=PoolId(station.pool_id),
        state=VolumeState.READY,
        path=f"{vm_id}.qcow2",
    )


# --- processes ----------------------------------------------------------------------------------------------------------

SPAWN = multiprocessing.get_context("spawn")


class Process:
    """One that is measured."""

    process: BaseProcess | None = None

    def cost(self) -> Cost:
        assert self.process is not None
        assert self.process.pid is not None
        return cost_of(self.process.pid)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.join()


@contextmanager
def a_share_of_a_core(process: Process, share: float) -> Iterator[None]:
    """As if other work had the rest: by a control group of the kernel, which root may make."""
    assert process.process is not None
    member, own = str(process.process.pid), CONTROL_GROUPS / "cpu"
    groups = own if own.is_dir() else CONTROL_GROUPS
    group = groups / f"mainstay-bench-{os.getpid()}"
    group.mkdir()
    try:
        quota = round(share * SHARED_EVERY_US)
        if own.is_dir():
            (group / "cpu.cfs_period_us").write_text(str(SHARED_EVERY_US))
            (group / "cpu.cfs_quota_us").write_text(str(quota))
        else:
            (group / "cpu.max").write_text(f"{quota} {SHARED_EVERY_US}")
        (group / "cgroup.procs").write_text(member)
        yield
    finally:
        if process.process.is_alive():
            (groups / "cgroup.procs").write_text(member)
        group.rmdir()


@dataclass
class Controller(Process):
    """As it is shipped, but for its name."""

    directory: Path
    database: str
    api_port: int
    agent_port: int

    async def start(self) -> None:
        """Until it lets agents in."""
        chosen = ControllerSettings(
            state_dir=self.directory,
            database=self.database,
            master_key=MASTER_KEY,
            name="bench",
            listen="127.0.0.1",
            api_port=self.api_port,
            agent_port=self.agent_port,
            advertise=f"127.0.0.1:{self.agent_port}",
        )
        self.process = SPAWN.Process(target=run_controller, args=(chosen, self.directory / "log"))
        self.process.start()
        async with aiohttp.ClientSession() as http, asyncio.timeout(START_SECONDS):
            while not await is_ready(http, f"http://127.0.0.1:{self.api_port}/readyz"):
                await CLOCK.sleep(0.05)


async def is_ready(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


def run_controller(chosen: ControllerSettings, log: Path) -> None:
    """MAINSTAY_BENCH_PROFILE names a file for cProfile's figures, of CPU time."""
    speak_into(log)
    profile = cProfile.Profile(time.process_time) if os.environ.get("MAINSTAY_BENCH_PROFILE") else None

    async def serve() -> None:
        async with running(chosen, CLOCK, RNG):
            while True:
                await CLOCK.sleep(PROFILE_SECONDS)
                if profile is not None:
                    profile.dump_stats(os.environ["MAINSTAY_BENCH_PROFILE"])
                    profile.enable()

    if profile is not None:
        profile.enable()
    asyncio.run(serve())


def speak_into(log: Path) -> None:
    descriptor = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    logs.configure(logs.LogFormat.KEY_VALUE, "WARNING")


@dataclass
class Floor(Process):
    """A server that can do no less: the same TLS and options, and a handler that welcomes and then only reads."""

    port: int


@contextmanager
def a_floor(directory: Path) -> Iterator[Floor]:
    IdentityFile(directory / "ca").save(new_ca(CLOCK))
    floor = Floor(two_ports())
    ours, theirs = SPAWN.Pipe()
    floor.process = SPAWN.Process(target=run_floor, args=(directory / "ca", floor.port, theirs))
    floor.process.start()
    theirs.close()
    try:
        assert ours.recv() == "ready"
        yield floor
    finally:
        floor.kill()


def run_floor(ca: Path, port: int, end: Connection) -> None:
    asyncio.run(serve_bare(ca, port, end))


async def serve_bare(ca: Path, port: int, end: Connection) -> None:
    welcome = codec.down.encode(replace(a_welcome(), ping_interval_seconds=2.0, profile=PROFILES["fast"]))

    async def hold(requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
        await anext(requests)
        await context.write(welcome)
        async for _ in requests:
            pass

    service, _, method = SESSION.lstrip("/").partition("/")
    handler = grpc.method_handlers_generic_handler(service, {method: grpc.stream_stream_rpc_method_handler(hold)})
    own = authority_of(ca).identity_for(Role.CONTROLLER, "floor")
    server = grpc.aio.server(options=OPTIONS)
    server.add_generic_rpc_handlers([handler])
    credentials = grpc.ssl_server_credentials([(own.key_pem, own.certificate_pem)], own.ca_pem, True)
    server.add_secure_port(f"127.0.0.1:{port}", credentials)
    await server.start()
    end.send("ready")
    await server.wait_for_termination()


def authority_of(ca: Path) -> Authority:
    kept = IdentityFile(ca).load()
    assert kept is not None
    return Authority(ca=kept, clock=CLOCK, rng=RNG)


class Crowds:
    """Several processes of agents, asked and told over pipes."""

    def __init__(self, ends: list[Connection]) -> None:
        self._ends = ends

    def ask(self, word: str, *given: object) -> list[Any]:
        for end in self._ends:
            end.send((word, *given))
        return [end.recv() for end in self._ends]


@contextmanager
def crowds(directory: Path, port: int, told: Sequence[Station], processes: int) -> Iterator[Crowds]:
    ends, children = [], []
    pools = {each.host_id: each.pool_id for each in told}
    for number in range(processes):
        ours, theirs = SPAWN.Pipe()
        child = SPAWN.Process(target=run_crowd, args=(directory / "ca", port, told[number::processes], pools, theirs))
        child.start()
        theirs.close()
        ends.append(ours)
        children.append(child)
    try:
        for end in ends:
            assert end.recv() == "enrolled"
        yield Crowds(ends)
    finally:
        for child in children:
            child.kill()
            child.join()


def run_crowd(ca: Path, port: int, told: Sequence[Station], pools: dict[str, str], end: Connection) -> None:
    asyncio.run(keep_crowd(ca, port, told, pools, end))


async def keep_crowd(ca: Path, port: int, told: Sequence[Station], pools: dict[str, str], end: Connection) -> None:
    authority = authority_of(ca)
    crowd = Crowd(port=port, pools=pools)
    crowd.enrol(told, [authority.identity_for(Role.AGENT, each.host_id) for each in told])
    end.send("enrolled")
    async with asyncio.TaskGroup() as group:
        while True:
            while not end.poll():  # noqa: ASYNC110 - a pipe of multiprocessing cannot be awaited
                await asyncio.sleep(0.02)
            word, *given = end.recv()
            end.send(answer(word, given, crowd, group))


def answer(word: str, given: list[Any], crowd: Crowd, group: asyncio.TaskGroup) -> object:
    match word:
        case "come":
            for agent in crowd.agents.values():
                group.create_task(agent.live())
            group.create_task(crowd.beat())
        case "present":
            return len(crowd.present)
        case "silence":
            crowd.silence(*given)
        case "fall":
            crowd.fall(*given)
            group.create_task(crowd.tell_of_the_fallen())
        case "orders":
            return crowd.ordered()
        case "told":
            return crowd.told()
    return None


@asynccontextmanager
async def a_stage(
    directory: Path, database: str, told: Sequence[Station], settings: dict[str, str]
) -> AsyncIterator[tuple[SqlStore, Controller]]:
    """The controller is to be started when the crowd has its certificates: it waits for its hosts only so long."""
    store = await open_store(database)
    await furnish(store, told, settings)
    key = MasterKey.from_text(MASTER_KEY)
    IdentityFile(directory / "ca").save(await shared_authority(store, key, partial(new_ca, CLOCK), RNG))
    controller = Controller(directory, database, free_port(), two_ports())
    try:
        yield store, controller
    finally:
        controller.kill()
        await store.close()
