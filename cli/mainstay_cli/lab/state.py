"""Which labs this machine carries: one state file each, from which everything else follows.

A lab whose keeper died (a test run that was killed) is found here and swept away by the next."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mainstay_cli.lab.layout import NETNS_DIRECTORY, Layout
from mainstay_runtime.clock import Rng
from mainstay_runtime.errors import MainstayError

_PREFIX = "mainstay-lab-"


class NoLab(MainstayError):
    """No lab is up; `mainstay lab up` makes one."""

    code = "no-lab"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """The process a lab belongs to; pid and start time together name it for ever.  None keeps itself (`mainstay lab up`)."""

    pid: int
    started: str

    @classmethod
    def with_pid(cls, pid: int) -> Keeper | None:
        try:
            started = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
        except (FileNotFoundError, ProcessLookupError):
            return None
        return cls(pid=pid, started=started)

    def lives(self) -> bool:
        return Keeper.with_pid(self.pid) == self


def new_layout(rng: Rng, *, size: int, pools: tuple[str, ...], watchdogs: bool) -> Layout:
    while True:
        lab_id = rng.token(2).hex()
        layout = Layout(lab_id=lab_id, root=_root(lab_id), size=size, pools=pools, watchdogs=watchdogs)
        if not layout.root.exists() and not (NETNS_DIRECTORY / layout.fabric).exists():
            return layout


def save(layout: Layout, keeper: Keeper | None) -> None:
    layout.state_file.write_text(
        json.dumps(
            {
                "lab_id": layout.lab_id,
                "size": layout.size,
                "pools": layout.pools,
                "watchdogs": layout.watchdogs,
                "keeper": [keeper.pid, keeper.started] if keeper else None,
            }
        )
    )


def load_layout(root: Path) -> Layout:
    return _layout_of(root, json.loads((root / "lab.json").read_text()))


def labs() -> list[tuple[Layout, Keeper | None]]:
    """Oldest first."""
    found = sorted(Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/lab.json"), key=lambda path: path.stat().st_mtime)
    return [_read(path) for path in found]


def latest_kept_by_itself() -> Layout:
    for layout, keeper in reversed(labs()):
        if keeper is None:
            return layout
    raise NoLab


def _read(state_file: Path) -> tuple[Layout, Keeper | None]:
    state = json.loads(state_file.read_text())
    keeper = Keeper(pid=state["keeper"][0], started=state["keeper"][1]) if state["keeper"] else None
    return _layout_of(state_file.parent, state), keeper


def _layout_of(root: Path, state: dict[str, object]) -> Layout:
    lab_id, size, pools, watchdogs = (state[name] for name in ("lab_id", "size", "pools", "watchdogs"))
    assert isinstance(lab_id, str)
    assert isinstance(size, int)
    assert isinstance(pools, list)
    return Layout(lab_id=lab_id, root=root, size=size, pools=tuple(map(str, pools)), watchdogs=bool(watchdogs))


def _root(lab_id: str) -> Path:
    return Path(tempfile.gettempdir()) / f"{_PREFIX}{lab_id}"
