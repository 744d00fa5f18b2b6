"""Simulated hosts with the agents that ship, and a controller of the test's own at the other end of the session.

A story enters `a_site(...)`, gives orders with `order`, hurts things through `site.world`, lets time pass, and reads what the controller heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count
from typing import Any, TypeVar

from mainstay_agent.drivers.simulated.driver import SimulatedDriver
from mainstay_agent.drivers.simulated.leases import BootMemory, lease_ports
from mainstay_agent.drivers.simulated.network import CablePinger
from mainstay_agent.drivers.simulated.world import Pace, SimulatedWorld
from mainstay_agent.duties.agent import Agent, Surroundings
from mainstay_agent.duties.ports import DutySettings, Hypervisor, ScreenLines
from mainstay_agent.lease.bounds import FAST
from mainstay_agent.lease.local import LocalLeaseArea
from mainstay_proto.messages import (
    Command,
    CommandResult,
    DiskSpec,
    GuestEvent,
    GuestReport,
    GuestSpec,
    GuestState,
    HostFacts,
    Order,
    PoolMount,
    PowerReport,
    RestartPolicy,
    StartGuest,
    Up,
    Welcome,
)
from mainstay_runtime.clock import Clock
from mainstay_runtime.tasks import Nursery
from tests.kit.virtual_time import SeededRng, VirtualClock

POOL = "shared"
RESTARTS = RestartPolicy(restart_after_crash=True, attempts_max=3, window_seconds=600)
Kind = TypeVar("Kind")


def a_guest(vm_id: str = "vm1", *, epoch: int = 1, pool: str = POOL, **other: Any) -> GuestSpec:
    """HA, on the shared pool, restarted after a crash."""
    disk = DiskSpec(volume_id=f"{vm_id}-root", pool_id=pool, path=f"/pools/{pool}/{vm_id}.qcow2")
    ordinary = GuestSpec(
        vm_id=vm_id,
        name=f"name-of-{vm_id}",
        epoch=epoch,
        vcpus=1,
        cpu_mhz=500,
        memory_mib=512,
        disks=(disk,),
        ha=True,
        restart=RESTARTS,
    )
    return replace(ordinary, **other)


def a_host_facts(name: str = "h1", **other: Any) -> HostFacts:
    ordinary = HostFacts(
        host_id=name,
        name=name,
        hypervisor="Simulator",
        boot_id=f"{name}-boot-1",
        ip=f"10.0.0.{name.strip('h')}",
        cpu_sockets=1,
        cpus=8,
        cpu_mhz=2000,
        memory_mib=32768,
        url=f"sim://{name}",
    )
    return replace(ordinary, **other)


def a_welcome(hosts: list[str], **other: Any) -> Welcome:
    """The shared pool everywhere, with a slot for each host."""
    mounts = tuple(
        (
            host,
            (
                PoolMount(pool_id=POOL, path="/pools/shared", slot=slot),
                PoolMount(pool_id=f"local-{host}", path="/local", shared=False),
            ),
        )
        for slot, host in enumerate(hosts)
    )
    ordinary = Welcome(
        controller_id="c1",
        protocol_minor=1,
        ping_interval_seconds=1.0,
        ping_timeout_factor=3.0,
        controllers=("c1:8250",),
        profile=FAST,
        mounts=mounts,
        lease_names=tuple((POOL, slot, host) for slot, host in enumerate(hosts)),
    )
    return replace(ordinary, **other)


class ControllerEnd:
    """The other end of one agent's session: an Uplink that remembers."""

    def __init__(self) -> None:
        self.heard: list[tuple[float, Up]] = []
        self.in_reach = True

    def send(self, up: Up) -> None:
        if self.in_reach or isinstance(up, CommandResult | GuestEvent):
            self.heard.append((asyncio.get_running_loop().time(), up))

    def all(self, kind: type[Kind]) -> list[Kind]:
        return [up for _, up in self.heard if isinstance(up, kind)]

    def last(self, kind: type[Kind]) -> Kind:
        return self.all(kind)[-1]

    def guests(self) -> dict[str, GuestReport]:
        """As the reports add up."""
        known: dict[str, GuestReport] = {}
        for report in self.all(PowerReport):
            known = {} if report.complete else known
            known |= {guest.vm_id: guest for guest in report.guests}
        return known

    def state(self, vm_id: str = "vm1") -> GuestState | None:
        known = self.guests().get(vm_id)
        return known.state if known is not None else None

    def forget(self) -> None:
        self.heard.clear()


class KeptBytes:
    """A duties' Memory that outlives the agent."""

    def __init__(self) -> None:
        self.state: bytes | None = None

    def load(self) -> bytes | None:
        return self.state

    def save(self, state: bytes) -> None:
        self.state = state


