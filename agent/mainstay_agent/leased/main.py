"""`mainstay-leased`: composes the lease area of this host with real ports and serves it.

The promise: nothing it does between two looks at the clock waits for a disk - its memory is locked, its logs go through a queue, each pool has a thread -
so that it pets in time whatever hangs.  It ends loudly on a bug; the watchdog stays armed, and whoever supervises it starts it again."""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import errno
import fcntl
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from logging.handlers import QueueHandler, QueueListener
from pathlib import Path
from queue import Full, Queue

from mainstay_agent.lease.local import AreaPorts, AreaSettings, LocalLeaseArea
from mainstay_agent.leased.memory import TmpfsMemory
from mainstay_agent.leased.pools import FileSlotStore
from mainstay_agent.leased.processes import ProcessKiller
from mainstay_agent.leased.server import AreaServer
from mainstay_agent.leased.settings import LeasedSettings
from mainstay_agent.leased.watchdogs import watchdog_at
from mainstay_runtime import logs, settings
from mainstay_runtime.clock import SystemClock
from mainstay_runtime.errors import BadInput
from mainstay_runtime.tasks import background

LOG_LINES_MAX = 10_000
STACK_BYTES = 512 * 1024  # of every thread: locked memory is really there
MCL_CURRENT, MCL_FUTURE = 1, 2  # sys/mman.h


def main() -> None:
    parser = argparse.ArgumentParser(prog="mainstay-leased", description="Keeps this host's storage leases.")
    parser.add_argument("--config", type=Path, help="TOML file of settings")
    threading.stack_size(STACK_BYTES)
    try:
        found = settings.load(LeasedSettings, prefix="MAINSTAY_LEASED_", file=parser.parse_args().config)
        with unhurried_logs(), alone(Path(found.memory)):
            asyncio.run(serve(found))
    except BadInput as error:
        sys.exit(f"mainstay-leased: {error}")


async def serve(found: LeasedSettings) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def on_cached(pool_id: str, detail: str) -> None:
        loop.call_soon_threadsafe(area.warn, "direct-io-refused", detail, pool_id)

    ports = AreaPorts(
        slots=FileSlotStore(on_cached, unmounted_allowed=found.unmounted_pools),
        killer=ProcessKiller(found.emulator),
        watchdog=watchdog_at(found.watchdog),
        memory=TmpfsMemory(Path(found.memory)),
    )
    tick = found.tick_seconds
    area = LocalLeaseArea(ports, SystemClock(), AreaSettings(tick_seconds=tick, idle_seconds=tick))
    refusal = lock_memory()
    if refusal:
        area.warn("cannot-lock-memory", refusal)
    async with background(area.run, AreaServer(area, Path(found.socket)).run):
        await stop.wait()
    await area.resign()


def lock_memory() -> str:
    """Why it cannot; empty when it is locked."""
    libc = ctypes.CDLL(None, use_errno=True)
    return os.strerror(ctypes.get_errno()) if libc.mlockall(MCL_CURRENT | MCL_FUTURE) else ""


@contextmanager
def alone(memory: Path) -> Iterator[None]:
    """One daemon per memory: two would each pet for what the other does not know."""
    memory.parent.mkdir(parents=True, exist_ok=True)
    with memory.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno != errno.EWOULDBLOCK:
                raise
            raise BadInput(f"another mainstay-leased lives: {lock.name} is locked") from error
        yield


class _PatientHandler(QueueHandler):
    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record  # it never leaves this process

    def enqueue(self, record: logging.LogRecord) -> None:
        with suppress(Full):  # whoever reads the log hangs: lines are lost, and not the host
            self.queue.put_nowait(record)


@contextmanager
def unhurried_logs() -> Iterator[None]:
    """Lines are written by a thread of their own, which alone waits for the reader."""
    logs.configure()
    root = logging.getLogger()
    queue: Queue[logging.LogRecord] = Queue(LOG_LINES_MAX)
    listener = QueueListener(queue, *root.handlers)
    root.handlers = [_PatientHandler(queue)]
    listener.start()
    try:
        yield
    finally:
        listener.stop()
