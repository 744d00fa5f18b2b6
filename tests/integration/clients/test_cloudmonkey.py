"""CloudMonkey 5.3, the `cmk` that PyPI has, unmodified: told of the commands by `sync`, it speaks them: `make test-clients`.

It wants Python 2.7 with pip, named by PYTHON2 where it is not `python2.7`."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.clients.conftest import Zone
from tests.kit.running_cloud import RunningController

pytestmark = [pytest.mark.client, pytest.mark.timeout(1200)]

PYTHON2 = os.environ.get("PYTHON2", "python2.7")
PACKAGE = "cloudmonkey==5.3.3.1"
FETCH_SECONDS_MAX, RUN_SECONDS_MAX = 600, 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Cmk:
    """Each call is a process of its own, as on a command line; `home` keeps what it was told."""

    place: Path
    home: Path

    def __call__(self, *words: str) -> str:
        surroundings = {"HOME": str(self.home), "PYTHONPATH": str(self.place)}
        command = [PYTHON2, str(self.place / "bin" / "cloudmonkey"), *words]
        ran = subprocess.run(
            command, env=os.environ | surroundings, capture_output=True, text=True, timeout=RUN_SECONDS_MAX
        )
        assert "Traceback" not in ran.stderr, ran.stderr
        return ran.stdout

    def told(self, *words: str) -> Any:
        """What stands behind the wheel it turns while it waits for a job."""
        shown = self(*words)
        return json.loads(shown[shown.index("{") :])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pip has put it."""
    try:
        subprocess.run([PYTHON2, "-m", "pip", "--version"], check=True, capture_output=True, timeout=RUN_SECONDS_MAX)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs Python 2.7 with pip: name it by PYTHON2")
    target = tmp_path_factory.mktemp("cloudmonkey")
    install = [PYTHON2, "-m", "pip", "install", "--quiet", "--target", str(target), PACKAGE]
    subprocess.run(install, check=True, capture_output=True, timeout=FETCH_SECONDS_MAX)
    return target


def a_cmk(place: Path, home: Path, controller: RunningController, *credentials: str) -> Cmk:
    cmk = Cmk(place=place, home=home)
    wishes = {"url": controller.api, "display": "json", "color": "false", "asyncblock": "true"}
    wishes |= {name: controller.admin[name] for name in credentials}
    wishes |= {name: "" for name in ("apikey", "secretkey") if name not in credentials}
    for name, value in wishes.items():
        cmk("set", name, value)
    return cmk


def test_it_learns_the_commands_and_leads_a_vm_through_its_life(
    place: Path, tmp_path: Path, controller: RunningController, zone: Zone
) -> None:
    cmk = a_cmk(place, tmp_path, controller, "apikey", "secretkey")

    synced = cmk("sync")
    wish = [f"zoneid={zone.id}", f"templateid={zone.template_id}", f"serviceofferingid={zone.offering_id}"]
    deployed = cmk.told("deploy", "virtualmachine", "name=monkey", *wish)
    listed = cmk.told("list", "virtualmachines", "name=monkey", "filter=name,state")
    vm = cmk.told("list", "virtualmachines", "name=monkey")["virtualmachine"][0]
    gone = cmk.told("destroy", "virtualmachine", f"id={vm['id']}", "expunge=true")
    refused = cmk("create", "physicalnetwork", "name=wire", "zoneid=4711")

    assert "APIs" in synced
    assert deployed["jobresult"]["virtualmachine"]["state"] == "Running"
    assert listed == {"count": 1, "virtualmachine": [{"name": "monkey", "state": "Running"}]}
    assert gone["jobstatus"] == 1
    assert "Invalid parameter zoneid value=4711" in refused


def test_it_logs_in_with_a_password(place: Path, tmp_path: Path, controller: RunningController) -> None:
    cmk = a_cmk(place, tmp_path, controller, "username", "password")

    assert cmk.told("api", "listUsers", "filter=username")["user"] == [{"username": "admin"}]
