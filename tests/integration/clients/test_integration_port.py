"""The integration port is shut until it is wanted, and shuts again; whoever reaches it needs no signature."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.kit.running_cloud import RunningController, neighbouring_free_ports, until

SOON_SECONDS = 15.0


def ask(port: int) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/client/api?command=listUsers&response=json") as answer:
        return json.load(answer)


def is_open(port: int) -> bool:
    try:
        ask(port)
    except urllib.error.URLError:
        return False
    return True


@pytest.fixture
def port(cs: Any) -> Iterator[int]:
    yield neighbouring_free_ports(1)
    cs.updateConfiguration(name="integration.api.port", value=0)


def test_it_opens_and_shuts_as_the_setting_says(controller: RunningController, cs: Any, port: int) -> None:
    assert not is_open(port)

    cs.updateConfiguration(name="integration.api.port", value=port)
    until(lambda: is_open(port), SOON_SECONDS)
    assert ask(port)["listusersresponse"]["user"][0]["username"] == "admin"

    cs.updateConfiguration(name="integration.api.port", value=0)
    until(lambda: not is_open(port), SOON_SECONDS)
