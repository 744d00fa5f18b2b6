"""Simulate clouds from seeds: many of them and count, or one and tell its story.

    python -m tests.kit.simulate --schedules 1000 --seed-from 0      last line: schedules, seeds, violations, schedules/s
    python -m tests.kit.simulate --schedules 1000 --fresh            from seeds that nobody has seen; those of this run are printed
    python -m tests.kit.simulate --seconds 150 --seed-from 7         as many as are done in that time
    python -m tests.kit.simulate --seed 46                           the timeline of that run; --quiet without what processes log
    python -m tests.kit.simulate --chord each --schedules 320        letters struck in step (simulation/chords.py), each chord in turn; or one by name
    python -m tests.kit.simulate --false-alarms 100                  so many host-hours in which no host dies

The exit status says whether a promise was broken.  A seed gives the same run at the same commit, whatever ran before it and on whichever core."""

from __future__ import annotations

import argparse
import gc
import math
import multiprocessing
import os
import resource
import secrets
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from tests.kit.simulation import chords, false_alarms, hearing
from tests.kit.simulation.plan import Plan
from tests.kit.simulation.run import Verdict, run
from tests.kit.simulation.schedule import plan_of

HASH_SEED = "0"
MEMORY_BYTES = 4 << 30  # of one worker: a run that goes wild must not take the machine along
CORES = 2
SHOWN_MAX = 20
FRESH_SEEDS = 1 << 40
BATCH = 40
EACH = "each"

