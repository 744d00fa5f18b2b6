"""Clouds that nobody has seen: every run draws seeds of its own, and no promise may break in any.

A failure names the seed, what was broken, and how to have the story told; docs/findings.md says what such stories were."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.kit.simulation.chords import CHORDS

SCHEDULES = 1_000
WITHIN_SECONDS = 900


@pytest.mark.fresh
@pytest.mark.timeout(WITHIN_SECONDS)
@pytest.mark.parametrize(
    ("drawn", "schedules"), [((), SCHEDULES), (("--chord", "each"), len(CHORDS))], ids=("by letters", "in step")
)
def test_no_promise_breaks_in_clouds_that_nobody_has_seen(
    drawn: tuple[str, ...], schedules: int, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [sys.executable, "-m", "tests.kit.simulate", "--fresh", *drawn, "--schedules", str(schedules)]

    ran = subprocess.run(arguments, capture_output=True, text=True, check=False)

    told = ran.stdout.splitlines()[-1] if ran.stdout else ran.stderr
    with capsys.disabled():
        print(f"\n{told}")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert told.startswith(f"schedules={schedules} ")
    assert " violations=0 " in told
