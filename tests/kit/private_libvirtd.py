"""A libvirt daemon of one's own, in its own mount, pid and host-name namespaces, with a loopback address of its own.

Everything in it dies with the block.  Several find each other by their addresses, so that guests can move between them."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.kit.needs import SYSTEM_PATH

PARTS = ("root", "libvirtd", "qemu-system-x86_64", "virsh", "unshare", "python:libvirt")
READY_SECONDS = 20.0
POLL_SECONDS = 0.05

DAEMON_CONF = """
listen_tls = 0
listen_tcp = 1
listen_addr = "{address}"
auth_tcp = "none"
auth_unix_rw = "none"
unix_sock_group = "root"
unix_sock_dir = "{root}/sock"
host_uuid = "{host_uuid}"
log_outputs = "3:file:{root}/libvirtd.log"
"""
QEMU_CONF = """
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
cgroup_controllers = []
namespaces = []
max_core = 0
stdio_handler = "file"
migration_address = "{address}"
migration_host = "{address}"
"""
INIT = """
mount --make-rprivate /
mount -t tmpfs tmpfs /run
hostname {name}
for place in etc/libvirt var/lib/libvirt var/log/libvirt var/cache/libvirt; do mount --bind {root}/$place /$place; done
while :; do
    while [ -e {root}/hold ]; do sleep 0.05; done
    {libvirtd} --listen
done
"""


class PrivateLibvirtd:
    def __init__(self, root: Path) -> None:
        host_uuid = uuid.uuid4()
        self._root = root
        self._host_uuid = host_uuid
        self.name = f"host-{host_uuid.hex[:8]}"
        self.address = f"127.{host_uuid.bytes[1] or 1}.{host_uuid.bytes[2]}.{host_uuid.bytes[3] or 1}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return f"qemu+unix:///system?socket={self._root}/sock/libvirt-sock"

    @property
    def url(self) -> str:
        """For other daemons."""
        return f"qemu+tcp://{self.address}/system"

    @property
    def console_dir(self) -> str:
        return str(self._root / "var/log/libvirt/qemu")

    def start(self) -> None:
        for place in ("sock", "etc/libvirt", "var/lib/libvirt", "var/log/libvirt/qemu", "var/cache/libvirt"):
            (self._root / place).mkdir(parents=True)
        facts = {
            "root": self._root,
            "name": self.name,
            "address": self.address,
            "host_uuid": self._host_uuid,
            "libvirtd": shutil.which("libvirtd", path=SYSTEM_PATH),
        }
        (self._root / "etc/libvirt/libvirtd.conf").write_text(DAEMON_CONF.format(**facts))
        (self._root / "etc/libvirt/qemu.conf").write_text(QEMU_CONF.format(**facts))
        (self._root / "init").write_text(INIT.format(**facts))
        self._process = subprocess.Popen(
            [
                "unshare",
                "--mount",
                "--pid",
                "--fork",
                "--kill-child",
                "--mount-proc",
                "--uts",
                "sh",
                self._root / "init",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    async def ready(self) -> None:
        try:
            async with asyncio.timeout(READY_SECONDS):
                while not await self._answers():  # noqa: ASYNC110 - another process
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            log = (self._root / "libvirtd.log").read_text()
            raise AssertionError(f"libvirtd does not come up: {log[-2000:]}") from None

    async def _answers(self) -> bool:
        asked = await asyncio.create_subprocess_exec(
            "virsh", "-c", self.uri, "version", stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        return await asked.wait() == 0

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    # --- faults ---

    def kill(self, *, stay_down: bool = False) -> None:
        """Another one is started in its place, at once or by `let_return`."""
        if stay_down:
            (self._root / "hold").touch()
        os.kill(self._daemon_or_fail(), signal.SIGKILL)

    def let_return(self) -> None:
        (self._root / "hold").unlink()

    def hang(self) -> None:
        os.kill(self._daemon_or_fail(), signal.SIGSTOP)

    def wake(self) -> None:
        os.kill(self._daemon_or_fail(), signal.SIGCONT)

    def signal_guest(self, vm_id: str, number: signal.Signals) -> None:
        os.kill(next(self._guests(vm_id)), number)

    def guest_is_there(self, vm_id: str) -> bool:
        return next(self._guests(vm_id), None) is not None

    # --- processes ---

    def _daemon_or_fail(self) -> int:
        daemon = self._daemon()
        assert daemon is not None, "no libvirtd runs in this namespace"
        return daemon

    def _daemon(self) -> int | None:
        return next((pid for pid in self._inhabitants() if _name_of(pid) == "libvirtd"), None)

    def _guests(self, vm_id: str) -> Iterator[int]:
        return (pid for pid in self._inhabitants() if vm_id in _command_line(pid) and "qemu" in _name_of(pid))

    def _inhabitants(self) -> Iterator[int]:
        """All descendants of our init, which adopts those that became daemons."""
        assert self._process is not None
        front = [self._process.pid]
        while front:
            pid = front.pop()
            yield pid
            front.extend(_children(pid))


def _children(pid: int) -> list[int]:
    children: list[int] = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            children.extend(int(child) for child in (task / "children").read_text().split())
    except OSError:  # ended while we looked
        return []
    return children


def _name_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


@contextmanager
def a_private_libvirtd() -> Iterator[PrivateLibvirtd]:
    """Not `ready` yet."""
    with tempfile.TemporaryDirectory(prefix="mainstay-", dir="/tmp", ignore_cleanup_errors=True) as root:
        daemon = PrivateLibvirtd(Path(root))
        daemon.start()
        try:
            yield daemon
        finally:
            daemon.stop()
