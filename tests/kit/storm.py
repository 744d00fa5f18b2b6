"""All controllers are away for a long time, and very many agents come back to the first that is there: on virtual time, in one process.

Real are the controller with all its loops, its sessions with their admission, and the agents' links with their waits; an agent behind its link
only says who it is, beats, and keeps what it is told.  Rows are in memory, lines are pairs of queues.  So it shows who is suspected or touched by
mistake and how long the queue at the door is, and nothing of what it costs: that is tests/bench/scale_bench."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from mainstay_agent.link.link import Link
from mainstay_controller.domain.ids import (
    AccountId,
    ClusterId,
    ControllerId,
    DomainId,
    HostId,
    OfferingId,
    PodId,
    PoolId,
    VmId,
    ZoneId,
)
from mainstay_controller.domain.records import Cluster, Host, LeaseSlot, Pod, StoragePool, Vm, Zone
from mainstay_controller.domain.states import AllocationState, HostState, VmState
from mainstay_controller.fleet.power.port import PowerControllers
from mainstay_controller.main import assembly
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.membership import join
from mainstay_controller.operations.settings import Settings
from mainstay_controller.rpc.admission import Admission
from mainstay_controller.rpc.sessions import Sessions
from mainstay_controller.store.port import ne
from mainstay_proto.digest import digest_of
from mainstay_proto.messages import (
    Command,
    Down,
    GuestReport,
    GuestState,
    Heartbeat,
    Hello,
    HostFacts,
    Mounts,
    PoolLease,
    PowerReport,
    ReportRequest,
    Up,
    Welcome,
)
from mainstay_runtime.channel import CONNECT_SECONDS
from mainstay_runtime.errors import Unavailable
from mainstay_runtime.session import Stream
from mainstay_runtime.tasks import Nursery, background
from tests.kit.enrolment_book import MemoryBook
from tests.kit.memory_store import MemoryStore, Rows
from tests.kit.pipes import Exchange
from tests.kit.virtual_time import BEGINNING, SeededRng, VirtualClock
from tests.kit.whole_cloud import Named, Ring

ZONE, POD = ZoneId("zone"), PodId("pod")
HOSTS_PER_CLUSTER = 50
ADDRESS = "c1:8250"
SETTINGS = Settings(ping_interval_seconds=2.0)


@dataclass(eq=False)
class LightAgent:
    """The duties of one host with one guest (link.port.Duties)."""

    number: int
    clock: VirtualClock
    obeyed: list[Command] = field(default_factory=list)
    link: Link = field(init=False)
    beats: asyncio.TimerHandle | None = None

    @property
    def host_id(self) -> str:
        return f"host-{self.number:05d}"

    @property
    def guest(self) -> GuestReport:
        return GuestReport(vm_id=f"vm-{self.number:05d}", state=GuestState.RUNNING, epoch=1)

    async def hello(self, resumed: bool) -> Hello:
        facts = HostFacts(
            host_id=self.host_id,
            name=self.host_id,
            hypervisor="Simulator",
            boot_id=f"boot-{self.host_id}",
            ip="",
            cpu_sockets=2,
            cpus=64,
            cpu_mhz=2000,
            memory_mib=262_144,
            guests=(self.guest,),
            watchdog=True,
        )
        return Hello(agent_id=self.host_id, version="0.1.0", protocol_minor=1, hosts=(facts,), resumed=resumed)

    async def welcomed(self, welcome: Welcome) -> None:
        self._beat(welcome.ping_interval_seconds)

    async def received(self, down: Command | ReportRequest | Mounts) -> None:
        if isinstance(down, Command):
            self.obeyed.append(down)
        elif isinstance(down, ReportRequest):
            self.link.send(PowerReport(host_id=self.host_id, complete=True, guests=(self.guest,)))

    async def lost(self, reason: str) -> None:
        if self.beats is not None:
            self.beats.cancel()

    def _beat(self, every_seconds: float) -> None:
        pool_id = pool_of(self.number)
        lease = PoolLease(pool_id=pool_id, generation=1, sequence=9, valid=True, age_seconds=0.5, remaining_seconds=9.5)
        self.link.send(Heartbeat(host_id=self.host_id, sequence=1, digest=digest_of([self.guest]), leases=(lease,)))
        self.beats = asyncio.get_running_loop().call_later(every_seconds, self._beat, every_seconds)


@dataclass(frozen=True, slots=True)
class Dialling:
    """The controllers' machines are off: nobody says no, and a dial ends by its own deadline (link.port.Transport)."""

    exchange: Exchange
    clock: VirtualClock

    @asynccontextmanager
    async def connect(self, address: str) -> AsyncIterator[Stream[Up, Down]]:
        if not self.exchange.listens(address):
            await self.clock.sleep(CONNECT_SECONDS)
            raise Unavailable("no answer")
        async with self.exchange.connect(address) as stream:
            yield stream


