"""The OpenAPI document is the command table in other words, and a call by its paths is the same call."""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator

from mainstay_cli.client import signature
from mainstay_controller.api.commands import ALL
from mainstay_controller.api.openapi import document
from mainstay_controller.operations.errors import OperationError
from tests.kit.api import ApiClient, an_api

DOCUMENT: Any = document(ALL, version="1")
DOCUMENTED: Any = DOCUMENT["components"]["schemas"]["Refusal"]["properties"]


async def by_path(api: ApiClient, command: str, method: str = "GET", **parameters: str) -> tuple[int, Any]:
    asked = {"command": command, "response": "json", "apiKey": api.keys.api_key, **parameters}
    asked |= {"signature": signature(asked, api.keys.secret_key)}
    del asked["command"]
    sent: Any = {"params": asked} if method == "GET" else {"data": asked}
    async with api.http.request(method, f"{api.url}/{command}", **sent) as response:
        return response.status, await response.json()


def test_every_command_is_an_operation_with_its_parameters() -> None:
    operations = {each["operationId"] for path in DOCUMENT["paths"].values() for each in path.values()}
    deploy = DOCUMENT["paths"]["/client/api/deployVirtualMachine"]["post"]
    form = deploy["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]

    assert operations == {command.name for command in ALL}
    assert {"zoneid", "templateid", "serviceofferingid"} <= set(form["required"])
    assert r"^details\[[0-9]{1,4}\]\.[a-z]+$" in form["patternProperties"]


def test_every_reference_leads_somewhere_and_every_schema_is_one() -> None:
    met: list[str] = []

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            met.extend([node["$ref"]] if "$ref" in node else [])
            for each in node.values():
                walk(each)
        elif isinstance(node, list):
            for each in node:
                walk(each)

    walk(DOCUMENT)

    for reference in met:
        _, kind, name = reference.removeprefix("#").split("/")[1:]
        assert name in DOCUMENT["components"][kind]
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_refusal_there_is_has_its_code_in_it() -> None:
    refusals = {OperationError}
    while more := {each for one in refusals for each in one.__subclasses__()} - refusals:
        refusals |= more

    documented = DOCUMENTED["errorcode"]["enum"]

    assert {each.errorcode for each in refusals} == set(documented)


async def test_it_is_served_to_everybody() -> None:
    async with an_api() as api:
        async with api.http.get(api.url.replace("/client/api", "/api/v1/openapi.json")) as response:
            served = await response.json()

    assert served["openapi"] == "3.1.0"
    assert served["paths"].keys() == DOCUMENT["paths"].keys()


async def test_a_call_by_its_path_is_the_same_call() -> None:
    async with an_api() as api:
        listed = await by_path(api, "listApis", name="listZones")
        refused = await by_path(api, "createZone", "POST", name="z1")
        unknown = await by_path(api, "createTeapot")

    assert listed[1]["listapisresponse"]["count"] == 1
    assert "missing parameter dns1" in refused[1]["createzoneresponse"]["errortext"]
    assert unknown[0] == 432
