"""A whole cloud on virtual time: real controllers, real agents with real leases on simulated machines, sessions over pairs of queues.

`async with a_whole_cloud(hosts=3) as site:` gives an enabled zone with one cluster and one shared pool in profile fast, all hosts Up.
Machines are hurt through `site.world`; `site.vm(...)` puts a running guest somewhere; `await site.until(...)` lets time pass."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from mainstay_agent.drivers.simulated.driver import SimulatedDriver
from mainstay_agent.drivers.simulated.host import SimulatedHost
from mainstay_agent.drivers.simulated.leases import BootMemory, lease_ports
from mainstay_agent.drivers.simulated.network import CablePinger, CableTransport
from mainstay_agent.drivers.simulated.world import SimulatedWorld
from mainstay_agent.duties.ports import Hypervisor
from mainstay_agent.lease.local import LocalLeaseArea
from mainstay_agent.main.service import Service, Time
from mainstay_agent.main.simulated import Forgetful
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
    VolumeId,
    ZoneId,
)
from mainstay_controller.domain.lifecycle.vm import VmEvent
from mainstay_controller.domain.records import (
    Cluster,
    Decision,
    Host,
    Incident,
    OutOfBand,
    Pod,
    ServiceOffering,
    StoragePool,
    Vm,
    Volume,
    Zone,
)
from mainstay_controller.domain.states import AllocationState, HostState, IncidentPhase, VmState, VolumeState
from mainstay_controller.fleet.outcome import Done
from mainstay_controller.fleet.power.port import PowerControllers
from mainstay_controller.main import assembly
from mainstay_controller.operations.change_state import change_vm
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.membership import join
from mainstay_controller.operations.orders.start_orders import order_start, raise_epoch
from mainstay_controller.operations.settings import Settings
from mainstay_controller.rpc.admission import Admission
from mainstay_controller.rpc.sessions import Sessions
from mainstay_controller.store.port import eq
from mainstay_proto.messages import Down, HostFacts, Up
from mainstay_runtime.identity import PeerIdentity, Role
from mainstay_runtime.session import Stream
from mainstay_runtime.tasks import Nursery, background
from tests.kit.enrolment_book import MemoryBook
from tests.kit.memory_store import MemoryStore, Rows
from tests.kit.pipes import Exchange
from tests.kit.simulated_power import SimulatedPower
from tests.kit.virtual_time import BEGINNING, SeededRng, VirtualClock

ZONE, POD, CLUSTER, POOL = ZoneId("zone"), PodId("pod"), ClusterId("cluster"), PoolId("pool")
OFFERING = OfferingId("offering")


@dataclass(slots=True)
class Ring:
    """A certificate that is always good."""

    def renewal(self) -> None:
        return None

    def accept(self, reply: object) -> None: ...

    async def recover(self, address: str) -> None: ...


@dataclass(slots=True)
class Controller:
    """One controller's life: it ends when its task is cancelled, as a process does that is killed."""

    cloud: Cloud
    stop: Callable[[], Awaitable[None]]


