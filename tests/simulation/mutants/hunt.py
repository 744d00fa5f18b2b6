"""Hunt planted faults: from which seed on does a run break a promise that the code that ships keeps on that seed?

    python -m tests.simulation.mutants.hunt                             all of them, from seed 0; seeds.toml keeps what is found
    python -m tests.simulation.mutants.hunt off_is_believed_alone ...   these only
    python -m tests.simulation.mutants.hunt --replay                    each by its kept seed; the exit status says whether all were found
    python -m tests.simulation.mutants.hunt --stale                     anew only those whose kept seed finds them no more
    python -m tests.simulation.mutants.hunt --table                     what is kept, as a table for docs/findings.md

What the fault itself breaks - a process, the run - is no find.  A change of the code draws other runs from a seed; a replay therefore goes on for
a few seeds before it gives a fault up."""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import os
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from pathlib import Path

from tests.kit.simulate import HASH_SEED, Ran, simulate
from tests.kit.simulation import chords
from tests.kit.simulation.plan import Plan
from tests.kit.simulation.run import PROCESSES
from tests.simulation.mutants.catalogue import MUTANTS
from tests.simulation.mutants.planting import planted

SEEDS = Path(__file__).with_name("seeds.toml")
SCHEDULES_MAX = 3000
REPLAYED_MAX = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarry:
    name: str
    seed_from: int = 0
    schedules: int = SCHEDULES_MAX

    @property
    def chord(self) -> str:
        return MUTANTS[self.name].chord


@dataclass(frozen=True, slots=True, kw_only=True)
class Catch:
    """`runs`: that were needed.  `seed` None: it got away."""

    name: str
    seed: int | None
    runs: int
    promise: str = ""


@dataclass(slots=True)
class Ground:
    """The runs of one chord; what the code that ships makes of each is looked at once."""

    chord: str
    _is_calm: dict[int, bool] = field(default_factory=dict)

    def hunt(self, quarry: Quarry) -> Catch:
        for run, seed in enumerate(range(quarry.seed_from, quarry.seed_from + quarry.schedules), 1):
            with planted(MUTANTS[quarry.name]):
                promise = promise_broken(self._ran(seed))
            if promise and self._keeps_all_promises(seed):
                return Catch(name=quarry.name, seed=seed, runs=run, promise=promise)
        return Catch(name=quarry.name, seed=None, runs=quarry.schedules)

    def _keeps_all_promises(self, seed: int) -> bool:
        if seed not in self._is_calm:
            self._is_calm[seed] = not self._ran(seed).broken
        return self._is_calm[seed]

    def _ran(self, seed: int) -> Ran:
        return simulate(seed, partial(plan_of, chord=self.chord))


def plan_of(seed: int, chord: str) -> Plan:
    return replace(chords.plan_of(seed, chords.CHORDS[chord]), ends_when_broken=True)


def promise_broken(ran: Ran) -> str:
    """Empty: none, or a process broke, which says nothing about the watcher."""
    broken = [each.promise for each in ran.verdict.violations] if ran.verdict is not None else []
    return "" if PROCESSES in broken or not broken else broken[0]


def hunt_on(quarries: list[Quarry]) -> list[Catch]:
    """All on one ground."""
    ground = Ground(quarries[0].chord)
    return [ground.hunt(quarry) for quarry in quarries]


def hunted(quarries: Iterable[Quarry], cores: int) -> Iterator[Catch]:
    by_chord = sorted(quarries, key=lambda each: (each.chord, each.name))
    parties = [list(party) for _, party in groupby(by_chord, key=lambda each: each.chord)]
    gc.freeze()
    with multiprocessing.get_context("fork").Pool(cores, maxtasksperchild=1) as pool:
        for catches in pool.imap_unordered(hunt_on, parties):
            yield from catches


# --- what is kept ---------------------------------------------------------------------------------------------------------


def known() -> dict[str, Catch]:
    kept = tomllib.loads(SEEDS.read_text()) if SEEDS.exists() else {}
    return {name: Catch(name=name, **facts) for name, facts in kept.items()}


def keep(catches: Iterable[Catch]) -> None:
    """Beside what is kept already; what got away is forgotten."""
    kept = known() | {each.name: each for each in catches}
    lines = [
        "# The seed that finds each planted fault, after how many runs, and by which promise; written by tests.simulation.mutants.hunt."
    ]
    for name, catch in sorted(kept.items()):
        if catch.seed is not None and name in MUTANTS:
            lines += ["", f"[{name}]", f"seed = {catch.seed}", f"runs = {catch.runs}", f'promise = "{catch.promise}"']
    SEEDS.write_text("\n".join(lines) + "\n")


def table() -> str:
    kept = known()
    rows = ["| room | planted fault | situation | found by the promise | after runs |", "|---|---|---|---|---|"]
    for name, mutant in MUTANTS.items():
        if name in kept:
            facts = (mutant.room, name, mutant.chord, kept[name].promise, str(kept[name].runs))
            rows.append("| " + " | ".join(each.replace("_", " ") for each in facts) + " |")
    return "\n".join(rows)


# --- the command ----------------------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="of faults; all if none is given")
    parser.add_argument("--schedules", type=int, default=SCHEDULES_MAX)
    parser.add_argument("--replay", action="store_true")
    parser.add_argument("--stale", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--cores", type=int, default=2)
    chosen = parser.parse_args()
    if chosen.table:
        print(table())
        return
    if os.environ.get("PYTHONHASHSEED") != HASH_SEED:
        again = [sys.executable, "-m", "tests.simulation.mutants.hunt", *sys.argv[1:]]
        os.execve(sys.executable, again, {**os.environ, "PYTHONHASHSEED": HASH_SEED})
    sys.exit(0 if _carried_out(chosen) else 1)


def _carried_out(chosen: argparse.Namespace) -> bool:
    if chosen.replay:
        return not _told(hunted(_to_replay(chosen.names, REPLAYED_MAX), chosen.cores))
    names = chosen.names or list(MUTANTS)
    if chosen.stale:
        gone = _told(hunted(_to_replay(names, 1), chosen.cores))
        names = [name for name in names if name in gone or name not in known()]
    return not _told(_kept(hunted([Quarry(name=name, schedules=chosen.schedules) for name in names], chosen.cores)))


def _to_replay(names: list[str], schedules: int) -> list[Quarry]:
    return [
        Quarry(name=name, seed_from=catch.seed, schedules=schedules)
        for name, catch in known().items()
        if catch.seed is not None and (not names or name in names)
    ]


def _kept(catches: Iterable[Catch]) -> Iterator[Catch]:
    for catch in catches:
        keep([catch])
        yield catch


def _told(catches: Iterable[Catch]) -> list[str]:
    """Who got away."""
    planted, away = 0, []
    for catch in catches:
        planted += 1
        print(f"{catch.name}: seed {catch.seed} after {catch.runs} runs: {catch.promise}", flush=True)
        if catch.seed is None:
            away.append(catch.name)
    print(f"planted={planted} found={planted - len(away)} got away: {', '.join(away) or 'none'}", flush=True)
    return away


if __name__ == "__main__":
    main()
