"""Real lease daemons on one machine, with pretended guests and a pretended watchdog card; for stories on real time."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from mainstay_agent.lease.client import SocketLeaseArea
from mainstay_proto.messages import LeaseProfile, PoolMount
from mainstay_runtime.clock import SystemClock
from mainstay_runtime.tasks import background

POOL = "pool-1"
# Hastier than `fast`, so that stories on real time end soon; not so hasty that a busy machine tells other ones.
HASTY = LeaseProfile(
    name="hasty",
    renew_seconds=0.5,
    validity_seconds=5,
    watchdog_seconds=1,
    kill_grace_seconds=1,
    late_io_seconds=0.3,
    poll_seconds=0.2,
    hold_seconds=8,
)
PATIENT = replace(HASTY, name="patient", validity_seconds=30, hold_seconds=48)
"""Outlasts the start of a process on a busy machine."""
START_DEADLINE_SECONDS = 20.0
_DAEMON = [sys.executable, "-c", "from mainstay_agent.leased.main import main; main()"]


class CardReader:
    """The other end of a watchdog supervisor's socket: remembers the words and when the last pet came."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(path))

    def words(self) -> list[str]:
        """Since they were last asked for."""
        heard: list[str] = []
        with suppress(BlockingIOError):
            while True:
                heard.append(self._socket.recv(100).decode().strip())
        return heard

    def close(self) -> None:
        self._socket.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonHost:
    """A directory that plays one host: its run directory, its daemon, its guests."""

    host_id: str
    slot: int
    home: Path
    pool: Path
    card: CardReader

    @asynccontextmanager
    async def daemon(self) -> AsyncIterator[asyncio.subprocess.Process]:
        process = await asyncio.create_subprocess_exec(
            *_DAEMON,
            env={
                **os.environ,
                "MAINSTAY_LEASED_SOCKET": str(self.home / "leased.sock"),
                "MAINSTAY_LEASED_MEMORY": str(self.home / "leased.json"),
                "MAINSTAY_LEASED_WATCHDOG": f"supervisor:{self.home / 'card.sock'}",
                "MAINSTAY_LEASED_EMULATOR": "pretended",
                "MAINSTAY_LEASED_TICK_SECONDS": "0.05",
                "MAINSTAY_LEASED_UNMOUNTED_POOLS": "true",
            },
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                await process.wait()

    @asynccontextmanager
    async def area(self) -> AsyncIterator[SocketLeaseArea]:
        """Connected."""
        area = SocketLeaseArea(self.home / "leased.sock", SystemClock())
        async with background(area.run):
            async with asyncio.timeout(START_DEADLINE_SECONDS):
                await anext(aiter(area.events()))
            yield area

    async def configure(self, area: SocketLeaseArea, profile: LeaseProfile = HASTY) -> None:
        names = tuple((POOL, number, f"h{number}") for number in range(2))
        mount = PoolMount(pool_id=POOL, path=str(self.pool), slot=self.slot)
        await area.configure(self.host_id, f"boot-{self.host_id}", (mount,), names, profile)

    @asynccontextmanager
    async def guest(self, vm_id: str) -> AsyncIterator[asyncio.subprocess.Process]:
        emulator = self.home / "pretended-emulator"
        if not emulator.exists():
            emulator.symlink_to(sys.executable)
        process = await asyncio.create_subprocess_exec(
            emulator, "-c", "import time; time.sleep(600)", "-name", "guest=x", "-uuid", vm_id
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


@asynccontextmanager
async def a_daemon_host(home: Path, pool: Path, number: int = 0) -> AsyncIterator[DaemonHost]:
    home.mkdir()
    card = CardReader(home / "card.sock")
    try:
        yield DaemonHost(host_id=f"h{number}", slot=number, home=home, pool=pool, card=card)
    finally:
        card.close()


async def until(what: Callable[[], Awaitable[bool]], within_seconds: float = START_DEADLINE_SECONDS) -> None:
    async with asyncio.timeout(within_seconds):
        while not await what():  # noqa: ASYNC110
            await asyncio.sleep(0.05)
