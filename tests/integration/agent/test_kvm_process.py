"""`mainstay-agent` and `mainstay-leased` as processes of their own, beneath them libvirt's mock hypervisor, above them a controller's doors."""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from mainstay_proto.messages import (
    Command,
    CommandResult,
    DiskSpec,
    GuestSpec,
    GuestState,
    Heartbeat,
    PoolMount,
    PowerReport,
    RunState,
    StartGuest,
)
from tests.integration.session.conftest import Cloud, a_cloud
from tests.kit import tiny_guest
from tests.kit.sessions import a_welcome, eventually

HOST = "3f1f0b6e-0000-4000-8000-000000000001"
SOON_SECONDS = 30.0
BIN = Path(sys.executable).parent


@dataclass
class Host:
    cloud: Cloud
    directory: Path
    invitation: str
    agent: Process | None = None

    async def start_agent(self) -> None:
        self.agent = await spawn(
            "mainstay-agent",
            MAINSTAY_AGENT_CONTROLLERS=self.cloud.address,
            MAINSTAY_AGENT_STATE_DIR=str(self.directory / "state"),
            MAINSTAY_AGENT_RUN_DIR=str(self.directory),
            MAINSTAY_AGENT_LEASED_SOCKET=str(self.directory / "leased.sock"),
            MAINSTAY_AGENT_INVITATION=self.invitation,
            MAINSTAY_AGENT_LIBVIRT_URI="test:///default",
            MAINSTAY_AGENT_IP="127.0.0.1",
        )

    async def stop_agent(self) -> int:
        assert self.agent is not None
        return await ended(self.agent)

    def spec(self) -> GuestSpec:
        vm_id, disk = str(uuid.uuid4()), self.directory / "root.img"
        tiny_guest.write_disk(disk)
        return GuestSpec(
            vm_id=vm_id,
            name="i-1-VM",
            epoch=1,
            vcpus=1,
            cpu_mhz=500,
            memory_mib=64,
            disks=(DiskSpec(volume_id="v1", pool_id="local", path=str(disk), format="raw"),),
        )


async def spawn(program: str, **environment: str) -> Process:
    return await asyncio.create_subprocess_exec(str(BIN / program), env={**os.environ, **environment})


async def ended(process: Process) -> int:
    process.terminate()
    async with asyncio.timeout(SOON_SECONDS):
        return await process.wait()


@asynccontextmanager
async def a_host(directory: Path) -> AsyncIterator[Host]:
    async with a_cloud(directory) as cloud:
        pool = directory / "pool"
        pool.mkdir()
        mounts = (PoolMount(pool_id="local", path=str(pool), shared=False),)
        cloud.fleet.answer = replace(a_welcome(), mounts=((HOST, mounts),))
        leased = await spawn(
            "mainstay-leased",
            MAINSTAY_LEASED_SOCKET=str(directory / "leased.sock"),
            MAINSTAY_LEASED_MEMORY=str(directory / "leased.json"),
            MAINSTAY_LEASED_WATCHDOG="none",
        )
        host = Host(cloud, directory, cloud.invitation("token", HOST).to_text())
        try:
            await host.start_agent()
            yield host
            assert await host.stop_agent() == 0
        finally:
            if host.agent is not None and host.agent.returncode is None:
                host.agent.kill()
            await ended(leased)


async def test_a_host_is_enrolled_says_hello_runs_a_guest_and_says_goodbye(tmp_path: Path) -> None:
    async with a_host(tmp_path) as host:
        fleet, spec = host.cloud.fleet, host.spec()
        await eventually(lambda: any(isinstance(up, Heartbeat) for up in fleet.heard), SOON_SECONDS)

        order = Command(command_id="c1", host_id=HOST, deadline_seconds=10.0, order=StartGuest(spec=spec))
        fleet.sessions[0].send(order)
        await eventually(lambda: any(isinstance(up, CommandResult) for up in fleet.heard), SOON_SECONDS)

        [result] = [up for up in fleet.heard if isinstance(up, CommandResult)]
        assert (result.state, result.code) == (RunState.DONE, "")
        [report] = [up for up in fleet.heard if isinstance(up, PowerReport)][-1].guests
        assert (report.vm_id, report.state, report.epoch) == (spec.vm_id, GuestState.RUNNING, 1)
        assert fleet.hellos[0].hosts[0].hypervisor == "KVM"


async def test_after_the_first_start_the_invitation_is_not_needed(tmp_path: Path) -> None:
    async with a_host(tmp_path) as host:
        fleet = host.cloud.fleet
        await eventually(lambda: len(fleet.hellos) == 1, SOON_SECONDS)
        assert await host.stop_agent() == 0

        host.invitation = ""
        await host.start_agent()

        await eventually(lambda: len(fleet.hellos) == 2, SOON_SECONDS)
