"""Where a running demo keeps itself, so that a second terminal finds it."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from mainstay_cli.profile import Profile
from mainstay_runtime.errors import BadInput

PORTS_TRIED = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What a second terminal must know.  `desks`: by cluster, where its hosts are hurt."""

    pid: int
    profile: Profile
    desks: Mapping[str, str]


def home() -> Path:
    base = os.environ.get("XDG_RUNTIME_DIR") or "/tmp"
    return Path(base) / f"mainstay-demo-{os.getuid()}"


def fresh_home() -> Path:
    """Empty; raises BadInput while another demo lives in it."""
    if running() is not None:
        raise BadInput(f"a demo is running already, in {home()}")
    shutil.rmtree(home(), ignore_errors=True)
    home().mkdir(mode=0o700)
    return home()


def remember(what: Running) -> None:
    (home() / "demo.json").write_text(json.dumps(asdict(what)))


def running() -> Running | None:
    """The demo that runs now, if its process lives."""
    file = home() / "demo.json"
    if not file.exists():
        return None
    kept = json.loads(file.read_text())
    profile = Profile(**cast("dict[str, str]", kept["profile"]))
    found = Running(pid=kept["pid"], profile=profile, desks=kept["desks"])
    return found if Path(f"/proc/{found.pid}").exists() else None


def the_running() -> Running:
    found = running()
    if found is None:
        raise BadInput("no demo is running: begin one with `make demo`")
    return found


def free_port(wanted: int, together: int = 1) -> int:
    """The wanted one, or a later one: `together` neighbouring ports that nobody listens on."""
    for first in range(wanted, wanted + PORTS_TRIED, together):
        if all(_is_free(port) for port in range(first, first + together)):
            return first
    raise BadInput(f"no port from {wanted} on is free")


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
