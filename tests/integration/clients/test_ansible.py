"""Ansible's `ngine_io.cloudstack`, unmodified, from an empty cloud to a guest and back: `make test-clients`.

What a playbook says is true already when it is run again: each is, and must change nothing then."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cs import CloudStack

from tests.kit.running_cloud import RunningController, a_running_controller, until

pytestmark = [pytest.mark.client, pytest.mark.timeout(1800)]

ROOT = Path(__file__).parents[3]
PLAYBOOKS = Path(__file__).parent / "ansible"
PACKAGES = ("ansible==12.3.0", "cs", "sshpubkeys")
"""The modules need the latter two."""
FETCH_SECONDS_MAX, PLAY_SECONDS_MAX = 900, 300
COMES_WITHIN_SECONDS = 60.0


@pytest.fixture(scope="module")
def ansible(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment of its own, from PyPI."""
    place, uv = tmp_path_factory.mktemp("ansible") / "env", ROOT / ".uv" / "bin" / "uv"
    subprocess.run([uv, "venv", "--quiet", place], check=True, timeout=FETCH_SECONDS_MAX)
    subprocess.run(
        [uv, "pip", "install", "--quiet", "--python", place / "bin" / "python", *PACKAGES],
        check=True,
        timeout=FETCH_SECONDS_MAX,
    )
    return place / "bin"


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningController]:
    with a_running_controller(tmp_path_factory.mktemp("empty")) as running:
        yield running


def play(name: str, ansible: Path, controller: RunningController) -> list[str]:
    """The tasks that changed something; none fails."""
    surroundings = {
        "CLOUDSTACK_ENDPOINT": controller.api,
        "CLOUDSTACK_KEY": controller.admin["apikey"],
        "CLOUDSTACK_SECRET": controller.admin["secretkey"],
        "ANSIBLE_NOCOLOR": "1",
    }
    where = ["-i", "localhost,", "-c", "local", "-e", f"ansible_python_interpreter={ansible / 'python'}"]
    ran = subprocess.run(
        [ansible / "ansible-playbook", *where, PLAYBOOKS / name],
        env=os.environ | surroundings,
        capture_output=True,
        text=True,
        timeout=PLAY_SECONDS_MAX,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return re.findall(r"^TASK \[(.+)\] \*+\nchanged:", ran.stdout, re.MULTILINE)


def test_playbooks_build_a_cloud_and_a_guest_and_take_them_away(ansible: Path, empty: RunningController) -> None:
    cs: Any = CloudStack(endpoint=empty.api, key=empty.admin["apikey"], secret=empty.admin["secretkey"])

    places = [play("places.yml", ansible, empty) for _ in range(2)]
    [host] = cs.listHosts()["host"]
    invitation = cs.inviteHost(id=host["id"])["hostinvitation"]["invitation"]
    with empty.agents({host["name"]: invitation}):
        until(lambda: bool(cs.listHosts(state="Up")), COMES_WITHIN_SECONDS)
        guests = [play("guests.yml", ansible, empty) for _ in range(2)]
        [web] = cs.listVirtualMachines(name="web")["virtualmachine"]
        gone = play("gone.yml", ansible, empty)

    assert (places[0] != [], places[1]) == (True, [])
    assert (guests[0] != [], guests[1]) == (True, [])
    assert (web["state"], web["hostname"], web["keypairs"]) == ("Running", "c1-h0", "key")
    assert {"the guest is expunged", "the volume is gone", "the network is gone"} <= set(gone)
    assert cs.listVirtualMachines(listall=True) == {}
