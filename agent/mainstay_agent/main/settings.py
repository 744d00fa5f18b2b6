"""The settings of mainstay-agent: from the command line, MAINSTAY_AGENT_* in the environment, or a TOML file."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mainstay_runtime.logs import LogFormat


class DriverName(StrEnum):
    LIBVIRT = "libvirt"
    SIMULATED = "simulated"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSettings:
    driver: DriverName = DriverName.LIBVIRT
    controllers: tuple[str, ...] = ()  # HOST:8250 of some controllers; a session tells of all
    state_dir: Path = Path("/var/lib/mainstay/agent")  # holds who we are; kept for ever
    run_dir: Path = Path("/run/mainstay")  # a tmpfs: what must survive the agent and not the host
    invitation: str = ""  # the line that addHost gave; used once
    log_format: LogFormat = LogFormat.KEY_VALUE
    log_level: str = "INFO"

    # libvirt; empty or 0: as the machine says
    libvirt_uri: str = "qemu:///system"
    name: str = ""  # of this host
    ip: str = ""  # where other hosts and the console proxy reach it
    boot_id: str = ""  # for hosts that share a kernel
    machine_id: str = ""  # for hosts that share a machine
    domain_type: str = "auto"  # auto | kvm | qemu
    emulator: str = ""
    vnc_listen: str = ""  # empty: nowhere; screens are shown through the controllers
    migration_url: str = ""
    console_dir: Path = Path("/var/log/libvirt/qemu")
    drives_dir: Path = Path("/run/mainstay-drives")  # of config drives; a tmpfs, and the same on all hosts
    cpus: int = 0
    cpu_mhz: int = 0
    memory_mib: int = 0
    leased_socket: Path = Path("/run/mainstay/leased.sock")

    # simulated
    world: Path | None = None  # a JSON file that names the hosts
    hosts: int = 0  # or as many ordinary ones
    cluster_name: str = "c0"  # begins their names
    invitations: Path | None = None  # for those: a JSON file {name: invitation}
    desk: str = "127.0.0.1:8390"  # where their power controllers and the desk that hurts them listen
