"""Clouds that nobody has seen: every change of the code draws seeds of its own, and no promise may break in any.

They come from what git calls the code: the same code draws the same ones again, so that a red run can be run once more, and was not luck.
A failure names the seed, what was broken, and how to have the story told; docs/findings.md says what such stories were."""

from __future__ import annotations

import subprocess
import sys
from hashlib import sha256

import pytest

from tests.kit.simulation.chords import CHORDS

SCHEDULES = 1_000
WITHIN_SECONDS = 900
CODE = ("agent", "controller", "proto", "runtime", "tests")


def seed_of_this_code() -> int:
    trees = subprocess.run(
        ("git", "rev-parse", *(f"HEAD:./{room}" for room in CODE)), capture_output=True, text=True, check=True
    )
    return int(sha256(trees.stdout.encode()).hexdigest()[:10], 16)


@pytest.mark.fresh
@pytest.mark.timeout(WITHIN_SECONDS)
@pytest.mark.parametrize(
    ("drawn", "schedules"), [((), SCHEDULES), (("--chord", "each"), len(CHORDS))], ids=("by letters", "in step")
)
def test_no_promise_breaks_in_clouds_that_nobody_has_seen(
    drawn: tuple[str, ...], schedules: int, capsys: pytest.CaptureFixture[str]
) -> None:
    seeds = ("--seed-from", str(seed_of_this_code()), "--schedules", str(schedules))

    ran = subprocess.run(
        (sys.executable, "-m", "tests.kit.simulate", *drawn, *seeds), capture_output=True, text=True, check=False
    )

    told = ran.stdout.splitlines()[-1] if ran.stdout else ran.stderr
    with capsys.disabled():
        print(f"\n{told}")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert told.startswith(f"schedules={schedules} ")
    assert " violations=0 " in told
