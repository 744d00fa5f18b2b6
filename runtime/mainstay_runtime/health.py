"""Is this process well, and may it be given work?  What /healthz and /readyz say.

Every part of the process that others depend on claims its place at the start and says how it is whenever that changes.
Ready: every part is well.  Healthy: a part may be waiting for the world outside, but none is `broken`, which a restart would cure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Condition(StrEnum):
    WELL = "well"
    WAITING = "waiting"  # for something outside: not ready, and a restart would not help
    BROKEN = "broken"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartHealth:
    condition: Condition
    why: str = ""


class Health:
    """The parts named at the start wait until they say that they are well."""

    def __init__(self, *parts: str) -> None:
        self._parts = {part: PartHealth(condition=Condition.WAITING, why="not started") for part in parts}

    def tell(self, part: str, condition: Condition, why: str = "") -> None:
        self._parts[part] = PartHealth(condition=condition, why=why)

    @property
    def is_ready(self) -> bool:
        return all(part.condition is Condition.WELL for part in self._parts.values())

    @property
    def is_healthy(self) -> bool:
        return all(part.condition is not Condition.BROKEN for part in self._parts.values())

    def report(self) -> dict[str, str]:
        """One line per part, for people."""
        return {name: f"{part.condition}: {part.why}".removesuffix(": ") for name, part in self._parts.items()}
