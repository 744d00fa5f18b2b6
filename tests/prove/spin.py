"""Runs takeover.pml through spin: every state that its parameters allow, or the first broken one."""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass, fields
from pathlib import Path

MODEL = Path(__file__).parent / "takeover.pml"
DEPTH_MAX = 5_000_000
MEMORY_MIB_MAX = 4096
DEADLINE_SECONDS = 900
_LIMITS = ("max search depth too small", "Search not completed", "out of memory")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticks:
    """Parameters of the model; the names are takeover.pml's."""

    V: int = 3
    W: int = 1
    G: int = 1
    DELTA: int = 1
    SLIP: int = 0
    H: int = 4

    def __str__(self) -> str:
        return " ".join(f"{each.name}={getattr(self, each.name)}" for each in fields(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    states: int
    is_broken: bool


class SearchFailed(Exception):
    """Spin did not see everything: what it says is no proof."""


def search(ticks: Ticks, defines: tuple[str, ...]) -> Search:
    """`defines`: POISON, HOLD and GONE widen the world; the rest hurts it."""
    given = [f"-D{define}" for define in (*str(ticks).split(), *defines)]
    with tempfile.TemporaryDirectory(prefix="mainstay-prove-") as folder:
        _run(["spin", "-a", *given, str(MODEL)], folder)
        _run(["gcc", "-O2", "-w", "-DSAFETY", f"-DMEMLIM={MEMORY_MIB_MAX}", "-o", "pan", "pan.c"], folder)
        told = _run(["./pan", f"-m{DEPTH_MAX}"], folder)
    errors, states = re.search(r"errors: (\d+)", told), re.search(r"(\d+) states, stored", told)
    if errors is None or states is None:
        raise SearchFailed(told)
    is_broken = errors[1] != "0"
    if not is_broken and any(limit in told for limit in _LIMITS):
        raise SearchFailed(told)
    return Search(states=int(states[1]), is_broken=is_broken)


def _run(command: list[str], folder: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False)
    if done.returncode != 0 and command[0] != "./pan":
        raise SearchFailed(done.stdout + done.stderr)
    return done.stdout
