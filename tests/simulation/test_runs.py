"""The simulation itself: a seed is a run, and CI runs fresh ones.

Each test runs `python -m tests.kit.simulate` in a process of its own, since a run repeats only where strings hash alike."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys

import pytest

SCHEDULES = int(os.environ.get("SCHEDULES", "1000" if os.environ.get("CI") else "20"))


def simulate(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.kit.simulate", *arguments], capture_output=True, text=True, check=False
    )


def test_a_seed_gives_the_same_story_in_another_process_and_after_other_runs() -> None:
    alone = simulate("--seed", "102", "--quiet")

    again = simulate("--seed", "102", "--quiet")

    assert alone.stdout == again.stdout
    assert "loses power" in alone.stdout


@pytest.mark.timeout(3600)
def test_fresh_seeds_keep_every_promise() -> None:
    seed_from = secrets.randbelow(10**9)

    ran = simulate("--schedules", str(SCHEDULES), "--seed-from", str(seed_from))

    print(ran.stdout.splitlines()[-1] if ran.stdout else ran.stderr)
    assert ran.returncode == 0, f"seeds from {seed_from}:\n{ran.stdout[-8000:]}{ran.stderr[-2000:]}"
    assert re.search(rf"schedules={SCHEDULES} .* violations=0 ", ran.stdout)
