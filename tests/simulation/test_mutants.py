"""The simulation bites: every planted fault is found again by the seed that is kept for it, on which the code that ships keeps all promises.

A change of the code draws other runs from a seed, so a replay goes on for a few seeds.  Those that need another seed:
python -m tests.simulation.mutants.hunt --stale"""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.simulation.mutants.catalogue import MUTANTS
from tests.simulation.mutants.hunt import known

REPLAY_SECONDS_MAX = 600
"""Half a minute of two quiet cores."""

pytestmark = pytest.mark.timeout(REPLAY_SECONDS_MAX + 30)


@pytest.fixture(scope="module")
def replayed() -> dict[str, str]:
    """What the replay says of each fault."""
    arguments = [sys.executable, "-m", "tests.simulation.mutants.hunt", "--replay"]
    told = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=REPLAY_SECONDS_MAX)
    return dict(line.split(": ", 1) for line in told.stdout.splitlines() if ": seed " in line)


@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_a_planted_fault_is_found_again(name: str, replayed: dict[str, str]) -> None:
    assert name in known(), "no seed is kept for it"

    assert not replayed[name].startswith("seed None"), replayed


def test_every_seed_that_is_kept_is_of_a_fault_that_is_planted() -> None:
    assert set(known()) <= set(MUTANTS)
