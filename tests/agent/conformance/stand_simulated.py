"""The simulated driver, at a pace that suits a real clock."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from mainstay_agent.drivers.simulated.driver import SimulatedDriver
from mainstay_agent.drivers.simulated.world import Pace, SimulatedWorld
from mainstay_proto.messages import DiskSpec, GuestSpec, GuestState, HostFacts
from mainstay_runtime.clock import SystemClock, SystemRng
from tests.agent.conformance.stand import HOSTS, state_of

PACE = Pace(launch_seconds=0.02, boot_seconds=0.05, shutdown_seconds=0.05, host_boot_seconds=0.1)


class SimulatedStand:
    pool_path = "/p1"

    def __init__(self, world: SimulatedWorld, host_id: str) -> None:
        self.world = world
        self.host_id = host_id
        self.url = f"sim://{host_id}"
        self.driver = SimulatedDriver(world, [host_id])

    def spec(self, **changes: Any) -> GuestSpec:
        vm_id = str(uuid.uuid4())
        disk = DiskSpec(volume_id=vm_id, pool_id="p1", path=f"/p1/{vm_id}")
        ordinary = GuestSpec(
            vm_id=vm_id, name=f"i-{vm_id[:8]}-VM", epoch=7, vcpus=1, cpu_mhz=500, memory_mib=2, disks=(disk,)
        )
        return replace(ordinary, **changes)

    async def booted(self, vm_id: str) -> None:
        assert await state_of(self, vm_id) is GuestState.RUNNING
        await self.world.clock.sleep(2 * PACE.boot_seconds)

    async def crash(self, vm_id: str) -> None:
        self.world.crash_guest(vm_id)

    async def power_off_from_inside(self, vm_id: str) -> None:
        self.world.shut_down_guest(vm_id)

    async def medium_of(self, vm_id: str) -> str | None:
        copy = self.world.hosts[self.host_id].living(vm_id)
        assert copy is not None
        return next((medium.path for medium in copy.spec.media), None)

    async def destroy_by_outsider(self, vm_id: str) -> None:
        self.world.destroy_by_outsider(vm_id)

    async def pause_by_outsider(self, vm_id: str) -> None:
        self.world.pause_by_outsider(vm_id)

    async def stop_agent(self) -> None:
        await self.driver.close()

    async def start_agent(self) -> None:
        self.driver = SimulatedDriver(self.world, [self.host_id])
        await self.driver.open()

    async def hang_hypervisor(self) -> None:
        self.world.hosts[self.host_id].hang_daemon()

    async def wake_hypervisor(self) -> None:
        self.world.hosts[self.host_id].wake_daemon()

    kill_hypervisor = hang_hypervisor
    restart_hypervisor = wake_hypervisor


@asynccontextmanager
async def simulated_stand() -> AsyncIterator[SimulatedStand]:
    async with simulated_pair() as (stand, _other):
        yield stand


@asynccontextmanager
async def simulated_pair() -> AsyncIterator[tuple[SimulatedStand, SimulatedStand]]:
    async with SimulatedWorld(SystemClock(), SystemRng(), PACE) as world:
        source, target = (SimulatedStand(world, _add_host(world, host_id)) for host_id in HOSTS)
        for stand in (source, target):
            await stand.driver.open()
        yield source, target
        for stand in (source, target):
            await stand.driver.close()
        assert world.violations == []


def _add_host(world: SimulatedWorld, host_id: str) -> str:
    world.add_host(
        HostFacts(
            host_id=host_id,
            name=f"name-of-{host_id}",
            hypervisor="Simulator",
            boot_id=f"boot-of-{host_id}",
            ip="10.0.0.1",
            cpu_sockets=1,
            cpus=8,
            cpu_mhz=2000,
            memory_mib=8192,
        )
    )
    return host_id
