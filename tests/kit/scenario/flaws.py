"""A flaw in a story's files: which file, which line, which field, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Mark:
    file: Path
    line: int

    def __str__(self) -> str:
        return f"{self.file.parent.name}/{self.file.name}, line {self.line}"


class Flaw(Exception):
    """A story cannot be played as it is written."""

    def __init__(self, mark: Mark, field: str, what: str) -> None:
        super().__init__(f"{mark}, {field}: {what}")


def unknown(mark: Mark, field: str, said: str, known: Iterable[str]) -> Flaw:
    """With what may have been meant."""
    names = sorted(known)
    near = get_close_matches(said, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(names) or 'none'}"
    return Flaw(mark, field, f"there is no {said!r}; {hint}")
