"""What the libvirt driver must be told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class DomainType(StrEnum):
    AUTO = "auto"  # kvm where a real guest runs on it, else qemu
    KVM = "kvm"
    QEMU = "qemu"  # emulation
    TEST = "test"  # libvirt's own mock hypervisor


@dataclass(frozen=True, slots=True, kw_only=True)
class LibvirtSettings:
    """One host behind one libvirt daemon."""

    uri: str  # qemu:///system, qemu+unix:///system?socket=..., test:///default
    host_id: str
    name: str
    ip: str  # where other hosts and the console proxy reach this one
    state_dir: str  # on tmpfs: what was asked of which guest must not outlive the host's boot
    drives_dir: str = "/run/mainstay-drives"  # on tmpfs, the same on all hosts between which guests move
    domain_type: DomainType = DomainType.AUTO
    emulator: str | None = None  # None: libvirt's choice
    vnc_listen: str = ""  # an address; empty: screens have no port
    console_dir: str = "/var/log/libvirt/qemu"  # serial logs, one per guest
    watchdog_action: str = "reset"  # what a guest's own watchdog does: reset, poweroff, pause, none
    migration_url: str | None = None  # None: qemu+tls://<ip>/system
    boot_id: str | None = None  # None: the kernel's
    machine_id: str | None = None  # None: the firmware's

    # capacity; None: libvirt's own count
    cpus: int | None = None
    cpu_mhz: int | None = None
    memory_mib: int | None = None

    keepalive_seconds: int = 1  # between two questions whether the daemon is there ...
    keepalive_count: int = 4  # ... and how many may go unanswered before the connection is given up
    reconnect_seconds: float = 0.5  # between two attempts
    calls_max: int = (
        8  # changing calls in the hypervisor at once; as many that hang, and the next one is answered `unknown` at once
    )
