"""What this cloud does not have is refused in words, and is in no list of commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from mainstay_controller.api.commands import ALL
from mainstay_controller.api.errors import UNSERVED
from tests.kit.api import an_api


@pytest.mark.parametrize(
    ("command", "things"),
    [
        ("createLoadBalancerRule", "load balancers"),
        ("listLoadBalancerRules", "load balancers"),
        ("createVPC", "VPCs"),
        ("listVPCs", "VPCs"),
        ("createNetworkACL", "VPCs"),
        ("createRemoteAccessVpn", "VPNs"),
    ],
)
async def test_a_family_that_is_not_served_is_refused_by_its_name(command: str, things: str) -> None:
    async with an_api() as api:
        refused = await api.call(command, name="x")

    assert refused.status == 432
    assert refused.json["errorresponse"]["errortext"].endswith(f"this cloud has no {things}")


def test_no_command_of_ours_is_of_such_a_family() -> None:
    marks = [mark for family, _ in UNSERVED for mark in family]

    assert [command.name for command in ALL if any(mark in command.name for mark in marks)] == []


NOT_YET = {
    "listVPCs": "there are no VPCs",
}
"""Of the commands that two or more of CloudStack's clients use, those that are not served, and why."""


async def test_listapis_names_every_command_that_two_clients_use() -> None:
    used = Path(__file__).with_name("commands_that_clients_use.txt").read_text().split()
    async with an_api() as api:
        listed = await api.call("listApis")

    assert set(used) - {each["name"] for each in listed.body["api"]} == set(NOT_YET)
