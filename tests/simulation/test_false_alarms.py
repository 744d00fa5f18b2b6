"""Nobody who lives is taken for dead; a small part of what `python -m tests.kit.simulate --false-alarms HOURS` does."""

from __future__ import annotations

import subprocess
import sys

HOST_HOURS = 4


def test_lost_messages_and_pauses_cost_no_living_host_anything() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.kit.simulate", "--false-alarms", str(HOST_HOURS)],
        capture_output=True,
        text=True,
        check=False,
    )

    told = ran.stdout.splitlines()[-1]
    assert ran.returncode == 0, ran.stdout
    assert f"host-hours={HOST_HOURS:.1f} wrong actions=0 " in told