@dataclass(slots=True)
class Site:
    world: SimulatedWorld
    rows: Rows
    clock: VirtualClock
    rng: SeededRng
    exchange: Exchange
    settings: Settings
    powered: SimulatedPower
    lives: Nursery
    lines: Nursery
    broken: list[tuple[str, Exception]] = field(default_factory=list)
    controllers: dict[str, Controller] = field(default_factory=dict)

    # --- controllers ---

    @property
    def cloud(self) -> Cloud:
        return next(iter(self.controllers.values())).cloud

    @property
    def store(self) -> MemoryStore:
        return MemoryStore(self.clock, self.rows)

    async def start_controller(self, name: str = "c1") -> Controller:
        ready: asyncio.Future[Controller] = asyncio.get_running_loop().create_future()
        life = self.lives.adopt(self._live(name, ready), name)
        controller = await ready

        async def stop() -> None:
            life.cancel()
            await asyncio.wait([life])
            self.controllers.pop(name)

        controller.stop = stop
        self.controllers[name] = controller
        return controller

    async def _live(self, name: str, ready: asyncio.Future[Controller]) -> None:
        cloud = await self._cloud(name)
        sessions = self._sessions(cloud)
        await assembly.open_to_agents(cloud)
        async with Nursery(lambda what, error: self.broken.append((what, error))) as served:
            self.exchange.listen(f"{name}:8250", partial(self._serve, sessions, served))
            try:
                async with background(sessions.keep_pulse, *assembly.loops(cloud)):
                    ready.set_result(Controller(cloud, stop=self._never))
                    await asyncio.Event().wait()
            finally:
                self.exchange.hang_up(f"{name}:8250")

    async def _never(self) -> None:
        raise AssertionError("replaced by start_controller")

    async def _cloud(self, name: str) -> Cloud:
        store: Any = self.store
        rng = SeededRng(sum(name.encode()) + len(self.rows.tables["events"]))
        me = await join(store, ControllerId(name), name, f"{name}:8250", self.settings.controller_lease_seconds)
        return assembly.a_cloud(
            store, me, self.settings, clock=self.clock, rng=rng, power=PowerControllers({"simulated": self.powered})
        )

    def _sessions(self, cloud: Cloud) -> Sessions:
        book = MemoryBook()
        for host_id in self.world.hosts:
            book.know(host_id)
        enrolment: Any = None
        return Sessions(
            sink=cloud.fleet, book=book, enrolment=enrolment, admission=Admission(self.clock), clock=self.clock
        )

    async def _serve(self, sessions: Sessions, served: Nursery, stream: Stream[Down, Up]) -> None:
        """In the controller's own tree, so that its sessions die with it."""
        done = asyncio.Event()
        peer_stream = Named(stream)

        async def serve() -> None:
            try:
                await sessions.serve(await peer_stream.peer(), peer_stream)
            finally:
                done.set()

        served.adopt(serve(), "session")
        await done.wait()

    # --- machines ---

    async def run_machine(self, host: SimulatedHost) -> None:
        memory = BootMemory(host)
        while True:
            boot_id = host.boot_id
            driver = SimulatedDriver(self.world, [host.host_id])
            area = LocalLeaseArea(lease_ports(self.world, host, memory), self.clock)
            service = Service(
                agent_id=host.host_id,
                hypervisor=Hypervisor(driver=driver, migration=driver, volumes=driver, devices=driver, stats=driver),
                area_of=lambda _facts, area=area: area,  # type: ignore[misc]
                memory_of=lambda _facts: Forgetful(),
                hosts_memory=Forgetful(),
                pinger=CablePinger(self.world, host),
                transport=CableTransport(self.exchange, host, self.lines),
                credentials=Ring(),  # type: ignore[arg-type]
                controllers=("c1:8250", "c2:8250"),
                time=Time(clock=self.clock, rng=self.rng),
            )
            async with background(service.run):
                await host.until_boot_ends(boot_id)
            await host.powered.wait()
            await self.clock.sleep(self.world.pace.host_boot_seconds)

    def machine(self, name: str) -> SimulatedHost:
        return self.world.hosts[name]

    # --- guests ---

    async def vm(self, name: str, on: str, **other: Any) -> Vm:
        """Running there, HA on, its disk on the shared pool unless `local`."""
        local = other.pop("local", False)
        vm = Vm(
            id=VmId(name),
            name=name,
            created=BEGINNING,
            account_id=AccountId("ann"),
            domain_id=DomainId("root"),
            zone_id=ZONE,
            service_offering_id=OFFERING,
            state=VmState.STOPPED,
            wanted_running=True,
            ha_enabled=True,
            hypervisor="Simulator",
            memory_mib=512,
        )
        vm = await self.store.vms.add(replace(vm, **other))
        await self.store.volumes.add(
            Volume(
                id=VolumeId(f"{name}-root"),
                name=f"{name}-root",
                zone_id=ZONE,
                created=BEGINNING,
                account_id=vm.account_id,
                domain_id=vm.domain_id,
                vm_id=vm.id,
                pool_id=PoolId(f"local-{on}") if local else POOL,
                state=VolumeState.READY,
                path=f"{name}.qcow2",
            )
        )
        return await self.start(vm, on)

    async def start(self, vm: Vm, on: str) -> Vm:
        store: Any = self.store
        host = await store.hosts.by_id(on)
        cluster = await store.clusters.by_id(CLUSTER)
        vm = await raise_epoch(store, vm, host, cluster, await store.now(), "a story begins")
        told = await order_start(vm, command_id=f"story:{vm.id}:{vm.epoch}", cloud=self.cloud)
        assert isinstance(told, Done), told
        return await change_vm(store, vm, VmEvent.OPERATION_SUCCEEDED, await store.now(), "a story begins")

    async def row(self, vm_id: str) -> Vm:
        found: Vm = await self.store.vms.by_id(vm_id)
        return found

    async def host(self, name: str) -> Host:
        found: Host = await self.store.hosts.by_id(name)
        return found

    async def decisions(self, vm_id: str) -> list[Decision]:
        found: list[Decision] = await self.store.decisions.find(eq("vm_id", vm_id))
        return found

    async def incidents(self) -> list[Incident]:
        found: list[Incident] = await self.store.incidents.find()
        return found

    def writers(self, vm_id: str) -> list[str]:
        return [writer.host_id for writer in self.world.writers(vm_id)]

    # --- time ---

    async def passes(self, seconds: float) -> None:
        await self.clock.sleep(seconds)

    async def until(self, claim: Callable[[], Awaitable[bool]], within_seconds: float) -> float:
        """Seconds it took."""
        began = self.clock.monotonic()
        while not await claim():
            assert self.broken == []
            assert self.clock.monotonic() - began < within_seconds, f"not within {within_seconds} s"
            await self.clock.sleep(0.05)
        return self.clock.monotonic() - began

    async def until_running_elsewhere(self, vm_id: str, than: str, within_seconds: float = 60.0) -> float:
        async def claim() -> bool:
            vm = await self.row(vm_id)
            return vm.state is VmState.RUNNING and vm.host_id not in (None, than)

        return await self.until(claim, within_seconds)

    async def until_closed(self, within_seconds: float = 60.0) -> float:
        """Every incident, of which there is one at least."""

        async def claim() -> bool:
            phases = [incident.phase for incident in await self.incidents()]
            return bool(phases) and set(phases) == {IncidentPhase.CLOSED}

        return await self.until(claim, within_seconds)


