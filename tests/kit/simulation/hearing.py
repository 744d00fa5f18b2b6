"""What the code under test logs: into the story, or nowhere; but an unforeseen error is always heard.

A run at speed must not format a hundred thousand log lines, yet a traceback that the code logs and lives with is a finding."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, cast

import structlog

from tests.kit.simulation.loop import running_process

Hear = Callable[[str, str, BaseException | None], None]
"""Who, what, and the error if it was one."""


class _Ears:
    """One thread, one run at a time."""

    hear: Hear
    all: bool = False


class Ear:
    """Stands where structlog's logger would."""

    def __init__(self, *_: object, **__: object) -> None: ...

    def bind(self, **_facts: object) -> Ear:
        return self

    def debug(self, _sentence: str, **_facts: object) -> None: ...

    def info(self, sentence: str, **facts: object) -> None:
        if _Ears.all:
            self._hear(sentence, facts, None)

    warning = info

    def error(self, sentence: str, **facts: object) -> None:
        error = facts.pop("exc_info", None)
        self._hear(sentence, facts, error if isinstance(error, BaseException) else None)

    def exception(self, sentence: str, **facts: object) -> None:
        self._hear(sentence, facts, sys.exc_info()[1])

    def _hear(self, sentence: str, facts: dict[str, Any], error: BaseException | None) -> None:
        process = running_process()
        told = " ".join(f"{name}={value}" for name, value in facts.items() if name != "room")
        _Ears.hear(process.name if process else "world", f"{sentence} {told}".rstrip(), error)


def listen(hear: Hear, *, to_all: bool) -> None:
    _Ears.hear, _Ears.all = staticmethod(hear), to_all
    structlog.configure(wrapper_class=cast(Any, Ear), cache_logger_on_first_use=True)
