"""A setting that an operator may change: its name, its bounds and where it applies; how its value is read from text and written.  Pure.

Each field of `operations.settings.Settings` is annotated with one; registry, API and documentation are read from those annotations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

Value = bool | int | float | str
HIDDEN = "********"


class Scope(StrEnum):
    """Where a setting may have a value of its own, in CloudStack's spelling."""

    GLOBAL = "Global"
    ZONE = "Zone"
    CLUSTER = "Cluster"
    STORAGE_POOL = "StoragePool"
    ACCOUNT = "Account"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tunable:
    """`told`: a sentence for operators.  `theirs`: CloudStack's default, where ours differs.

    `at_start`: read when a controller starts, because its agents have been told; all others take effect within a second or two.
    `is_secret`: its value is sealed in the database, and shown to root administrators only."""

    name: str
    told: str
    group: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    scope: Scope = Scope.GLOBAL
    theirs: str = ""
    at_start: bool = False
    is_secret: bool = False

    def read(self, text: str, kind: type) -> Value:
        """Raises ValueError with what is allowed."""
        value = READERS[kind](text.strip())
        if self.choices and value not in self.choices:
            raise ValueError(f"it must be one of {', '.join(self.choices)}")
        if isinstance(value, int | float) and not isinstance(value, bool):
            self._check_range(value)
        return value

    def shown(self, value: Value) -> str:
        return HIDDEN if self.is_secret and value else written(value)

    @property
    def range(self) -> str:
        """What is allowed, for people."""
        if self.choices:
            return ", ".join(self.choices)
        if self.low is None and self.high is None:
            return ""
        return f"{'' if self.low is None else _plain(self.low)}..{'' if self.high is None else _plain(self.high)}"

    def _check_range(self, value: float) -> None:
        too_low = self.low is not None and not value >= self.low
        too_high = self.high is not None and not value <= self.high
        if too_low or too_high:
            raise ValueError(f"it must lie in {self.range}{' ' + self.unit if self.unit else ''}")


def written(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)


def _truth(text: str) -> bool:
    truth = {"true": True, "false": False}.get(text.lower())
    if truth is None:
        raise ValueError("it must be true or false")
    return truth


def _whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("it must be a whole number") from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("it must be a number") from None


READERS: Mapping[type, Callable[[str], Value]] = {bool: _truth, int: _whole_number, float: _number, str: str}
