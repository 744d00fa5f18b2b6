"""Plant a fault in the code for as long as a block lasts: a function or method of a module or class is put in the place of the one that ships.

A planted fault is small and has a name; if no seed finds it, the alphabet of faults lacks something."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


class Planter:
    """Puts things in the place of others, and remembers what was there."""

    def __init__(self) -> None:
        self._was: list[tuple[Any, str, Any]] = []

    def put(self, owner: Any, name: str, other: Any) -> None:
        """`owner`: the module or class in which the name is looked up."""
        self._was.append((owner, name, vars(owner)[name]))
        setattr(owner, name, other)

    def undo(self) -> None:
        for owner, name, was in reversed(self._was):
            setattr(owner, name, was)


@dataclass(frozen=True, slots=True)
class Mutant:
    """`chord`: what has to come together for it to matter (tests.kit.simulation.chords)."""

    name: str
    plant: Callable[[Planter], None]
    room: str
    chord: str


@contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    planter = Planter()
    try:
        mutant.plant(planter)
        yield
    finally:
        planter.undo()