class ResidentArea(LocalLeaseArea):
    """A lease daemon of its own: the agent's coming and going does not touch it."""

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def live(self) -> None:
        await super().run()


class Site:
    """The hosts of one world, their agents and controller ends."""

    def __init__(self, world: SimulatedWorld, clock: Clock, settings: DutySettings) -> None:
        self.world = world
        self.clock = clock
        self.settings = settings
        self.ends: dict[str, ControllerEnd] = {}
        self.agents: dict[str, Agent] = {}
        self.areas: dict[str, ResidentArea] = {}
        self.screen_lines: ScreenLines | None = None
        self.broken: list[tuple[str, Exception]] = []
        self._memories: dict[str, KeptBytes] = {}
        self._lease_memories: dict[str, BootMemory] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._leased: dict[str, asyncio.Task[None]] = {}
        self._command_ids = count(1)
        self._nursery = Nursery(lambda name, error: self.broken.append((name, error)))

    async def start_agent(self, name: str, welcomed: bool = True) -> None:
        host = self.world.hosts[name]
        driver = SimulatedDriver(self.world, [name])
        end = self.ends.setdefault(name, ControllerEnd())
        if name not in self.areas:
            self.start_leased(name)
        self.agents[name] = Agent(
            name,
            "test",
            Surroundings(
                hypervisor=Hypervisor(
                    driver=driver, migration=driver, volumes=driver, devices=driver, stats=driver, screens=driver
                ),
                area_of=lambda _facts: self.areas[name],
                memory_of=lambda _facts: self._memories.setdefault(name, KeptBytes()),
                hosts_memory=self._memories.setdefault(f"hosts of {name}", KeptBytes()),
                uplink=end,
                pinger=CablePinger(self.world, host),
                clock=self.clock,
                screen_lines=self.screen_lines,
            ),
            self.settings,
        )
        self._running[name] = self._nursery.adopt(self.agents[name].run(), name)
        await self.agents[name].hello(False)
        if welcomed:
            await self.welcome(name)

    def start_leased(self, name: str) -> None:
        host = self.world.hosts[name]
        memory = self._lease_memories.setdefault(name, BootMemory(host))
        self.areas[name] = ResidentArea(lease_ports(self.world, host, memory), self.clock)
        self._leased[name] = self._nursery.adopt(self.areas[name].live(), f"leased of {name}")

    async def stop_leased(self, name: str) -> None:
        del self.areas[name]
        await self._end(self._leased.pop(name))

    async def welcome(self, name: str) -> None:
        await self.agents[name].welcomed(a_welcome(list(self.world.hosts)))

    async def stop_agent(self, name: str) -> None:
        await self._end(self._running.pop(name))

    async def _end(self, task: asyncio.Task[None]) -> None:
        task.cancel()
        await asyncio.wait([task])

    async def boot(self, name: str) -> None:
        self.world.hosts[name].power_on()
        await self.start_agent(name)

    async def kill_host(self, name: str) -> None:
        self.world.hosts[name].power_off()
        await self.stop_agent(name)
        await self.stop_leased(name)

    async def send(self, name: str, order: Order, deadline_seconds: float = 10.0, id: str | None = None) -> str:
        id = id or f"command-{next(self._command_ids)}"
        command = Command(command_id=id, host_id=name, deadline_seconds=deadline_seconds, order=order)
        await self.agents[name].received(command)
        return id

    async def order(
        self, name: str, order: Order, deadline_seconds: float = 10.0, id: str | None = None
    ) -> CommandResult:
        """Send and wait for the answer."""
        end, id = self.ends[name], await self.send(name, order, deadline_seconds, id)
        before = len(end.heard)
        while True:
            for _, up in end.heard[max(0, before - 1) :]:
                if isinstance(up, CommandResult) and up.command_id == id:
                    return up
            await asyncio.sleep(0.01)

    async def start(self, name: str, spec: GuestSpec | None = None) -> CommandResult:
        return await self.order(name, StartGuest(spec=spec or a_guest()))

    def end(self, name: str = "h1") -> ControllerEnd:
        return self.ends[name]

    async def __aenter__(self) -> Site:
        await self._nursery.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._nursery.__aexit__(*exc)


@asynccontextmanager
async def a_site(*names: str, pace: Pace | None = None, settings: DutySettings | None = None) -> AsyncIterator[Site]:
    """Running, in session, with valid leases.  Leaving it checks that nothing broke and that no guest ran twice."""
    clock = VirtualClock()
    async with SimulatedWorld(clock, SeededRng(), pace) as world:
        for name in names or ("h1",):
            world.add_host(a_host_facts(name))
        async with Site(world, clock, settings or DutySettings()) as site:
            for name in world.hosts:
                await site.start_agent(name)
            await asyncio.sleep(20)
            yield site
        assert site.broken == []
        assert world.violations == []
