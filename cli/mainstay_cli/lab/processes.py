"""Processes of the lab: run a command to its end, start one that outlives us, find and signal those of a namespace.

A process that outlives its starter (a controller, an agent, the machine room) is no asyncio child, since those die with their loop."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mainstay_runtime.errors import DeadlineExceeded, MainstayError

COMMAND_DEADLINE_SECONDS = 60.0


class CommandFailed(MainstayError):
    """A command of the lab failed."""

    code = "command-failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A running process as /proc tells it."""

    pid: int
    argv: tuple[str, ...]

    def is_called(self, name: str) -> bool:
        """By the name of its program, or of the script or module that an interpreter runs."""
        return any(Path(word).name == name for word in self.argv[:3])


async def run(argv: Sequence[str], *, deadline_seconds: float = COMMAND_DEADLINE_SECONDS, stdin: str = "") -> str:
    """Standard output of a command that ended well; CommandFailed with its standard error otherwise."""
    child = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=_environment(),
    )
    try:
        async with asyncio.timeout(deadline_seconds):
            out, err = await child.communicate(stdin.encode())
    except TimeoutError as error:
        raise DeadlineExceeded(f"{' '.join(argv)}: no end within {deadline_seconds} s") from error
    finally:
        if child.returncode is None:
            child.kill()
    if child.returncode:
        raise CommandFailed(f"{' '.join(argv)}: {err.decode(errors='replace').strip()}", status=child.returncode)
    return out.decode(errors="replace")


def start(argv: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """A process of its own session that goes on when we are gone; both its outputs are appended to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=_environment(),
            start_new_session=True,
        )


def _environment() -> dict[str, str]:
    """Hosts see the same checkout as we do, and find the same Python."""
    system_path = os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{system_path}"}


def child_of(pid: int) -> int | None:
    """The only child of a process that exists to have one (unshare, nsenter)."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(children[0]) if children else None


def programs_in(pid_namespace: str) -> Iterator[Program]:
    """All processes of a pid namespace, named as `namespace_of` does."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and namespace_of(int(entry.name)) == pid_namespace:
            with suppress(FileNotFoundError, ProcessLookupError):
                argv = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
                yield Program(pid=int(entry.name), argv=tuple(argv))


def pid_outside(number: int, pid_namespace: str | None) -> int | None:
    """What we call the process that is called `number` in that pid namespace."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and pid_namespace is not None and namespace_of(int(entry.name)) == pid_namespace:
            with suppress(FileNotFoundError, ProcessLookupError):
                numbers = (entry / "status").read_text().split("NSpid:")[1].splitlines()[0].split()
                if int(numbers[-1]) == number:
                    return int(entry.name)
    return None


def namespace_of(pid: int) -> str | None:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return None


def is_alive(pid: int) -> bool:
    """A zombie is dead."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def send(pid: int, what: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, what)
