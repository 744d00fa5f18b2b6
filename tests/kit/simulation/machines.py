"""A hypervisor host: its lease daemon and its agent, as processes that live and die on a simulated machine.

The lease daemon outlives the agent and keeps its memory through its own restarts; both die with the machine, and come back some seconds after
its boot, as systemd would start them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from mainstay_agent.drivers.simulated.driver import SimulatedDriver
from mainstay_agent.drivers.simulated.leases import BootMemory
from mainstay_agent.drivers.simulated.world import alive_since
from mainstay_agent.duties.ports import Hypervisor
from mainstay_agent.lease.local import AreaPorts, AreaSettings, LocalLeaseArea
from mainstay_agent.lease.ports import Remembered
from mainstay_agent.main.service import Service, Time
from mainstay_proto.enrolment import EnrolReply
from mainstay_proto.messages import Down, RenewCertificate, Up
from mainstay_runtime.enrolment import Credentials
from mainstay_runtime.session import Stream
from mainstay_runtime.tasks import background
from tests.kit.simulated_hosts import KeptBytes
from tests.kit.simulation.clocks import MachineClock, pause
from tests.kit.simulation.leases import AreaOverSocket, HarshKiller, HarshSlots, HarshWatchdog, SlotTrouble
from tests.kit.simulation.loop import Process, is_of_the_living, nobodys, sim_loop
from tests.kit.simulation.network import Network, Node
from tests.kit.simulation.world import HarshHost, HarshWorld
from tests.kit.virtual_time import SeededRng

RESTART_SECONDS = 1.0  # systemd starts again what has died
IDLE_SECONDS = 5.0  # the lease daemon sleeps while nothing is due

Broke = Callable[[str, BaseException], None]


class GoodForEver:
    """A certificate (link.Keyring)."""

    def renewal(self) -> RenewCertificate | None:
        return None

    def accept(self, reply: EnrolReply) -> None: ...

    async def recover(self, address: str) -> None: ...


class Tmpfs(KeptBytes):
    """Takes nothing from a process that is dead and only unwinds."""

    def save(self, state: bytes) -> None:
        if is_of_the_living():
            super().save(state)


class LeaseTmpfs(BootMemory):
    def save(self, remembered: Remembered) -> None:
        if is_of_the_living():
            super().save(remembered)


@dataclass(frozen=True, slots=True)
class Wires:
    """The agent's transport (runtime.session.Transport)."""

    network: Network
    node: Node

    @asynccontextmanager
    async def connect(self, address: str) -> AsyncIterator[Stream[Up, Down]]:
        async with self.network.connect(self.node, address.partition(":")[0]) as stream:
            yield stream


@dataclass(frozen=True, slots=True)
class WirePinger:
    network: Network
    world: HarshWorld
    name: str

    async def ping(self, ip: str, deadline_seconds: float) -> bool | None:
        target = next((host for host in self.world.hosts.values() if host.facts.ip == ip), None)
        answers = (
            target is not None
            and not cast(HarshHost, target).is_stalled
            and self.network.answers_ping(self.name, target.host_id)
        )
        await pause(0.001 if answers else deadline_seconds)
        return answers


class Machine:
    """`broke` hears of a process that ended by an error of its own."""

    def __init__(
        self,
        world: HarshWorld,
        host: HarshHost,
        network: Network,
        *,
        clock: MachineClock,
        rng: SeededRng,
        controllers: tuple[str, ...],
        broke: Broke,
    ) -> None:
        self.host = host
        self.node = network.node(host.host_id)
        self.clock = clock
        self.slot_trouble = SlotTrouble()
        self.leased: Process | None = None
        self.agent: Process | None = None
        self._world = world
        self._network = network
        self._rng = rng
        self._controllers = controllers
        self._broke = broke
        self._lease_memory = LeaseTmpfs(host)
        self._agent_memory = Tmpfs()
        self._hosts_memory = Tmpfs()
        self._area: AreaOverSocket | None = None
        self._lease_area: LocalLeaseArea | None = None

    # --- life ---

    def boot(self, after_seconds: float) -> None:
        boot_id = self.host.boot_id
        sim_loop().of_nobody_later(after_seconds, self._start_services, boot_id)

    def die(self) -> None:
        for process in self.processes():
            process.kill()

    def processes(self) -> tuple[Process, ...]:
        return tuple(process for process in (self.leased, self.agent) if process is not None)

    def stall(self) -> None:
        self.host.stall()
        for process in self.processes():
            process.pause()

    def go_on(self) -> None:
        self.host.go_on()
        for process in self.processes():
            process.resume()

    def _start_services(self, boot_id: str) -> None:
        if alive_since(self.host, boot_id):
            self._agent_memory, self._hosts_memory = Tmpfs(), Tmpfs()
            for name, service in (("leased", self._lease_daemon), ("agent", self._agent)):
                nobodys(sim_loop().create_task, self._keep_running(name, service, boot_id))

    async def _keep_running(self, name: str, service: Callable[[], Coroutine[Any, Any, None]], boot_id: str) -> None:
        while alive_since(self.host, boot_id):
            process = Process(f"{name} of {self.host.host_id}")
            setattr(self, name, process)
            if self.host.is_stalled:
                process.pause()
            ended = process.start(service())
            await asyncio.wait((ended,))
            if process.alive and not ended.cancelled():
                self._broke(process.name, ended.exception() or RuntimeError("it ended"))
            process.alive = False
            await pause(RESTART_SECONDS)

    # --- the lease daemon ---

    async def _lease_daemon(self) -> None:
        ports = AreaPorts(
            slots=HarshSlots(self._world, self.host, lambda: self.slot_trouble),
            killer=HarshKiller(self._world, self.host),
            watchdog=HarshWatchdog(self._world, self.host),
            memory=self._lease_memory,
        )
        self._lease_area = area = LocalLeaseArea(ports, self.clock, AreaSettings(idle_seconds=IDLE_SECONDS))
        self._connect()
        try:
            async with background(partial(self._forward, area)):
                await area.run()
        finally:
            if self._area is not None:
                self._area.disconnect()

    async def _forward(self, area: LocalLeaseArea) -> None:
        async for event in area.events():
            if self._area is not None:
                self._area.heard(event)

    def _connect(self) -> None:
        if self._area is not None and self._lease_area is not None and self.leased is not None and self.leased.alive:
            self._area.connect(self.leased, self._lease_area)

    # --- the agent ---

    async def _agent(self) -> None:
        self._area = area = AreaOverSocket()
        self._connect()
        driver = SimulatedDriver(self._world, [self.host.host_id])
        service = Service(
            agent_id=self.host.host_id,
            hypervisor=Hypervisor(driver=driver, migration=driver, volumes=driver, devices=driver, stats=driver),
            area_of=lambda _facts: area,
            memory_of=lambda _facts: self._agent_memory,
            hosts_memory=self._hosts_memory,
            pinger=WirePinger(self._network, self._world, self.host.host_id),
            transport=Wires(self._network, self.node),
            credentials=cast(Credentials, GoodForEver()),
            controllers=self._controllers,
            time=Time(clock=self.clock, rng=self._rng),
        )
        await service.run()
