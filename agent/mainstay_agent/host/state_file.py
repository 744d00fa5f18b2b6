"""What an agent remembers, as a file on a tmpfs: there after a restart of the agent, gone after one of the host."""

from __future__ import annotations

from pathlib import Path

from mainstay_runtime.identity import write_secret


class StateFile:
    """Readable by its owner alone, for guests' specs hold passwords."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> bytes | None:
        return self._path.read_bytes() if self._path.exists() else None

    def save(self, state: bytes) -> None:
        write_secret(self._path, state)
