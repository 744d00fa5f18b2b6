"""Kills guests by the process table alone: no hypervisor's daemon is asked.

A guest's process is the emulator whose command line carries `-uuid <vm id>`.  It is gone when no such process is left.  A dying emulator
loses its command line before its last thread leaves the kernel; as long as one such is there, it may be anybody's, and nobody counts as gone."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from mainstay_agent.lease.area import LedgerEntry
from mainstay_agent.leased.lanes import Lane

PROC = Path("/proc")
FINISHED = frozenset("ZX")


class ProcessKiller:
    """A `GuestKiller`.  Its thread may hang on a process that hangs: /proc/<pid>/cmdline waits for the memory of its owner."""

    def __init__(self, emulator: str = "qemu", proc: Path = PROC) -> None:
        self._emulator = emulator
        self._proc = proc
        self._lane = Lane("process table")

    async def kill(self, entries: tuple[LedgerEntry, ...]) -> tuple[LedgerEntry, ...]:
        return await self._lane.do(lambda: self.sweep(entries))

    def sweep(self, entries: tuple[LedgerEntry, ...]) -> tuple[LedgerEntry, ...]:
        wanted = {entry.vm_id.lower() for entry in entries}
        seen: set[str] = set()
        somebody_is_dying = False
        for pid in self._emulators():
            vm_id = self._shoot(pid, wanted)
            if vm_id is not None:
                seen.add(vm_id)
            else:
                somebody_is_dying |= self._is_dying(pid)
        if somebody_is_dying:
            return ()
        return tuple(entry for entry in entries if entry.vm_id.lower() not in seen)

    def _emulators(self) -> Iterator[int]:
        for name in os.listdir(self._proc):
            if name.isdigit() and self._text(name, "comm").startswith(self._emulator):
                yield int(name)

    def _shoot(self, pid: int, wanted: set[str]) -> str | None:
        """The guest it runs, shot if wanted.  The process is held by a descriptor, so that no later one with its number is hit."""
        try:
            process = os.pidfd_open(pid)
        except ProcessLookupError:
            return None
        try:
            vm_id = uuid_in(self._text(str(pid), "cmdline"))
            if vm_id in wanted:
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(process, signal.SIGKILL)
            return vm_id
        finally:
            os.close(process)

    def _is_dying(self, pid: int) -> bool:
        """Without a command line, yet with a thread that has not finished: asleep in the kernel, its I/O not drained."""
        if self._text(str(pid), "cmdline"):
            return False
        tasks = self._proc / str(pid) / "task"
        try:
            threads = os.listdir(tasks)
        except OSError:
            return False
        states = (state_in(self._text(str(pid), f"task/{thread}/stat")) for thread in threads)
        return any(state not in FINISHED for state in states)

    def _text(self, pid: str, name: str) -> str:
        """Empty when the process is gone meanwhile."""
        try:
            return (self._proc / pid / name).read_text(errors="replace")
        except OSError:
            return ""


def uuid_in(cmdline: str) -> str | None:
    arguments = cmdline.split("\0")
    if "-uuid" not in arguments[:-1]:
        return None
    return arguments[arguments.index("-uuid") + 1].lower()


def state_in(stat: str) -> str:
    """The field after the name in brackets, which may itself hold brackets.  A thread that is gone has finished."""
    after_name = stat.rpartition(")")[2].split()
    return after_name[0] if after_name else "X"
