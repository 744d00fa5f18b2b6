"""A process full of simulated machines, each with its own identity, session and lease, and the desk from which they are hurt.

An agent and a lease daemon live and die with their machine's power: they end without a word, and begin anew after its boot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from mainstay_agent.drivers.simulated.control import ControlDesk
from mainstay_agent.drivers.simulated.driver import SimulatedDriver
from mainstay_agent.drivers.simulated.host import SimulatedHost
from mainstay_agent.drivers.simulated.leases import BootMemory, lease_ports
from mainstay_agent.drivers.simulated.network import CablePinger, CableTransport
from mainstay_agent.drivers.simulated.plan import HostPlan, WorldPlan, ordinary_plan, read_plan
from mainstay_agent.drivers.simulated.redfish import RedfishService
from mainstay_agent.drivers.simulated.world import SimulatedWorld
from mainstay_agent.duties.ports import Hypervisor
from mainstay_agent.lease.local import LocalLeaseArea
from mainstay_agent.link.over_grpc import over_grpc, screens_over_grpc
from mainstay_agent.main.service import Service, Time, admitted
from mainstay_agent.main.settings import AgentSettings
from mainstay_runtime.enrolment import Credentials
from mainstay_runtime.errors import BadInput
from mainstay_runtime.identity import IdentityFile
from mainstay_runtime.logs import logger
from mainstay_runtime.tasks import Nursery, all_of, background

log = logger(__name__)
DESK_CLOSES_SECONDS = 1.0


async def serve(settings: AgentSettings, time: Time, stop: asyncio.Event) -> None:
    plan = planned(settings)
    async with SimulatedWorld(time.clock, time.rng, plan.pace) as world, Nursery(_line_broke) as lines:
        async with _desk(world, settings.desk):
            credentials = await all_of(*(_enrolled(host, settings, time) for host in plan.hosts))
            machines = [
                Machine(world, world.add_host(host.facts(own.current.named().id, time.rng)), own, settings, time, lines)
                for host, own in zip(plan.hosts, credentials, strict=True)
            ]
            log.info("simulated hosts run", hosts=len(machines), desk=settings.desk)
            async with background(*(machine.run for machine in machines)):
                await stop.wait()
                await all_of(*(machine.leave("the agent stops") for machine in machines))


def planned(settings: AgentSettings) -> WorldPlan:
    if settings.world is not None:
        return read_plan(settings.world)
    if settings.hosts < 1:
        raise BadInput("give --world FILE or --hosts N")
    return ordinary_plan(settings.hosts, settings.cluster_name, settings.invitations)


async def _enrolled(host: HostPlan, settings: AgentSettings, time: Time) -> Credentials:
    file = IdentityFile(settings.state_dir / f"{host.name}.pem")
    return Credentials(file, await admitted(file, host.invitation, settings.controllers, time), time.clock)


class Machine:
    """One simulated host and the processes that a real one would run."""

    def __init__(
        self,
        world: SimulatedWorld,
        host: SimulatedHost,
        credentials: Credentials,
        settings: AgentSettings,
        time: Time,
        lines: Nursery,
    ) -> None:
        self._world = world
        self._host = host
        self._credentials = credentials
        self._settings = settings
        self._time = time
        self._lines = lines
        self._lease_memory = BootMemory(host)
        self._service: Service | None = None

    async def run(self) -> None:
        """For ever, through power failures and boots."""
        while True:
            boot_id = self._host.boot_id
            self._service = self._booted()
            async with background(self._service.run):
                await self._host.until_boot_ends(boot_id)
            self._service = None
            await self._host.powered.wait()
            await self._time.clock.sleep(self._world.pace.host_boot_seconds)

    async def leave(self, reason: str) -> None:
        if self._service is not None:
            await self._service.leave(reason)

    def _booted(self) -> Service:
        driver = SimulatedDriver(self._world, [self._host.host_id])
        area = LocalLeaseArea(lease_ports(self._world, self._host, self._lease_memory), self._time.clock)
        return Service(
            agent_id=self._host.host_id,
            hypervisor=Hypervisor(
                driver=driver, migration=driver, volumes=driver, devices=driver, stats=driver, screens=driver
            ),
            area_of=lambda _facts: area,
            memory_of=lambda _facts: Forgetful(),
            hosts_memory=Forgetful(),
            pinger=CablePinger(self._world, self._host),
            transport=CableTransport(over_grpc(self._credentials), self._host, self._lines),
            screen_lines=CableTransport(screens_over_grpc(self._credentials), self._host, self._lines),
            credentials=self._credentials,
            controllers=self._settings.controllers,
            time=self._time,
        )


class Forgetful:
    """A memory for an agent that ends only when its machine does."""

    def load(self) -> bytes | None:
        return None

    def save(self, state: bytes) -> None: ...


@asynccontextmanager
async def _desk(world: SimulatedWorld, address: str) -> AsyncIterator[None]:
    app = web.Application()
    app.add_routes([*RedfishService(world).routes(), *ControlDesk(world).routes()])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=DESK_CLOSES_SECONDS)
    await runner.setup()
    host, _, port = address.rpartition(":")
    try:
        await web.TCPSite(runner, host, int(port)).start()
        yield
    finally:
        await runner.cleanup()


def _line_broke(name: str, error: Exception) -> None:
    log.info("a line ended", line=name, why=str(error))
