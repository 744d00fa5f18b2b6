"""A lab as one object: up, hosts, fabric, tapes, down.

    async with lab_of(3) as lab:
        await lab.host(1).switch_off()

Going down kills whatever lives in the lab's network namespaces, so that it needs no memory of what was started."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from mainstay_cli.lab import network, state
from mainstay_cli.lab.host import LabHost, LabProcess
from mainstay_cli.lab.layout import NETNS_DIRECTORY, HostPlace, Layout
from mainstay_cli.lab.parts import built_parts
from mainstay_cli.lab.processes import COMMAND_DEADLINE_SECONDS, CommandFailed, run, send, start
from mainstay_cli.lab.room_link import RoomLink
from mainstay_cli.lab.waiting import until
from mainstay_runtime.clock import SystemRng
from mainstay_runtime.errors import Unavailable
from mainstay_runtime.tasks import all_of

ROOM_DEADLINE_SECONDS = 60.0
DOWN_DEADLINE_SECONDS = 60.0
PROBE_DEADLINE_SECONDS = 120.0


class Lab:
    """A lab that is up.  Made by `raise_lab` or found by `Lab(layout)`."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.room = RoomLink(layout.control_socket)
        self.hosts = tuple(LabHost(layout, place, self.room) for place in layout.hosts)

    def host(self, number: int) -> LabHost:
        """Numbered from 1."""
        return self.hosts[number - 1]

    def host_named(self, name: str) -> LabHost:
        for host in self.hosts:
            if host.name == name:
                return host
        raise Unavailable(f"no host {name} in this lab; there are {', '.join(host.name for host in self.hosts)}")

    async def run(self, argv: Sequence[str], *, deadline_seconds: float = COMMAND_DEADLINE_SECONDS) -> str:
        """A command in the fabric, where controllers live, to its end."""
        return await run([*self._enter_fabric(), *argv], deadline_seconds=deadline_seconds)

    def spawn(self, argv: Sequence[str], *, name: str) -> LabProcess:
        """A process in the fabric that outlives us; its output is in logs/NAME.log."""
        log = self.layout.logs / f"{name}.log"
        return LabProcess(pid=start([*self._enter_fabric(), *argv], log).pid, log=log)

    def tape(self, name: str, pool: str = "primary") -> Path:
        """A guest's tape as the storage box holds it: /srv/POOL/NAME in the hosts."""
        return self.layout.storage(pool) / name

    def journal(self) -> str:
        """What the machine room did and saw, each line stamped with CLOCK_BOOTTIME."""
        return self.layout.journal.read_text() if self.layout.journal.exists() else ""

    def _enter_fabric(self) -> list[str]:
        return ["nsenter", f"--net={NETNS_DIRECTORY / self.layout.fabric}"]


@asynccontextmanager
async def lab_of(size: int = 3, *, pools: tuple[str, ...] = ("primary",), watchdogs: bool = True) -> AsyncIterator[Lab]:
    """A lab for this block, swept away by the next user of labs should this process die."""
    await sweep()
    layout = state.new_layout(SystemRng(), size=size, pools=pools, watchdogs=watchdogs)
    try:
        yield await raise_lab(layout, state.Keeper.with_pid(os.getpid()))
    finally:
        await take_down(layout)


async def raise_lab(layout: Layout, keeper: state.Keeper | None = None) -> Lab:
    """All hosts booted, all BMCs answering; or nothing is left."""
    try:
        await _furnish(layout, keeper)
        await network.lay(layout)
        return await _booted(Lab(layout))
    except BaseException:
        await take_down(layout)
        raise


async def _booted(lab: Lab) -> Lab:
    layout = lab.layout
    lab.spawn([sys.executable, "-m", "mainstay_cli.lab.machine_room", str(layout.root)], name="machine-room")
    room_log = layout.logs / "machine-room.log"
    await until(lambda: _room_answers(lab), f"the machine room answers (see {room_log})", ROOM_DEADLINE_SECONDS)
    await all_of(*(host.switch_on() for host in lab.hosts))
    await _fill_libvirt_cache(lab.host(1))
    return lab


async def _fill_libvirt_cache(host: LabHost) -> None:
    """The first lab of a machine takes its time, later ones find the cache full."""
    await host.run(["virsh", "domcapabilities", "--virttype", "qemu"], deadline_seconds=PROBE_DEADLINE_SECONDS)


async def take_down(layout: Layout) -> None:
    """Nothing of the lab is left, in whatever state it was."""
    await until(lambda: _killed_all(layout), f"every process of {layout.root} is gone", DOWN_DEADLINE_SECONDS)
    await network.remove(layout)
    shutil.rmtree(layout.root, ignore_errors=True)


async def sweep() -> None:
    """Take down every lab whose keeper died."""
    for layout, keeper in state.labs():
        if keeper is not None and not keeper.lives():
            await take_down(layout)


async def _killed_all(layout: Layout) -> bool:
    """The fabric's processes first: the machine room must not see its hosts die."""
    pids = [pid for name in layout.netns_names() for pid in await _pids_in(name)]
    for pid in pids:
        send(pid, signal.SIGKILL)
    return not pids


async def _pids_in(netns: str) -> list[int]:
    try:
        return [int(pid) for pid in (await run(["ip", "netns", "pids", netns])).split()]
    except CommandFailed:
        return []


async def _furnish(layout: Layout, keeper: state.Keeper | None) -> None:
    parts = await built_parts()
    layout.root.mkdir()
    state.save(layout, keeper)
    layout.poolfs.symlink_to(parts.poolfs)
    layout.kernel.symlink_to(parts.kernel)
    layout.initramfs.symlink_to(parts.initramfs)
    layout.libvirt_cache.symlink_to(parts.libvirt_cache)
    for pool in layout.pools:
        layout.storage(pool).mkdir(parents=True)
    for place in layout.hosts:
        _furnish_host(layout, place)


def _furnish_host(layout: Layout, place: HostPlace) -> None:
    for directory in ("etc/libvirt", "var/lib/libvirt", "var/log/libvirt", "local", "bmc"):
        (place.home / directory).mkdir(parents=True)
    names = "".join(f"{host.ip} {host.name}\n" for host in layout.hosts)
    (place.home / "etc/hosts").write_text(f"127.0.0.1 localhost\n{names}")
    (place.home / "etc/libvirt/libvirtd.conf").write_text(_libvirtd_configuration(place))
    (place.home / "etc/libvirt/qemu.conf").write_text(_qemu_configuration(place))


def _libvirtd_configuration(place: HostPlace) -> str:
    return f"""listen_tls = 0
listen_tcp = 1
listen_addr = "{place.ip}"
auth_tcp = "none"
auth_unix_rw = "none"
unix_sock_group = "root"
host_uuid = "{place.uuid}"
keepalive_interval = 5
keepalive_count = 3
log_outputs = "3:file:/var/log/libvirt/libvirtd.log"
"""


def _qemu_configuration(place: HostPlace) -> str:
    """No cgroups, no mount namespaces, no other user: the host itself is the cage."""
    return f"""user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
security_default_confined = 0
cgroup_controllers = []
namespaces = []
vnc_listen = "{place.ip}"
migration_address = "{place.ip}"
migration_host = "{place.ip}"
max_core = 0
stdio_handler = "file"
"""


async def _room_answers(lab: Lab) -> bool:
    try:
        await lab.room.status()
    except Unavailable:
        return False
    return True
