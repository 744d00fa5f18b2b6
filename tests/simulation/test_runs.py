"""The simulation itself: a seed is a run.  `make simulate` draws many; docs/findings.md tells what they found.

The test runs `python -m tests.kit.simulate` in a process of its own, since a run repeats only where strings hash alike."""

from __future__ import annotations

import subprocess
import sys


def simulate(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.kit.simulate", *arguments], capture_output=True, text=True, check=False
    )


def test_a_seed_gives_the_same_story_in_another_process_and_after_other_runs() -> None:
    alone = simulate("--seed", "102", "--quiet")

    again = simulate("--seed", "102", "--quiet")

    digest = alone.stdout.splitlines()[-1]
    assert digest.startswith("seed 102, digest ")
    assert again.stdout.splitlines()[-1] == digest
