"""The master key of a cloud is changed by the command that an operator has, and clients go on with the keys they have."""

from __future__ import annotations

import subprocess
from pathlib import Path

from cs import CloudStack

from tests.kit.running_cloud import BIN, RunningController, a_running_controller


def zones_seen_through(controller: RunningController) -> dict[str, object]:
    keys = controller.admin
    seen: dict[str, object] = CloudStack(
        endpoint=controller.api, key=keys["apikey"], secret=keys["secretkey"]
    ).listZones()
    return seen


def test_a_controller_takes_another_master_key(tmp_path: Path) -> None:
    own, old = tmp_path / "state" / "master-key", tmp_path / "old-key"
    with a_running_controller(tmp_path) as before:
        assert zones_seen_through(before) == {}

    own.rename(old)
    own.write_text("6" * 64)
    arguments = ["--state-dir", str(own.parent), "--master-key-previous-file", str(old), "--rotate-master-key"]
    told = subprocess.run(
        [BIN / "mainstay-controller", *arguments], capture_output=True, text=True, timeout=60, check=True
    )
    old.unlink()

    assert "sealed_anew=2" in told.stdout + told.stderr
    with a_running_controller(tmp_path) as after:
        assert zones_seen_through(after) == {}
