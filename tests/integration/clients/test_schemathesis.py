"""Schemathesis, unmodified, reads our OpenAPI document and tries everything in it on a real controller."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import CheckFunction
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from mainstay_cli.client import signature
from mainstay_controller.api.signature import PLAIN_NAME
from tests.kit.running_cloud import RunningController, a_running_controller

EXAMPLES = 2
MADE_UP = {"apiKey", "signature", "sessionkey"}
"""It invents credentials too; we put ours in their place."""
CHECKS: list[CheckFunction] = [response_schema_conformance, status_code_conformance]


@pytest.fixture(scope="module")
def on_trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningController]:
    """A controller of its own: whatever comes true of what is tried is nobody else's trouble."""
    with a_running_controller(tmp_path_factory.mktemp("on-trial")) as running:
        yield running


@pytest.fixture(scope="module")
def described(on_trial: RunningController) -> Any:
    return schemathesis.openapi.from_url(f"{on_trial.url}/api/v1/openapi.json")


schema = schemathesis.pytest.from_fixture("described")


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_one_that_was_promised(case: Any, on_trial: RunningController) -> None:
    """Each call is signed as any client signs it."""
    form = case.body if isinstance(case.body, dict) else {}
    told = {name: as_text(value) for name, value in {**case.query, **form}.items() if can_be_sent(name)}
    told |= {"apiKey": on_trial.admin["apikey"], "response": "json"}
    seal = signature({**told, "command": case.operation.definition.raw["operationId"]}, on_trial.admin["secretkey"])

    response = requests.request(case.method, f"{on_trial.url}{case.path}", timeout=30, **sent(case.method, told, seal))

    assert response.status_code not in (401, 530), response.text
    case.validate_response(response, checks=CHECKS)


def can_be_sent(name: str) -> bool:
    """A name that could be mistaken for a pair is never verified: there is nothing to learn from it."""
    return PLAIN_NAME.fullmatch(name) is not None and name not in MADE_UP


def sent(method: str, told: dict[str, str], seal: str) -> dict[str, Any]:
    return {"params" if method.upper() == "GET" else "data": {**told, "signature": seal}}


def as_text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(as_text(each) for each in value)
    return str(value).lower() if isinstance(value, bool) else str(value)
