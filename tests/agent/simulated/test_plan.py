"""Which hosts a simulating agent will have, and how it is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mainstay_agent.drivers.simulated.plan import ordinary_plan, read_plan
from mainstay_agent.main import read_settings
from mainstay_agent.main.settings import DriverName
from mainstay_agent.main.simulated import planned
from mainstay_runtime.errors import BadInput


def test_as_many_ordinary_hosts_as_are_asked_for_each_with_its_invitation(tmp_path: Path) -> None:
    invitations = tmp_path / "invitations.json"
    invitations.write_text(json.dumps({"c1-h0": "one", "c1-h1": "two"}))

    plan = planned(
        read_settings(
            ["--driver", "simulated", "--hosts", "2", "--cluster-name", "c1", "--invitations", str(invitations)]
        )
    )

    assert [(host.name, host.invitation) for host in plan.hosts] == [("c1-h0", "one"), ("c1-h1", "two")]


def test_a_thousand_hosts_have_a_thousand_addresses() -> None:
    assert len({host.ip for host in ordinary_plan(1000, "c0", None).hosts}) == 1000


def test_a_world_file_names_hosts_and_pace(tmp_path: Path) -> None:
    file = tmp_path / "world.json"
    file.write_text(json.dumps({"hosts": [{"name": "a", "ip": "10.0.0.1", "cpus": 4}], "pace": {"boot_seconds": 0.5}}))

    plan = read_plan(file)

    assert (plan.hosts[0].name, plan.hosts[0].cpus, plan.pace.boot_seconds) == ("a", 4, 0.5)


@pytest.mark.parametrize("text", ["not json", '{"hosts": [{"name": "a"}]}', '{"hosts": 3}'])
def test_a_world_file_that_is_none_is_refused_by_its_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "world.json"
    file.write_text(text)

    with pytest.raises(BadInput, match=r"world\.json"):
        read_plan(file)


def test_without_hosts_there_is_nothing_to_simulate() -> None:
    settings = read_settings(["--driver", "simulated"])

    assert settings.driver is DriverName.SIMULATED
    with pytest.raises(BadInput, match="--world FILE or --hosts N"):
        planned(settings)


def test_a_driver_that_does_not_exist_is_refused() -> None:
    with pytest.raises(BadInput, match="driver"):
        read_settings(["--driver", "xen"])
