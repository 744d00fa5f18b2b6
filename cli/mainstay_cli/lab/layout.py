"""Every name, address and path of one lab, computed from its id: what is not here has no fixed place.

Network namespaces carry the lab's id; all interfaces but one live inside them, so their names need none."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

NETNS_DIRECTORY = Path("/run/netns")
UUID_NAMESPACE = uuid.UUID("6d61696e-7374-6179-6c61-620000000000")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPlace:
    """Where one host is found."""

    lab_id: str
    number: int
    ip: str
    bmc_ip: str
    home: Path

    @property
    def name(self) -> str:
        return f"h{self.number}"

    @property
    def netns(self) -> str:
        return f"mainstay-{self.lab_id}-{self.name}"

    @property
    def bmc_netns(self) -> str:
        return f"mainstay-{self.lab_id}-b{self.number}"

    @property
    def cable(self) -> str:
        """The fabric's end of the management cable."""
        return self.name

    @property
    def bmc_cable(self) -> str:
        return f"b{self.number}"

    @property
    def uuid(self) -> str:
        return str(uuid.uuid5(UUID_NAMESPACE, f"{self.lab_id}/{self.name}"))

    @property
    def watchdog_socket(self) -> Path:
        return self.home / "watchdog.sock"

    @property
    def local_pool(self) -> Path:
        return self.home / "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One lab.  `pools` are shared by all hosts, each mounted at /srv/NAME; /srv/local is each host's own."""

    lab_id: str
    root: Path
    size: int
    pools: tuple[str, ...] = ("primary",)
    watchdogs: bool = True

    @property
    def fabric(self) -> str:
        return f"mainstay-{self.lab_id}-fabric"

    @property
    def hosts(self) -> tuple[HostPlace, ...]:
        return tuple(self._host(number) for number in range(1, self.size + 1))

    @property
    def network(self) -> str:
        """The first three octets of the management network."""
        high, low = divmod(int(self.lab_id, 16), 256)
        return f"10.{64 + high % 128}.{low & 0xFE}"

    @property
    def oob_network(self) -> str:
        high, low = divmod(int(self.lab_id, 16), 256)
        return f"10.{64 + high % 128}.{low | 1}"

    @property
    def controller_ips(self) -> tuple[str, ...]:
        """Addresses of the fabric itself, one for each of up to three controllers."""
        return tuple(f"{self.network}.{last}" for last in (1, 2, 3))

    @property
    def desk_ip(self) -> str:
        """This machine's own address on the management network: from here clients and browsers reach the controllers."""
        return f"{self.network}.254"

    @property
    def desk_cable(self) -> str:
        return f"mainstay-{self.lab_id}"

    @property
    def control_socket(self) -> Path:
        return self.root / "room.sock"

    @property
    def journal(self) -> Path:
        return self.root / "room.log"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def state_file(self) -> Path:
        return self.root / "lab.json"

    @property
    def poolfs(self) -> Path:
        return self.root / "poolfs"

    @property
    def kernel(self) -> Path:
        """What guests boot, with `initramfs`; the same path in every host."""
        return self.root / "vmlinuz"

    @property
    def initramfs(self) -> Path:
        return self.root / "initramfs.gz"

    @property
    def libvirt_cache(self) -> Path:
        """What libvirt found out about QEMU, which takes it many seconds: kept from lab to lab."""
        return self.root / "libvirt-cache"

    def storage(self, pool: str) -> Path:
        """The pool as the storage box holds it, beyond the reach of any cut."""
        return self.root / "storage" / pool

    def netns_names(self) -> Iterator[str]:
        yield self.fabric
        for host in self.hosts:
            yield host.bmc_netns
            yield host.netns

    def _host(self, number: int) -> HostPlace:
        return HostPlace(
            lab_id=self.lab_id,
            number=number,
            ip=f"{self.network}.{10 + number}",
            bmc_ip=f"{self.oob_network}.{10 + number}",
            home=self.root / "hosts" / f"h{number}",
        )
