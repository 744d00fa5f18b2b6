"""`python -m tests.prove`: prints every trial with the states it visited; the exit status says whether the proof stands."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ProcessPoolExecutor

from tests.prove.spin import Search
from tests.prove.trials import Trial, code_trials, spin_trials


def timed(trial: Trial) -> tuple[Search, float]:
    begun = time.perf_counter()
    return trial.run(), time.perf_counter() - begun


def main() -> int:
    trials: list[Trial] = [*code_trials(), *spin_trials()]
    failures = states = 0
    with ProcessPoolExecutor() as workers:
        for trial, (found, seconds) in zip(trials, workers.map(timed, trials), strict=True):
            as_expected = found.is_broken == trial.must_break
            failures += not as_expected
            states += found.states
            print(line(trial, found, seconds, as_expected=as_expected), flush=True)
    print(f"{len(trials)} trials, {states} states visited, {failures} went the wrong way")
    return 1 if failures else 0


def line(trial: Trial, found: Search, seconds: float, *, as_expected: bool) -> str:
    outcome = "broken" if found.is_broken else "holds"
    verdict = "as it must" if as_expected else "WRONG"
    return f"{trial.tool:4}  {trial.name:62} {outcome:6} {verdict:10} {found.states:>9} states {seconds:6.1f} s"


if __name__ == "__main__":
    sys.exit(main())
