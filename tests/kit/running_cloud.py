"""A controller and agents of simulated hosts as processes of their own, for tests whose clients are strangers and block."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BIN = Path(sys.executable).parent
STARTS_WITHIN_SECONDS = 60.0
ENDS_WITHIN_SECONDS = 15.0
PACE = {"boot_seconds": 0.1}


@dataclass(frozen=True, slots=True)
class Desk:
    """Where the simulated world is hurt."""

    url: str

    def hurt(self, verb: str, target: str) -> None:
        asked = json.dumps({"target": target}).encode()
        headers = {"Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}/world/{verb}", asked, headers), timeout=10):
            pass


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningController:
    """`admin`: username, password, apikey and secretkey of the first administrator."""

    home: Path
    url: str
    agent_port: int
    admin: Mapping[str, str]

    @property
    def api(self) -> str:
        return f"{self.url}/client/api"

    @contextmanager
    def agents(self, invitations: Mapping[str, str]) -> Iterator[Desk]:
        """One process with the agents of these hosts, by name."""
        hosts = [
            {"name": name, "ip": f"10.0.0.{number}", "invitation": invitation}
            for number, (name, invitation) in enumerate(invitations.items(), start=1)
        ]
        home = self.home / "agents"
        home.mkdir()
        (home / "world.json").write_text(json.dumps({"hosts": hosts, "pace": PACE}))
        with self._agents_in(home) as desk:
            yield desk

    @contextmanager
    def twins(self) -> Iterator[None]:
        """Another process with a copy of those agents' identities."""
        home = self.home / "twins"
        shutil.copytree(self.home / "agents", home, ignore=shutil.ignore_patterns("run"))
        with self._agents_in(home):
            yield

    @contextmanager
    def _agents_in(self, home: Path) -> Iterator[Desk]:
        desk = f"127.0.0.1:{neighbouring_free_ports(1)}"
        arguments = {
            "driver": "simulated",
            "controllers": f"127.0.0.1:{self.agent_port}",
            "state-dir": str(home),
            "run-dir": str(home / "run"),
            "world": str(home / "world.json"),
            "desk": desk,
        }
        with _process("mainstay-agent", arguments, home.with_suffix(".log")):
            yield Desk(f"http://{desk}")


@contextmanager
def a_running_controller(home: Path) -> Iterator[RunningController]:
    """Ready to be called, on an empty SQLite database."""
    agent_port, api_port = neighbouring_free_ports(2), neighbouring_free_ports(1)
    arguments = {
        "state-dir": str(home / "state"),
        "listen": "127.0.0.1",
        "api-port": str(api_port),
        "agent-port": str(agent_port),
        "advertise": f"127.0.0.1:{agent_port}",
    }
    log, url = home / "controller.log", f"http://127.0.0.1:{api_port}"
    with _process("mainstay-controller", arguments, log) as process:
        until(lambda: _answers(f"{url}/readyz", process, log), STARTS_WITHIN_SECONDS)
        told = (home / "state" / "first-admin").read_text()
        admin = dict(line.split("=", 1) for line in told.splitlines())
        yield RunningController(home=home, url=url, agent_port=agent_port, admin=admin)


def until(what: Callable[[], bool], within_seconds: float) -> None:
    """For clients that block; real servers, real time."""
    ends = time.monotonic() + within_seconds
    while not what():
        if time.monotonic() > ends:
            raise TimeoutError(f"not within {within_seconds} s")
        time.sleep(0.1)


def neighbouring_free_ports(count: int) -> int:
    """The first of so many, all free a moment ago."""
    while True:
        sockets = [socket.socket() for _ in range(count)]
        try:
            sockets[0].bind(("127.0.0.1", 0))
            first: int = sockets[0].getsockname()[1]
            for offset, each in enumerate(sockets[1:], start=1):
                each.bind(("127.0.0.1", first + offset))
        except OSError:
            continue
        finally:
            for each in sockets:
                each.close()
        return first


@contextmanager
def _process(program: str, arguments: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    words: Sequence[str] = [word for name, value in arguments.items() for word in (f"--{name}", value)]
    with log.open("ab") as output:
        process = subprocess.Popen([BIN / program, *words], stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(ENDS_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(url: str, process: subprocess.Popen[bytes], log: Path) -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"the process ended: {log.read_text()}")
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False
