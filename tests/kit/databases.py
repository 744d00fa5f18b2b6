"""Database servers for tests: each in a temporary directory, on a free port, started and stopped here by pid.

Both servers refuse to run as root, so each runs as its Debian user, who owns the directory."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp

START_SECONDS = 60


@dataclass
class Server:
    """A running database server.  `url` names a database of its own; `stop` and `start` are for tests that hurt it."""

    user: str
    directory: Path
    port: int
    command: tuple[str, ...]
    url: str
    process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> None:
        self.process = subprocess.Popen(as_user(self.user, *self.command), stdout=self._log(), stderr=subprocess.STDOUT)
        deadline = time.monotonic() + START_SECONDS
        while not answers(self.port):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not start:\n{(self.directory / 'log').read_text()[-2000:]}")
            time.sleep(0.1)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT lets PostgreSQL end without waiting for clients; SIGKILL is a crash."""
        if self.process is None:
            return
        self.process.send_signal(how)
        self.process.wait(START_SECONDS)
        self.process = None

    def add_database(self, name: str) -> None:
        """Beside the first one; PostgreSQL only."""
        binary = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1] / "createdb"
        run_as(self.user, str(binary), "-h", "127.0.0.1", "-p", str(self.port), "-U", "mainstay", name)

    def _log(self) -> int:
        return os.open(self.directory / "log", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644)


@contextmanager
def postgresql() -> Iterator[Server]:
    """PostgreSQL with a database `mainstay`, reached over loopback without a password."""
    with directory_of("postgres") as directory:
        binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
        data = directory / "data"
        run_as("postgres", f"{binaries}/initdb", "-D", str(data), "-A", "trust", "-U", "mainstay", "--no-sync")
        port = free_port()
        options = ("-h", "127.0.0.1", "-p", str(port), "-k", str(directory), "-c", "fsync=off")
        command = (f"{binaries}/postgres", "-D", str(data), *options)
        url = f"postgresql+asyncpg://mainstay@127.0.0.1:{port}/mainstay"
        with running(Server("postgres", directory, port, command, url)) as server:
            run_as("postgres", f"{binaries}/createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "mainstay", "mainstay")
            yield server


@contextmanager
def mariadb(extra: Sequence[str] = ()) -> Iterator[Server]:
    """MariaDB with a database `mainstay` and a user of that name, reached over loopback."""
    with directory_of("mysql") as directory:
        data, socket_path, port = directory / "data", directory / "s", free_port()
        run_as(
            "mysql",
            "mariadb-install-db",
            f"--datadir={data}",
            "--auth-root-authentication-method=normal",
            "--no-defaults",
        )
        command = (
            "/usr/sbin/mariadbd",
            "--no-defaults",
            f"--datadir={data}",
            f"--socket={socket_path}",
            f"--port={port}",
            "--bind-address=127.0.0.1",
            "--innodb-flush-log-at-trx-commit=2",
            f"--pid-file={directory}/pid",
            *extra,
        )
        url = f"mysql+asyncmy://mainstay:mainstay@127.0.0.1:{port}/mainstay?charset=utf8mb4"
        with running(Server("mysql", directory, port, command, url)) as server:
            statements = (
                "CREATE DATABASE mainstay CHARACTER SET utf8mb4 COLLATE utf8mb4_bin; "
                "CREATE USER mainstay@'127.0.0.1' IDENTIFIED BY 'mainstay'; "
                "GRANT ALL ON *.* TO mainstay@'127.0.0.1';"
            )
            run_as("mysql", "mariadb", "--no-defaults", f"--socket={socket_path}", "-uroot", "-e", statements)
            yield server


@contextmanager
def running(server: Server) -> Iterator[Server]:
    server.start()
    try:
        yield server
    finally:
        server.stop(signal.SIGTERM if server.user == "mysql" else signal.SIGINT)


@contextmanager
def directory_of(user: str) -> Iterator[Path]:
    directory = Path(mkdtemp(prefix=f"mainstay-{user}-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    shutil.chown(directory, user=user)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def run_as(user: str, *command: str) -> None:
    done = subprocess.run(as_user(user, *command), capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed: {done.stdout[-1000:]} {done.stderr[-2000:]}")


def as_user(user: str, *command: str) -> list[str]:
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--reset-env", *command]


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
