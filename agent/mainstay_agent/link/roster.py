"""Which controller to try next: every known one once, in a fresh random order each round, those we were sent to first."""

from __future__ import annotations

from mainstay_runtime.clock import Rng


class Roster:
    """`seeds` come from the settings and are never forgotten; what a controller tells is added."""

    def __init__(self, seeds: tuple[str, ...], rng: Rng) -> None:
        self._seeds = seeds
        self._told: tuple[str, ...] = ()
        self._rng = rng
        self._round: list[str] = []

    def learn(self, controllers: tuple[str, ...]) -> None:
        self._told = controllers

    def prefer(self, controllers: tuple[str, ...]) -> None:
        """Redirected: those first, in random order."""
        self._round = self._rng.shuffled(list(controllers))

    def next(self) -> str:
        if not self._round:
            self._round = self._rng.shuffled(sorted({*self._seeds, *self._told}))
        return self._round.pop(0)
