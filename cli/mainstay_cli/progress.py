"""One line on the terminal that says how far a job is; nothing where nobody watches."""

from __future__ import annotations

import sys
from types import TracebackType

from mainstay_cli.client import Row, text
from mainstay_runtime.clock import Clock

CLEAR_LINE = "\r\x1b[K"


class Progress:
    def __init__(self, command: str, clock: Clock) -> None:
        self._command = command
        self._clock = clock
        self._began = clock.monotonic()
        self._watched = sys.stderr.isatty()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write("")

    def told(self, job: Row) -> None:
        seconds = self._clock.monotonic() - self._began
        phase, percent = text(job, "phase") or "waiting for a controller", text(job, "progress") or "0"
        self._write(f"{self._command}: {phase} ({percent} %), {seconds:.1f} s")

    def _write(self, line: str) -> None:
        if self._watched:
            sys.stderr.write(CLEAR_LINE + line)
            sys.stderr.flush()
