"""Breadth first through every world that can come of the first one; the shortest way to a broken one, if there is one."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from tests.prove.world import Rules, Universe, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploration:
    worlds: int
    way: tuple[str, ...] | None  # to a broken world


def explore(rules: Rules) -> Exploration:
    universe = Universe(rules)
    came_from: dict[World, tuple[World, str] | None] = {universe.first(): None}
    waiting = deque(came_from)
    while waiting:
        world = waiting.popleft()
        for name, reached in universe.moves(world):
            if reached in came_from:
                continue
            came_from[reached] = (world, name)
            if reached.is_broken:
                return Exploration(worlds=len(came_from), way=_way_to(reached, came_from))
            waiting.append(reached)
    return Exploration(worlds=len(came_from), way=None)


def _way_to(world: World, came_from: dict[World, tuple[World, str] | None]) -> tuple[str, ...]:
    names: list[str] = []
    while (step := came_from[world]) is not None:
        world, name = step
        names.append(name)
    return tuple(reversed(names))
