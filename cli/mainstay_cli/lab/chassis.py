"""One host's chassis: its power and its watchdog card, seen from outside the host's namespaces.

The promise: when the power is cut the cable goes dead first, so that no farewell leaves the host, and `off` returns only when
every process of the host is gone.  The watchdog card fires by its own clock, whatever the host does (docs/architecture.md, Lab)."""

from __future__ import annotations

import asyncio
import fcntl
import signal
import socket
import struct
from collections.abc import Callable

from mainstay_cli.lab.layout import NETNS_DIRECTORY, HostPlace, Layout
from mainstay_cli.lab.parts import SOURCES
from mainstay_cli.lab.processes import child_of, send
from mainstay_runtime.errors import DeadlineExceeded

BOOT_DEADLINE_SECONDS = 90.0
OFF_DEADLINE_SECONDS = 60.0
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
_UNSHARE = ("unshare", "--pid", "--fork", "--kill-child", "--mount", "--uts", "--ipc", "--mount-proc")

Journal = Callable[[HostPlace, str], None]


class Chassis:
    """Power of one host.  Runs in the fabric's network namespace, where the cables' other ends are."""

    def __init__(self, place: HostPlace, layout: Layout, journal: Journal) -> None:
        self.place = place
        self._layout = layout
        self._journal = journal
        self._power: asyncio.subprocess.Process | None = None
        self._busy = asyncio.Lock()

    @property
    def is_on(self) -> bool:
        return self._power is not None and self._power.returncode is None

    @property
    def init_pid(self) -> int | None:
        """Process 1 of the host as we number it."""
        return child_of(self._power.pid) if self._power is not None and self.is_on else None

    async def switch_on(self) -> None:
        """Until the host has booted; nothing happens if it is on."""
        async with self._busy:
            if self.is_on:
                return
            self._journal(self.place, "power on")
            _set_link(self.place.cable, up=True)
            self._power = await asyncio.create_subprocess_exec(*self._boot_command(), stdout=asyncio.subprocess.PIPE)
            await self._wait_for_boot(self._power)

    async def switch_off(self, why: str) -> None:
        """Until nothing of the host is left; nothing happens if it is off."""
        self.cut_power(why)
        if self._power is not None:
            async with asyncio.timeout(OFF_DEADLINE_SECONDS):
                await self._power.wait()

    def cut_power(self, why: str) -> None:
        init_pid = self.init_pid
        if init_pid is None:
            return
        _set_link(self.place.cable, up=False)
        send(init_pid, signal.SIGKILL)
        self._journal(self.place, f"power cut: {why}")

    def _boot_command(self) -> tuple[str, ...]:
        enter = ("nsenter", f"--net={NETNS_DIRECTORY / self.place.netns}")
        init = (str(SOURCES / "host-init"), str(self.place.home), self.place.name, " ".join(self._layout.pools))
        return (*enter, *_UNSHARE, "sh", *init, str(self._layout.poolfs))

    async def _wait_for_boot(self, power: asyncio.subprocess.Process) -> None:
        assert power.stdout is not None
        try:
            async with asyncio.timeout(BOOT_DEADLINE_SECONDS):
                word = await power.stdout.readline()
        except TimeoutError as error:
            raise DeadlineExceeded(f"{self.place.name} did not boot; see {self.place.home}/boot.log") from error
        if word.strip() != b"ready":
            raise DeadlineExceeded(f"{self.place.name} died while booting; see {self.place.home}/boot.log")
        self._journal(self.place, "booted")


class WatchdogCard(asyncio.DatagramProtocol):
    """Arms, is petted, fires.  Unknown words are noted and otherwise ignored."""

    def __init__(self, chassis: Chassis, journal: Journal) -> None:
        self._chassis = chassis
        self._journal = journal
        self._timeout_seconds = 0.0
        self._timer: asyncio.TimerHandle | None = None

    async def plug_in(self) -> None:
        path = self._chassis.place.watchdog_socket
        path.unlink(missing_ok=True)
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, local_addr=str(path), family=socket.AF_UNIX)

    def datagram_received(self, data: bytes, _sender: object) -> None:
        match data.decode(errors="replace").split():
            case ["arm", seconds] if _is_positive(seconds):
                self._timeout_seconds = float(seconds)
                self._restart()
                self._journal(self._chassis.place, f"watchdog armed for {seconds} s")
            case ["pet"]:
                if self._timer is not None:
                    self._restart()
            case ["disarm"]:
                self.disarm()
                self._journal(self._chassis.place, "watchdog disarmed")
            case _:
                self._journal(self._chassis.place, f"watchdog does not know {data!r}")

    def disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None

    def _restart(self) -> None:
        self.disarm()
        self._timer = asyncio.get_running_loop().call_later(self._timeout_seconds, self._fire)

    def _fire(self) -> None:
        self._timer = None
        self._chassis.cut_power(f"watchdog not petted for {self._timeout_seconds} s")


def _is_positive(seconds: str) -> bool:
    try:
        return float(seconds) > 0
    except ValueError:
        return False


def _set_link(name: str, *, up: bool) -> None:
    """Without a child process: between the watchdog's end and the host's there is no time for one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        answer = fcntl.ioctl(any_socket, _SIOCGIFFLAGS, struct.pack("16sh22x", name.encode(), 0))
        (flags,) = struct.unpack_from("16xh", answer)
        flags = flags | _IFF_UP if up else flags & ~_IFF_UP
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh22x", name.encode(), flags))
