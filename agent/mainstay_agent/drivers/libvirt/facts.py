"""What a host is: its size by libvirt's count or the settings' word, its boot, its abilities."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import libvirt

from mainstay_agent.drivers.libvirt.settings import DomainType, LibvirtSettings
from mainstay_proto.messages import HostFacts

EVERYTHING = frozenset(
    {"migrate", "stats", "console", "kernel-boot", "volumes", "vnc", "config-drive", "media", "hot-plug"}
)
CAPABILITIES: dict[DomainType, frozenset[str]] = {
    DomainType.KVM: EVERYTHING,
    DomainType.QEMU: EVERYTHING,
    DomainType.TEST: frozenset({"volumes", "config-drive"}),
}
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
MACHINE_ID = Path("/sys/class/dmi/id/product_uuid")
NOT_NUMBERED = frozenset({UUID(int=0), UUID(int=2**128 - 1)})
"""By SMBIOS 7.2.1: the number is not set, or not there."""


def of_host(line: libvirt.virConnect, settings: LibvirtSettings, capabilities: frozenset[str]) -> HostFacts:
    _model, memory_mib, cpus, cpu_mhz, nodes, sockets, _cores, _threads = line.getInfo()
    return HostFacts(
        host_id=settings.host_id,
        name=settings.name,
        hypervisor="KVM",
        hypervisor_version=_dotted(line.getVersion()),
        boot_id=settings.boot_id or BOOT_ID.read_text().strip(),
        machine_id=settings.machine_id or machine_id(),
        ip=settings.ip,
        cpu_sockets=nodes * sockets,
        cpus=settings.cpus or cpus,
        cpu_mhz=settings.cpu_mhz or cpu_mhz,
        memory_mib=settings.memory_mib or memory_mib,
        capabilities=tuple(sorted(capabilities)),
        url=settings.migration_url or f"qemu+tls://{settings.ip}/system",
    )


def machine_id(firmware: Path = MACHINE_ID) -> str:
    """As the firmware numbers this machine (SMBIOS, system UUID): a copy of its disks in another machine tells another.  Empty: it does not."""
    try:
        told = UUID(firmware.read_text().strip())
    except (OSError, ValueError):
        return ""
    return "" if told in NOT_NUMBERED else str(told)


def _dotted(version: int) -> str:
    """7002022 is 7.2.22."""
    return f"{version // 1_000_000}.{version // 1000 % 1000}.{version % 1000}"
