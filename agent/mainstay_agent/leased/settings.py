"""Settings of the lease daemon."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LeasedSettings:
    """Read once in main: command line, environment (MAINSTAY_LEASED_...), file, default."""

    # The agent finds the daemon here.
    socket: str = "/run/mainstay/leased.sock"
    # What may run on this host.  On a tmpfs: it must vanish with the host, and a write to it must never wait.
    memory: str = "/run/mainstay/leased.json"
    # What resets this host: none, device:/dev/watchdog or supervisor:/run/mainstay-watchdog.sock.
    watchdog: str = "device:/dev/watchdog"
    # Names of guests' processes begin like this.
    emulator: str = "qemu"
    # Between two looks at the clock.  So late may a guest be killed; the kill grace is many times that.
    tick_seconds: float = 0.1
    # Allow lease files on the host's own root file system: for a trial on one machine, never for a pool that can be unmounted.
    unmounted_pools: bool = False