PlanFrom = Callable[[int], Plan]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What one seed came to.  `wild`: the run itself broke."""

    seed: int
    verdict: Verdict | None = None
    wild: str = ""
    heard: tuple[str, ...] = ()

    @property
    def broken(self) -> tuple[str, ...]:
        violations = tuple(str(each) for each in self.verdict.violations) if self.verdict else ()
        return (*violations, self.wild) if self.wild else violations


def simulate(seed: int, plan_from: PlanFrom = plan_of) -> Ran:
    heard: list[str] = []

    def hear(who: str, what: str, error: BaseException | None) -> None:
        if error is not None:
            heard.append(f"{who}: {what}: {error!r}")

    hearing.listen(hear, to_all=False)
    try:
        return Ran(seed=seed, verdict=run(plan_from(seed)).verdict, heard=tuple(heard))
    except Exception:
        return Ran(seed=seed, wild=f"the run went wild: {traceback.format_exc(limit=-1)}", heard=tuple(heard))


def simulated(
    seeds: Sequence[int], cores: int = CORES, seconds: float = math.inf, plan_from: PlanFrom = plan_of
) -> Iterator[Ran]:
    """On all cores, in whatever order they end; no more are begun when so many seconds are over."""
    gc.freeze()
    ends_at = time.perf_counter() + seconds
    with multiprocessing.get_context("fork").Pool(cores, _be_a_worker, maxtasksperchild=200) as pool:
        for first in range(0, len(seeds), BATCH):
            yield from pool.imap_unordered(partial(simulate, plan_from=plan_from), seeds[first : first + BATCH])
            if time.perf_counter() > ends_at:
                return


def _be_a_worker() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def tell(seed: int, quiet: bool, plan_from: PlanFrom = plan_of) -> bool:
    """Print the story of one seed; False: a promise was broken."""
    outcome = run(plan_from(seed), listening=not quiet)
    print(outcome.cloud.story.timeline())
    for violation in outcome.verdict.violations:
        print(f"BROKEN  {violation}")
    print(f"seed {seed}, digest {outcome.verdict.digest}, {len(outcome.verdict.violations)} violations")
    return not outcome.verdict.violations


@dataclass(slots=True)
class Tally:
    """What many runs came to.  `heard`: unforeseen errors that the code logged and lived with, in how many runs each."""

    schedules: int = 0
    virtual_seconds: float = 0.0
    incidents: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    heard: Counter[str] = field(default_factory=Counter)
    broken: dict[int, tuple[str, ...]] = field(default_factory=dict)

    def add(self, ran: Ran) -> None:
        self.schedules += 1
        self.heard.update(set(ran.heard))
        if ran.verdict is not None:
            self.kinds.update(ran.verdict.kinds)
            self.virtual_seconds += ran.verdict.seconds
            self.incidents += ran.verdict.incidents
        if ran.broken:
            self.broken[ran.seed] = ran.broken


def tally(runs: Iterator[Ran]) -> Tally:
    """Prints what breaks as soon as it does."""
    whole = Tally()
    for ran in runs:
        whole.add(ran)
        if ran.broken and len(whole.broken) <= SHOWN_MAX:
            print(f"seed {ran.seed}:", *ran.broken, sep="\n    ", flush=True)
    return whole


def count(seeds: range, cores: int, seconds: float, plan_from: PlanFrom = plan_of, drawn: str = "") -> bool:
    """Print a summary; False: a promise was broken.  `drawn`: the option that names how."""
    began = time.perf_counter()
    whole = tally(simulated(seeds, cores, seconds, plan_from))
    took = time.perf_counter() - began
    print("happenings:", ", ".join(f"{kind} {number}" for kind, number in sorted(whole.kinds.items())))
    for what, times in whole.heard.most_common(SHOWN_MAX):
        print(f"logged in {times} runs: {what}")
    for seed in sorted(whole.broken):
        print(f"a promise was broken; its story: python -m tests.kit.simulate {drawn}--seed {seed}")
    print(
        f"schedules={whole.schedules} seeds={seeds.start}..{seeds.start + whole.schedules - 1} "
        f"violations={len(whole.broken)} schedules/s={whole.schedules / took:.1f} cores={cores}"
    )
    return not whole.broken


def count_false_alarms(host_hours: float, seed_from: int, cores: int) -> bool:
    """Print how many wrong actions against living hosts there were; False: some."""
    seeds = range(seed_from, seed_from + math.ceil(host_hours / false_alarms.HOST_HOURS))
    began = time.perf_counter()
    whole = tally(simulated(seeds, cores, plan_from=false_alarms.plan_of))
    took, simulated_hours = time.perf_counter() - began, len(seeds) * false_alarms.HOST_HOURS
    wrong, pauses = sum(map(len, whole.broken.values())), sum(whole.kinds.values()) - whole.kinds[false_alarms.LOSS]
    print(
        f"host-hours={simulated_hours:.1f} wrong actions={wrong} suspicions={whole.incidents} pauses={pauses} "
        f"seeds={seeds.start}..{seeds.stop - 1} host-hours/s={simulated_hours / took:.2f} cores={cores}"
    )
    return not wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schedules", type=int, default=1000)
    parser.add_argument("--seed-from", type=int, default=0)
    parser.add_argument("--fresh", action="store_true", help="draw the first seed")
    parser.add_argument("--seed", type=int, help="tell the story of this one")
    parser.add_argument(
        "--quiet", action="store_true", help="of one story, only what happens to machines, guests and rows"
    )
    parser.add_argument("--seconds", type=float, default=math.inf, help="begin none after so many")
    parser.add_argument("--chord", choices=(EACH, *chords.CHORDS), help="seeds of this chord, or of each in turn")
    parser.add_argument("--false-alarms", type=float, metavar="HOURS", help="host-hours in which no host dies")
    parser.add_argument("--cores", type=int, default=CORES)
    chosen = parser.parse_args()
    if os.environ.get("PYTHONHASHSEED") != HASH_SEED:
        os.execve(
            sys.executable,
            [sys.executable, "-m", "tests.kit.simulate", *sys.argv[1:]],
            {**os.environ, "PYTHONHASHSEED": HASH_SEED},
        )
    sys.exit(0 if _carried_out(chosen) else 1)


def _carried_out(chosen: argparse.Namespace) -> bool:
    plan_from = plan_of if chosen.chord is None else partial(chords.plan_of, chord=chords.CHORDS.get(chosen.chord))
    if chosen.seed is not None:
        return tell(chosen.seed, chosen.quiet, plan_from)
    if chosen.false_alarms is not None:
        return count_false_alarms(chosen.false_alarms, chosen.seed_from, chosen.cores)
    first = secrets.randbelow(FRESH_SEEDS) if chosen.fresh else chosen.seed_from
    seeds = range(first, first + chosen.schedules)
    drawn = f"--chord {chosen.chord} " if chosen.chord else ""
    return count(seeds, chosen.cores, chosen.seconds, plan_from, drawn)


if __name__ == "__main__":
    main()