class Named:
    """The peer's certificate is whatever its Hello says."""

    def __init__(self, inner: Stream[Down, Up]) -> None:
        self._inner = inner
        self._first: Up | None = None

    async def peer(self) -> PeerIdentity:
        self._first = await self._inner.receive()
        agent_id = getattr(self._first, "agent_id", "nobody")
        return PeerIdentity(role=Role.AGENT, id=agent_id, serial="1", not_after=BEGINNING.replace(year=2100))

    async def send(self, message: Down) -> None:
        await self._inner.send(message)

    async def receive(self) -> Up:
        first, self._first = self._first, None
        return first if first is not None else await self._inner.receive()


def facts_of(number: int, **other: Any) -> HostFacts:
    ordinary = HostFacts(
        host_id=f"h{number}",
        name=f"h{number}",
        hypervisor="Simulator",
        boot_id=f"h{number}-boot-1",
        ip=f"10.0.0.{number}",
        cpu_sockets=1,
        cpus=8,
        cpu_mhz=2000,
        memory_mib=16384,
        url=f"sim://h{number}",
    )
    return replace(ordinary, **other)


@asynccontextmanager
async def a_whole_cloud(
    hosts: int = 3,
    *,
    seed: int = 0,
    fence_policy: str = "keep",
    bmcs: bool = False,
    settings: Settings | None = None,
    facts: Callable[[int], HostFacts] = facts_of,
) -> AsyncIterator[Site]:
    clock, rng = VirtualClock(), SeededRng(seed)
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(SimulatedWorld(clock, rng))
        broken: list[tuple[str, Exception]] = []

        def note(what: str, error: Exception) -> None:
            broken.append((what, error))

        lines = await stack.enter_async_context(Nursery(lambda _what, _error: None))
        exchange = await stack.enter_async_context(Exchange())
        lives = await stack.enter_async_context(Nursery(note))
        site = Site(
            world=world,
            rows=Rows(),
            clock=clock,
            rng=rng,
            exchange=exchange,
            settings=settings or Settings(),
            powered=SimulatedPower(world),
            lives=lives,
            lines=lines,
            broken=broken,
        )
        await _furnish(site, hosts, fence_policy, bmcs)
        for number in range(1, hosts + 1):
            world.add_host(facts(number))
        await site.start_controller()
        for host in world.hosts.values():
            lives.adopt(site.run_machine(host), host.host_id)
        await site.until(partial(_all_up, site), 30)
        await site.passes(30)  # holds that an earlier controller may have given are over, slots have been watched
        yield site
        assert world.violations == []
        assert broken == []


async def _all_up(site: Site) -> bool:
    return all(host.state is HostState.UP for host in await site.store.hosts.find())


async def _furnish(site: Site, hosts: int, fence_policy: str, bmcs: bool) -> None:
    store, enabled = site.store, AllocationState.ENABLED
    await store.zones.add(Zone(id=ZONE, name="zone", created=BEGINNING, allocation_state=enabled))
    await store.pods.add(Pod(id=POD, zone_id=ZONE, name="pod", created=BEGINNING))
    await store.clusters.add(
        Cluster(
            id=CLUSTER,
            zone_id=ZONE,
            pod_id=POD,
            name="cluster",
            hypervisor="Simulator",
            created=BEGINNING,
            fence_policy=fence_policy,
            lease_profile="fast",
        )
    )
    await store.service_offerings.add(
        ServiceOffering(id=OFFERING, name="small", display_text="small", created=BEGINNING, offer_ha=True)
    )
    pool = StoragePool(
        id=POOL,
        zone_id=ZONE,
        pod_id=POD,
        cluster_id=CLUSTER,
        name="pool",
        created=BEGINNING,
        path="/pool",
        capacity_bytes=1 << 44,
    )
    await store.pools.add(pool)
    for number in range(1, hosts + 1):
        await store.hosts.add(
            Host(
                id=HostId(f"h{number}"),
                zone_id=ZONE,
                pod_id=POD,
                cluster_id=CLUSTER,
                name=f"h{number}",
                hypervisor="Simulator",
                created=BEGINNING,
            )
        )
        local = replace(
            pool,
            id=PoolId(f"local-h{number}"),
            name=f"local-h{number}",
            scope="HOST",
            host_id=HostId(f"h{number}"),
            has_leases=False,
            path="/local",
        )
        await store.pools.add(local)
        if bmcs:
            await store.out_of_band.add(
                OutOfBand(id=HostId(f"h{number}"), created=BEGINNING, driver="simulated", address=f"bmc-h{number}")
            )
