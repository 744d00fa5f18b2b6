"""Simulate clouds from seeds: many of them and count, or one and tell its story.

    python -m tests.kit.simulate --schedules 1000 --seed-from 0      last line: schedules, seeds, violations, schedules/s
    python -m tests.kit.simulate --seed 46                           the timeline of that run; --quiet without what processes log

The exit status says whether a promise was broken.  A seed gives the same run at the same commit, whatever ran before it and on whichever core."""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import os
import resource
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.kit.simulation import hearing
from tests.kit.simulation.run import Verdict, run
from tests.kit.simulation.schedule import plan_of

HASH_SEED = "0"
MEMORY_BYTES = 4 << 30  # of one worker: a run that goes wild must not take the machine along
CORES = 2
SHOWN_MAX = 20


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


def simulate(seed: int) -> Ran:
    heard: list[str] = []

    def hear(who: str, what: str, error: BaseException | None) -> None:
        if error is not None:
            heard.append(f"{who}: {what}: {error!r}")

    hearing.listen(hear, to_all=False)
    try:
        return Ran(seed=seed, verdict=run(plan_of(seed)).verdict, heard=tuple(heard))
    except Exception:
        return Ran(seed=seed, wild=f"the run went wild: {traceback.format_exc(limit=-1)}", heard=tuple(heard))


def simulated(seeds: Iterable[int], cores: int = CORES) -> Iterator[Ran]:
    """On all cores, in whatever order they end."""
    gc.freeze()
    with multiprocessing.get_context("fork").Pool(cores, _be_a_worker, maxtasksperchild=200) as pool:
        yield from pool.imap_unordered(simulate, seeds, chunksize=4)


def _be_a_worker() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def tell(seed: int, quiet: bool) -> bool:
    """Print the story of one seed; False: a promise was broken."""
    outcome = run(plan_of(seed), listening=not quiet)
    print(outcome.cloud.story.timeline())
    for violation in outcome.verdict.violations:
        print(f"BROKEN  {violation}")
    print(f"seed {seed}, digest {outcome.verdict.digest}, {len(outcome.verdict.violations)} violations")
    return not outcome.verdict.violations


def count(seeds: range, cores: int) -> bool:
    """Print a summary; False: a promise was broken."""
    began, violated, kinds, seconds = time.perf_counter(), [], Counter[str](), 0.0
    for ran in simulated(seeds, cores):
        if ran.verdict is not None:
            kinds.update(ran.verdict.kinds)
            seconds += ran.verdict.seconds
        if ran.broken:
            violated.append(ran.seed)
            if len(violated) <= SHOWN_MAX:
                print(f"seed {ran.seed}:", *ran.broken, sep="\n    ", flush=True)
    took = time.perf_counter() - began
    print("happenings:", ", ".join(f"{kind} {number}" for kind, number in sorted(kinds.items())))
    print(f"virtual seconds: {seconds:.0f}; seeds that broke a promise: {sorted(violated)}")
    print(
        f"schedules={len(seeds)} seeds={seeds.start}..{seeds.stop - 1} violations={len(violated)} "
        f"schedules/s={len(seeds) / took:.1f} cores={cores}"
    )
    return not violated


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schedules", type=int, default=1000)
    parser.add_argument("--seed-from", type=int, default=0)
    parser.add_argument("--seed", type=int, help="tell the story of this one")
    parser.add_argument(
        "--quiet", action="store_true", help="of one story, only what happens to machines, guests and rows"
    )
    parser.add_argument("--cores", type=int, default=CORES)
    chosen = parser.parse_args()
    if os.environ.get("PYTHONHASHSEED") != HASH_SEED:
        os.execve(
            sys.executable,
            [sys.executable, "-m", "tests.kit.simulate", *sys.argv[1:]],
            {**os.environ, "PYTHONHASHSEED": HASH_SEED},
        )
    seeds = range(chosen.seed_from, chosen.seed_from + chosen.schedules)
    kept = count(seeds, chosen.cores) if chosen.seed is None else tell(chosen.seed, chosen.quiet)
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
