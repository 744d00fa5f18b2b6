"""`cloudstack-go`, built unmodified from the Go module proxy, through lists, the life of a VM, and errors: `make test-clients`."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.integration.clients.conftest import Zone
from tests.kit.running_cloud import RunningController

pytestmark = [pytest.mark.client, pytest.mark.timeout(1200)]

SOURCES = Path(__file__).parent / "go"
BUILD_SECONDS_MAX, RUN_SECONDS_MAX = 900, 120


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built beside a copy of its sources."""
    if shutil.which("go") is None:
        pytest.skip("needs Go (Debian: golang)")
    place = tmp_path_factory.mktemp("go")
    shutil.copytree(SOURCES, place, dirs_exist_ok=True)
    build = ["go", "build", "-o", "client", "."]
    subprocess.run(build, cwd=place, env=os.environ | {"GOFLAGS": "-mod=mod"}, check=True, timeout=BUILD_SECONDS_MAX)
    return place / "client"


def test_it_reads_every_list_and_leads_a_vm_through_its_life(
    client: Path, controller: RunningController, zone: Zone
) -> None:
    surroundings = {
        "CLOUDSTACK_ENDPOINT": controller.api,
        "CLOUDSTACK_KEY": controller.admin["apikey"],
        "CLOUDSTACK_SECRET": controller.admin["secretkey"],
        "ZONE": zone.id,
        "TEMPLATE": zone.template_id,
        "OFFERING": zone.offering_id,
    }

    ran = subprocess.run(
        [client], env=os.environ | surroundings, capture_output=True, text=True, timeout=RUN_SECONDS_MAX, check=True
    )

    told = dict(line.split(": ", 1) for line in ran.stdout.splitlines())
    assert told.pop("deployVirtualMachine") == "Running", ran.stdout
    assert "serviceofferingid" in told.pop("an unknown offering")
    assert "this cloud has no VPCs" in told.pop("listVPCs")
    assert set(told.values()) == {"true"}, ran.stdout
    assert len(told) > 15
