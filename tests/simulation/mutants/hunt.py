"""Hunt planted faults: from which seed on does a run break a promise that the code that ships keeps on that seed?

    python -m tests.simulation.mutants.hunt --schedules 3000            all of them; writes seeds.toml as they are found
    python -m tests.simulation.mutants.hunt --replay                    those of seeds.toml, each by its seed; the exit status says whether all were found
    python -m tests.simulation.mutants.hunt off_is_believed_alone ...   these only

A change of the code or of the alphabet draws other runs from a seed; so a replay goes on for a few seeds before it gives a fault up."""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import os
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tests.kit.simulate import HASH_SEED, simulate
from tests.simulation.mutants.catalogue import MUTANTS
from tests.simulation.mutants.planting import planted

SEEDS = Path(__file__).with_name("seeds.toml")
REPLAYED_MAX = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarry:
    name: str
    seed_from: int
    schedules: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Catch:
    """`seed` None: it got away."""

    name: str
    seed: int | None
    promise: str = ""


def hunt(quarry: Quarry) -> Catch:
    for seed, promise in islice(_broken_from(quarry), 1):
        return Catch(name=quarry.name, seed=seed, promise=promise)
    return Catch(name=quarry.name, seed=None)


def _broken_from(quarry: Quarry) -> Iterator[tuple[int, str]]:
    """Seeds that break a promise with the fault, and none without."""
    for seed in range(quarry.seed_from, quarry.seed_from + quarry.schedules):
        with planted(MUTANTS[quarry.name]):
            broken = simulate(seed).broken
        if broken and not simulate(seed).broken:
            yield seed, broken[0]


def known_seeds() -> dict[str, int]:
    return tomllib.loads(SEEDS.read_text())["seeds"] if SEEDS.exists() else {}


def keep(seeds: dict[str, int]) -> None:
    lines = [f"{name} = {seed}" for name, seed in sorted(seeds.items())]
    SEEDS.write_text(
        "# Which seed finds which planted fault; written by tests.simulation.mutants.hunt.\n[seeds]\n"
        + "\n".join(lines)
        + "\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="of faults; all if none is given")
    parser.add_argument("--schedules", type=int, default=3000)
    parser.add_argument("--seed-from", type=int, default=0)
    parser.add_argument("--replay", action="store_true")
    parser.add_argument("--cores", type=int, default=2)
    chosen = parser.parse_args()
    if os.environ.get("PYTHONHASHSEED") != HASH_SEED:
        again = [sys.executable, "-m", "tests.simulation.mutants.hunt", *sys.argv[1:]]
        os.execve(sys.executable, again, {**os.environ, "PYTHONHASHSEED": HASH_SEED})
    seeds = known_seeds()
    names = chosen.names or sorted(seeds if chosen.replay else MUTANTS)
    schedules = REPLAYED_MAX if chosen.replay else chosen.schedules
    quarries = [
        Quarry(name=name, seed_from=seeds[name] if chosen.replay else chosen.seed_from, schedules=schedules)
        for name in names
    ]
    caught = []
    for catch in _hunted(quarries, chosen.cores):
        caught.append(catch)
        print(f"{catch.name}: seed {catch.seed} {catch.promise}", flush=True)
        if catch.seed is not None and not chosen.replay:
            keep(known_seeds() | {catch.name: catch.seed})
    away = [each.name for each in caught if each.seed is None]
    print(f"planted={len(caught)} found={len(caught) - len(away)} got away: {', '.join(away) or 'none'}")
    sys.exit(1 if away else 0)


def _hunted(quarries: list[Quarry], cores: int) -> Iterator[Catch]:
    gc.freeze()
    with multiprocessing.get_context("fork").Pool(cores, maxtasksperchild=1) as pool:
        yield from pool.imap_unordered(hunt, quarries)


if __name__ == "__main__":
    main()
