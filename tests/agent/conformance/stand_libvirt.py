"""The libvirt driver on two hypervisors: libvirt's own mock, and real QEMU behind a private daemon."""

from __future__ import annotations

import asyncio
import signal
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import libvirt

from mainstay_agent.drivers.libvirt.driver import LibvirtDriver
from mainstay_agent.drivers.libvirt.settings import DomainType, LibvirtSettings
from mainstay_proto.messages import DiskSpec, GuestSpec
from mainstay_runtime.clock import SystemClock
from tests.agent.conformance.stand import HOSTS, eventually
from tests.kit import tiny_guest
from tests.kit.private_libvirtd import PrivateLibvirtd

KEY_HOLD_MS = 50


class MockStand:
    """libvirt's mock hypervisor inside this process, and a second connection that plays everybody else on the host."""

    def __init__(self, settings: LibvirtSettings, directory: Path) -> None:
        self.settings = settings
        self.directory = directory
        self.host_id = settings.host_id
        self.url = settings.migration_url or ""
        self.pool_path = str(directory)
        self.driver = LibvirtDriver(settings, SystemClock())

    def spec(self, **changes: Any) -> GuestSpec:
        vm_id = str(uuid.uuid4())
        disk = self.directory / f"{vm_id}.img"
        tiny_guest.write_disk(disk)
        ordinary = GuestSpec(
            vm_id=vm_id,
            name=f"i-{vm_id[:8]}-VM",
            epoch=7,
            vcpus=1,
            cpu_mhz=500,
            memory_mib=tiny_guest.MEMORY_MIB,
            disks=(DiskSpec(volume_id=vm_id, pool_id="p1", path=str(disk), format="raw"),),
        )
        return replace(ordinary, **changes)

    async def booted(self, vm_id: str) -> None: ...

    async def power_off_from_inside(self, vm_id: str) -> None:
        await self.outside(vm_id, lambda domain: domain.shutdown())

    async def medium_of(self, vm_id: str) -> str | None:
        told: list[str | None] = []

        def ask(domain: libvirt.virDomain) -> None:
            source = ET.fromstring(domain.XMLDesc()).find("devices/disk[@device='cdrom']/source")
            told.append(None if source is None else source.get("file"))

        await self.outside(vm_id, ask)
        return told[0]

    async def destroy_by_outsider(self, vm_id: str) -> None:
        await self.outside(vm_id, lambda domain: domain.destroy())

    async def pause_by_outsider(self, vm_id: str) -> None:
        await self.outside(vm_id, lambda domain: domain.suspend())

    async def outside(self, vm_id: str, deed: Callable[[libvirt.virDomain], object]) -> None:
        def do() -> None:
            line = libvirt.open(self.settings.uri)
            try:
                deed(line.lookupByUUIDString(vm_id))
            finally:
                line.close()

        await asyncio.to_thread(do)

    async def stop_agent(self) -> None:
        await self.driver.close()

    async def start_agent(self) -> None:
        self.driver = LibvirtDriver(self.settings, SystemClock())
        await self.driver.open()


class QemuStand(MockStand):
    def __init__(self, settings: LibvirtSettings, directory: Path, daemon: PrivateLibvirtd) -> None:
        super().__init__(settings, directory)
        self.daemon = daemon

    async def booted(self, vm_id: str) -> None:
        async def has_spoken() -> bool:
            console = self.console(vm_id)
            return console.exists() and console.read_bytes().endswith(tiny_guest.BOOTED)

        await eventually(has_spoken)

    def console(self, vm_id: str) -> Path:
        return Path(self.daemon.console_dir) / f"{vm_id}.console"

    async def type_key(self, vm_id: str, key: int) -> None:
        await self.outside(vm_id, lambda domain: domain.sendKey(libvirt.VIR_KEYCODE_SET_LINUX, KEY_HOLD_MS, [key], 1))

    async def power_off_from_inside(self, vm_id: str) -> None:
        await self.booted(vm_id)
        await self.type_key(vm_id, tiny_guest.KEY_OFF)

    async def panic(self, vm_id: str) -> None:
        await self.booted(vm_id)
        await self.type_key(vm_id, tiny_guest.KEY_PANIC)

    async def crash(self, vm_id: str) -> None:
        self.daemon.signal_guest(vm_id, signal.SIGKILL)

    async def terminate_by_outsider(self, vm_id: str) -> None:
        self.daemon.signal_guest(vm_id, signal.SIGTERM)

    async def hang_hypervisor(self) -> None:
        self.daemon.hang()

    async def wake_hypervisor(self) -> None:
        self.daemon.wake()

    async def kill_hypervisor(self) -> None:
        self.daemon.kill(stay_down=True)

    async def restart_hypervisor(self) -> None:
        self.daemon.let_return()


@asynccontextmanager
async def mock_stand(directory: Path) -> AsyncIterator[MockStand]:
    settings = LibvirtSettings(
        uri="test:///default",
        host_id=HOSTS[0],
        name="mock",
        ip="127.0.0.1",
        state_dir=str(directory / "state"),
        drives_dir=str(directory / "drives"),
    )
    residence = libvirt.open(settings.uri)  # the mock's guests live as long as somebody is connected
    try:
        async with opened(MockStand(settings, directory)) as stand:
            yield stand
    finally:
        residence.close()


def settings_of(daemon: PrivateLibvirtd, directory: Path, host_id: str) -> LibvirtSettings:
    return LibvirtSettings(
        uri=daemon.uri,
        host_id=host_id,
        name=daemon.name,
        ip=daemon.address,
        vnc_listen=daemon.address,
        migration_url=daemon.url,
        state_dir=str(directory / f"state-{daemon.name}"),
        drives_dir=str(directory / "drives"),
        domain_type=DomainType.QEMU,
        memory_mib=8192,
    )


@asynccontextmanager
async def qemu_stand(directory: Path, daemon: PrivateLibvirtd, host_id: str = HOSTS[0]) -> AsyncIterator[QemuStand]:
    await daemon.ready()
    async with opened(QemuStand(settings_of(daemon, directory, host_id), directory, daemon)) as stand:
        yield stand


@asynccontextmanager
async def qemu_pair(
    directory: Path, daemons: tuple[PrivateLibvirtd, PrivateLibvirtd]
) -> AsyncIterator[tuple[QemuStand, QemuStand]]:
    async with qemu_stand(directory, daemons[0]) as source, qemu_stand(directory, daemons[1], HOSTS[1]) as target:
        yield source, target


@asynccontextmanager
async def opened(stand: Any) -> AsyncIterator[Any]:
    await stand.driver.open()
    try:
        yield stand
    finally:
        for guest in await stand.driver.guests(stand.host_id, 10.0) or ():
            await stand.driver.destroy(stand.host_id, guest.vm_id, 20.0)
        await stand.driver.close()
