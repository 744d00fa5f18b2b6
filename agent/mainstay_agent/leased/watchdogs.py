"""What resets this host when its leases cannot be kept: a device, the lab's supervisor, or nothing.

The promise: opening, arming and petting all begin its time afresh, so none happens before the keeper allowed a pet; and a process that dies leaves it armed."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
from pathlib import Path

from mainstay_agent.lease.ports import Watchdog
from mainstay_runtime.errors import BadInput

# linux/watchdog.h: _IOWR('W', 6, int), _IOR('W', 5, int)
WDIOC_SETTIMEOUT = 0xC0045706
WDIOC_KEEPALIVE = 0x80045705
MAGIC_CLOSE = b"V"


class WatchdogDevice:
    """/dev/watchdog, which knows whole seconds only."""

    kind = "device"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._timeout_seconds = 0.0

    def pet(self, timeout_seconds: float) -> None:
        if self._descriptor is None:
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
        if timeout_seconds != self._timeout_seconds:
            self._arm(self._descriptor, timeout_seconds)
        fcntl.ioctl(self._descriptor, WDIOC_KEEPALIVE, struct.pack("i", 0))

    def _arm(self, descriptor: int, timeout_seconds: float) -> None:
        """Rounded down: firing early costs guests, firing late costs the promise."""
        answer = fcntl.ioctl(descriptor, WDIOC_SETTIMEOUT, struct.pack("i", int(timeout_seconds)))
        (granted,) = struct.unpack("i", answer)
        if granted > timeout_seconds:
            raise OSError(f"{self._path} fires after {granted} s and not after {timeout_seconds} s")
        self._timeout_seconds = timeout_seconds

    def disarm(self) -> None:
        if self._descriptor is not None:
            os.write(self._descriptor, MAGIC_CLOSE)
            os.close(self._descriptor)
            self._descriptor = None


class WatchdogSupervisor:
    """A unix datagram socket behind which somebody outside this host can end it (docs/architecture.md: the watchdog card of a lab host)."""

    kind = "supervisor"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._timeout_seconds = 0.0

    def pet(self, timeout_seconds: float) -> None:
        is_armed = timeout_seconds == self._timeout_seconds
        self._timeout_seconds = 0.0  # armed anew after a failure: the supervisor may be another one
        self._send("pet" if is_armed else f"arm {float(timeout_seconds)}")
        self._timeout_seconds = timeout_seconds

    def disarm(self) -> None:
        self._send("disarm")
        self._timeout_seconds = 0.0

    def _send(self, word: str) -> None:
        self._socket.sendto(f"{word}\n".encode(), str(self._path))


class NoWatchdog:
    kind = "none"

    def pet(self, timeout_seconds: float) -> None: ...

    def disarm(self) -> None: ...


def watchdog_at(place: str) -> Watchdog:
    """`none`, `device:/dev/watchdog` or `supervisor:/run/mainstay-watchdog.sock`."""
    kind, _, path = place.partition(":")
    match kind:
        case "none" if not path:
            return NoWatchdog()
        case "device" if path:
            return WatchdogDevice(Path(path))
        case "supervisor" if path:
            return WatchdogSupervisor(Path(path))
    raise BadInput(f"no watchdog is described by {place!r}: give none, device:PATH or supervisor:PATH")
