"""The simulation itself: a seed is a run, and CI repeats sixty known ones; `make simulate SEED_FROM=...` draws fresh ones.

Each test runs `python -m tests.kit.simulate` in a process of its own, since a run repeats only where strings hash alike."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

SCHEDULES = int(os.environ.get("SCHEDULES", "60" if os.environ.get("CI") else "20"))
SEED_FROM = int(os.environ.get("SEED_FROM", "0"))


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
def test_every_seed_keeps_every_promise() -> None:
    ran = simulate("--schedules", str(SCHEDULES), "--seed-from", str(SEED_FROM))

    print(ran.stdout.splitlines()[-1] if ran.stdout else ran.stderr)
    assert ran.returncode == 0, f"seeds from {SEED_FROM}:\n{ran.stdout[-8000:]}{ran.stderr[-2000:]}"
    assert re.search(rf"schedules={SCHEDULES} .* violations=0 ", ran.stdout)