@dataclass(slots=True)
class Storm:
    agents: Sequence[LightAgent]
    rows: Rows
    clock: VirtualClock
    rng: SeededRng
    exchange: Exchange
    refused: list[str] = field(default_factory=list)

    @property
    def store(self) -> MemoryStore:
        return MemoryStore(self.clock, self.rows)

    @asynccontextmanager
    async def a_controller(self) -> AsyncIterator[Cloud]:
        """From its start to its sudden end: lines break, and nobody listens any more."""
        store: Any = self.store
        settings = SETTINGS
        me = await join(store, ControllerId("c1"), "c1", ADDRESS, settings.controller_lease_seconds)
        cloud = assembly.a_cloud(store, me, settings, clock=self.clock, rng=self.rng, power=PowerControllers({}))
        book: Any = MemoryBook()
        for agent in self.agents:
            book.know(agent.host_id)
        enrolment: Any = None
        sessions = Sessions(
            sink=cloud.fleet, book=book, enrolment=enrolment, admission=Admission(self.clock), clock=self.clock
        )
        await assembly.open_to_agents(cloud)
        async with Nursery(lambda what, error: self.refused.append(f"{what}: {error!r}")) as served:
            self.exchange.listen(ADDRESS, partial(self._serve, sessions, served))
            try:
                async with background(sessions.keep_pulse, *assembly.loops(cloud)):
                    yield cloud
            finally:
                self.exchange.hang_up(ADDRESS)

    async def _serve(self, sessions: Sessions, served: Nursery, stream: Stream[Down, Up]) -> None:
        named = Named(stream)

        async def serve() -> None:
            await sessions.serve(await named.peer(), named)

        await asyncio.wait([served.adopt(serve(), "session")])

    async def until_all_up(self, cloud: Cloud, within_seconds: float) -> float:
        """Seconds it took until every host is in session and Up."""
        began = self.clock.monotonic()
        async with asyncio.timeout(within_seconds):
            while len(cloud.fleet.held()) < len(self.agents) or await self.store.hosts.count(ne("state", HostState.UP)):
                await self.clock.sleep(0.5)
        return self.clock.monotonic() - began

    def orders(self) -> list[Command]:
        return [command for agent in self.agents for command in agent.obeyed]


@asynccontextmanager
async def a_storm(agents: int) -> AsyncIterator[Storm]:
    """The rows are there, and the agents dial; there is no controller yet."""
    clock, rows, rng = VirtualClock(), Rows(), SeededRng()
    async with Exchange() as exchange:
        crowd = [LightAgent(number=number, clock=clock) for number in range(agents)]
        storm = Storm(agents=crowd, rows=rows, clock=clock, rng=rng, exchange=exchange)
        await furnish(storm.store, agents)
        async with Nursery(lambda what, error: storm.refused.append(f"{what}: {error!r}")) as lives:
            for agent in crowd:
                agent.link = Link(
                    transport=Dialling(exchange, clock),
                    keyring=Ring(),
                    controllers=(ADDRESS,),
                    duties=agent,
                    clock=clock,
                    rng=rng,
                )
                lives.adopt(agent.link.run(), agent.host_id)
            yield storm


# --- rows ---------------------------------------------------------------------------------------------------------------


def pool_of(number: int) -> PoolId:
    return PoolId(f"pool-{number // HOSTS_PER_CLUSTER:04d}")


async def furnish(store: MemoryStore, hosts: int) -> None:
    """Clusters of fifty with a leased pool each; one running guest a host."""
    books: Any = store
    await books.zones.add(Zone(id=ZONE, name="zone", created=BEGINNING, allocation_state=AllocationState.ENABLED))
    await books.pods.add(Pod(id=POD, zone_id=ZONE, name="pod", created=BEGINNING))
    pool_ids = sorted({pool_of(number) for number in range(hosts)})
    await books.clusters.add_all([a_cluster(pool_id) for pool_id in pool_ids])
    await books.pools.add_all([a_pool(pool_id) for pool_id in pool_ids])
    await books.hosts.add_all([a_host(number) for number in range(hosts)])
    for number in range(hosts):
        books.rows.tables["lease_slots"][f"slot-{number}"] = a_slot(number)
    await books.vms.add_all([a_vm(number) for number in range(hosts)])


def a_cluster(pool_id: PoolId) -> Cluster:
    return Cluster(
        id=ClusterId(pool_id),
        zone_id=ZONE,
        pod_id=POD,
        name=pool_id,
        hypervisor="Simulator",
        created=BEGINNING,
        lease_profile="fast",
    )


def a_pool(pool_id: PoolId) -> StoragePool:
    return StoragePool(
        id=pool_id,
        zone_id=ZONE,
        pod_id=POD,
        cluster_id=ClusterId(pool_id),
        name=pool_id,
        created=BEGINNING,
        path="/pool",
    )


def a_host(number: int) -> Host:
    return Host(
        id=HostId(f"host-{number:05d}"),
        zone_id=ZONE,
        pod_id=POD,
        cluster_id=ClusterId(pool_of(number)),
        name=f"host-{number:05d}",
        hypervisor="Simulator",
        created=BEGINNING,
        state=HostState.UP,
        boot_id=f"boot-host-{number:05d}",
        watchdog=True,
    )


def a_slot(number: int) -> LeaseSlot:
    return LeaseSlot(
        id=f"slot-{number}",
        pool_id=pool_of(number),
        host_id=HostId(f"host-{number:05d}"),
        slot=number % HOSTS_PER_CLUSTER,
        created=BEGINNING,
    )


def a_vm(number: int) -> Vm:
    return Vm(
        id=VmId(f"vm-{number:05d}"),
        name=f"vm-{number:05d}",
        created=BEGINNING,
        account_id=AccountId("account"),
        domain_id=DomainId("domain"),
        zone_id=ZONE,
        service_offering_id=OfferingId("offering"),
        hypervisor="Simulator",
        state=VmState.RUNNING,
        epoch=1,
        wanted_running=True,
        ha_enabled=True,
        host_id=HostId(f"host-{number:05d}"),
        host_boot_id=f"boot-host-{number:05d}",
        pod_id=POD,
        cluster_id=ClusterId(pool_of(number)),
    )
