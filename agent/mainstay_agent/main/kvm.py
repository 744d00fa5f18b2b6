"""The agent of one KVM host: libvirt beneath it, the lease daemon beside it."""

from __future__ import annotations

import asyncio
import socket

from mainstay_agent.drivers.libvirt.driver import LibvirtDriver
from mainstay_agent.drivers.libvirt.settings import DomainType, LibvirtSettings
from mainstay_agent.duties.ports import Hypervisor
from mainstay_agent.host.ping import IcmpPinger
from mainstay_agent.host.state_file import StateFile
from mainstay_agent.lease.client import SocketLeaseArea
from mainstay_agent.link.over_grpc import over_grpc, screens_over_grpc
from mainstay_agent.main.service import Service, Time, admitted
from mainstay_agent.main.settings import AgentSettings
from mainstay_runtime.enrolment import Credentials
from mainstay_runtime.errors import BadInput
from mainstay_runtime.identity import IdentityFile
from mainstay_runtime.tasks import background


async def serve(settings: AgentSettings, time: Time, stop: asyncio.Event) -> None:
    file = IdentityFile(settings.state_dir / "identity.pem")
    identity = await admitted(file, settings.invitation, settings.controllers, time)
    credentials = Credentials(file, identity, time.clock)
    agent_id = identity.named().id
    driver = LibvirtDriver(libvirt_settings(settings, agent_id), time.clock)
    service = Service(
        agent_id=agent_id,
        hypervisor=Hypervisor(
            driver=driver, migration=driver, volumes=driver, devices=driver, stats=driver, screens=driver
        ),
        area_of=lambda _facts: SocketLeaseArea(settings.leased_socket, time.clock),
        memory_of=lambda _facts: StateFile(settings.run_dir / "agent.state"),
        hosts_memory=StateFile(settings.run_dir / "agent.hosts"),
        pinger=IcmpPinger(),
        transport=over_grpc(credentials),
        screen_lines=screens_over_grpc(credentials),
        credentials=credentials,
        controllers=settings.controllers,
        time=time,
    )
    async with background(service.run):
        await stop.wait()
        await service.leave("the agent stops")


def libvirt_settings(settings: AgentSettings, host_id: str) -> LibvirtSettings:
    if not settings.ip:
        raise BadInput("ip: the address where other hosts reach this one is missing")
    return LibvirtSettings(
        uri=settings.libvirt_uri,
        host_id=host_id,
        name=settings.name or socket.gethostname(),
        ip=settings.ip,
        state_dir=str(settings.run_dir / "guests"),
        domain_type=DomainType(settings.domain_type),
        emulator=settings.emulator or None,
        vnc_listen=settings.vnc_listen,
        console_dir=str(settings.console_dir),
        drives_dir=str(settings.drives_dir),
        migration_url=settings.migration_url or None,
        boot_id=settings.boot_id or None,
        machine_id=settings.machine_id or None,
        cpus=settings.cpus or None,
        cpu_mhz=settings.cpu_mhz or None,
        memory_mib=settings.memory_mib or None,
    )
