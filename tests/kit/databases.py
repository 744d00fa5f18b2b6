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
from contextlib import ExitStack, closing, contextmanager
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

    def start(self, *once: str) -> None:
        """`once`: arguments of this start only.  Launched again like by a supervisor: the children of a killed one hold its memory for a moment."""
        deadline = time.monotonic() + START_SECONDS
        self.process = self._launched(*once)
        while not self._takes_connections():
            if time.monotonic() > deadline:
                raise RuntimeError(f"the server did not start:\n{(self.directory / 'log').read_text()[-2000:]}")
            if self.process.poll() is not None:
                self.process = self._launched(*once)
            time.sleep(0.1)

    def _launched(self, *once: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(as_user(self.user, *self.command, *once), stdout=self._log(), stderr=subprocess.STDOUT)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT lets PostgreSQL end without waiting for clients; SIGKILL is a crash."""
        if self.process is None:
            return
        self.process.send_signal(how)
        self.process.wait(START_SECONDS)
        self.process = None

    def add_database(self, name: str) -> None:
        """PostgreSQL only."""
        run_as(
            self.user, postgresql_program("createdb"), "-h", "127.0.0.1", "-p", str(self.port), "-U", "mainstay", name
        )

    def _takes_connections(self) -> bool:
        """PostgreSQL listens before it lets anybody in."""
        if self.user != "postgres":
            return answers(self.port)
        question = [postgresql_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(question, timeout=START_SECONDS, check=False).returncode == 0

    def _log(self) -> int:
        return os.open(self.directory / "log", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644)


@contextmanager
def postgresql() -> Iterator[Server]:
    """PostgreSQL with a database `mainstay`, reached over loopback without a password."""
    with directory_of("postgres") as directory:
        data = directory / "data"
        run_as("postgres", postgresql_program("initdb"), "-D", str(data), "-A", "trust", "-U", "mainstay", "--no-sync")
        port = free_port()
        options = ("-h", "127.0.0.1", "-p", str(port), "-k", str(directory), "-c", "fsync=off")
        command = (postgresql_program("postgres"), "-D", str(data), *options)
        url = f"postgresql+asyncpg://mainstay@127.0.0.1:{port}/mainstay"
        with running(Server("postgres", directory, port, command, url)) as server:
            server.add_database("mainstay")
            yield server


@contextmanager
def mariadb() -> Iterator[Server]:
    """MariaDB with a database `mainstay` and a user of that name, reached over loopback."""
    with directory_of("mysql") as directory, running(a_mariadb(directory)) as server:
        add_mariadb_user(server)
        yield server


def a_mariadb(directory: Path, *more: str) -> Server:
    data, port = directory / "data", free_port()
    root = "--auth-root-authentication-method=normal"
    run_as("mysql", "mariadb-install-db", f"--datadir={data}", root, "--no-defaults")
    command = (
        "/usr/sbin/mariadbd",
        "--no-defaults",
        f"--datadir={data}",
        f"--socket={directory / 's'}",
        f"--port={port}",
        "--bind-address=127.0.0.1",
        "--innodb-flush-log-at-trx-commit=2",
        f"--pid-file={directory}/pid",
        *more,
    )
    url = f"mysql+asyncmy://mainstay:mainstay@127.0.0.1:{port}/mainstay?charset=utf8mb4"
    return Server("mysql", directory, port, command, url)


def add_mariadb_user(server: Server) -> None:
    ask_mariadb(
        server,
        "CREATE DATABASE mainstay CHARACTER SET utf8mb4 COLLATE utf8mb4_bin; "
        "CREATE USER mainstay@'127.0.0.1' IDENTIFIED BY 'mainstay'; "
        "GRANT ALL ON *.* TO mainstay@'127.0.0.1';",
    )


def ask_mariadb(server: Server, statements: str) -> str:
    socket_path = f"--socket={server.directory / 's'}"
    return run_as("mysql", "mariadb", "--no-defaults", socket_path, "-uroot", "-N", "-e", statements)


@contextmanager
def galera(nodes: int = 3) -> Iterator[list[Server]]:
    """A Galera cluster, every node of which is written to; a node that comes back catches up from the others."""
    with ExitStack() as stack:
        ports = [free_port() for _ in range(nodes)]
        servers: list[Server] = []
        for number in range(nodes):
            directory = stack.enter_context(directory_of("mysql"))
            server = a_mariadb(directory, *_wsrep(number, ports))
            servers.append(stack.enter_context(running(server, *([] if servers else ["--wsrep-new-cluster"]))))
            if number == 0:
                add_mariadb_user(server)
            wait_until_synced(server)
        yield servers


def _wsrep(number: int, ports: Sequence[int]) -> tuple[str, ...]:
    """Group messages go over one port a node, its neighbour's whole state and what it missed over others."""
    addresses = ",".join(f"127.0.0.1:{port}" for port in ports)
    heard_at, caught_up_at = f"tcp://127.0.0.1:{ports[number]}", f"tcp://127.0.0.1:{free_port()}"
    return (
        "--binlog-format=ROW",
        "--default-storage-engine=InnoDB",
        "--innodb-autoinc-lock-mode=2",
        "--wsrep-on=ON",
        "--wsrep-provider=/usr/lib/galera/libgalera_smm.so",
        f"--wsrep-cluster-address=gcomm://{addresses}",
        f"--wsrep-node-name=n{number}",
        "--wsrep-node-address=127.0.0.1",
        "--wsrep-sync-wait=1",
        "--wsrep-sst-method=rsync",
        f"--wsrep-sst-receive-address=127.0.0.1:{free_port()}",
        f"--wsrep-provider-options=gmcast.listen_addr={heard_at};ist.recv_addr={caught_up_at};gcache.size=32M",
    )


def conflicts_found_by(server: Server) -> int:
    """Transactions that this node gave up, at their commit or before, for one that another had committed."""
    told = ask_mariadb(
        server, "SHOW STATUS WHERE Variable_name IN ('wsrep_local_cert_failures', 'wsrep_local_bf_aborts')"
    )
    return sum(int(line.split()[1]) for line in told.splitlines())


def wait_until_synced(server: Server) -> None:
    deadline = time.monotonic() + START_SECONDS
    while "Synced" not in ask_mariadb(server, "SHOW STATUS LIKE 'wsrep_local_state_comment'"):
        if time.monotonic() > deadline:
            raise RuntimeError(f"the node does not catch up:\n{(server.directory / 'log').read_text()[-2000:]}")
        time.sleep(0.2)


@contextmanager
def running(server: Server, *once: str) -> Iterator[Server]:
    """`once`: arguments of the first start only."""
    server.start(*once)
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


def postgresql_program(name: str) -> str:
    """Debian keeps them off the PATH, a folder a version."""
    return str(sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1] / name)


def run_as(user: str, *command: str) -> str:
    done = subprocess.run(as_user(user, *command), capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed: {done.stdout[-1000:]} {done.stderr[-2000:]}")
    return done.stdout


def as_user(user: str, *command: str) -> list[str]:
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--reset-env", *command]


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
