"""What goes over the wire has CloudStack's shape, in JSON and in XML."""

from __future__ import annotations

from tests.kit.api import an_api


async def test_an_unknown_command_is_unsupported_under_the_common_envelope() -> None:
    async with an_api() as api:
        answer = await api.call("makeCoffee")

    assert answer.status == 432
    assert answer.json == {
        "errorresponse": {
            "uuidList": [],
            "errorcode": 432,
            "cserrorcode": 9999,
            "errortext": "The given command 'makeCoffee' either does not exist, is not available for user.",
        }
    }
    assert answer.headers["X-Description"] == answer.body["errortext"]


async def test_xml_is_what_a_client_gets_that_does_not_ask_for_json() -> None:
    async with an_api() as api:
        answer = await api.call("listApis", name="listApis", response="xml")

    assert answer.headers["Content-Type"] == "text/xml; charset=UTF-8"
    assert answer.text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<listapisresponse cloud-stack-version="')
    assert "<count>1</count><api><name>listApis</name>" in answer.text


async def test_list_apis_tells_every_command_with_its_parameters_and_fields() -> None:
    async with an_api() as api:
        answer = await api.call("listApis")
        zones = next(each for each in answer.body["api"] if each["name"] == "listZones")

    assert answer.body["count"] == len(answer.body["api"])
    assert zones["isasync"] is False
    assert {
        "name": "id",
        "type": "uuid",
        "length": 255,
        "required": False,
        "description": "the ID of the zone",
        "related": "listZones",
    } in zones["params"]
    assert {field["name"] for field in zones["response"]} >= {"id", "name", "networktype", "allocationstate"}


async def test_an_unknown_uuid_is_refused_in_cloudstacks_words() -> None:
    async with an_api() as api:
        answer = await api.call("listZones", ID="4711")

    assert answer.status == 431
    assert answer.body["cserrorcode"] == 4350
    assert answer.body["errortext"].startswith(
        "Unable to execute API command listZones due to invalid value. Invalid parameter id value=4711 due to incorrect long"
    )


async def test_a_page_without_its_size_is_refused() -> None:
    async with an_api() as api:
        answer = await api.call("listZones", page="1")

    assert answer.status == 431
    assert "page and pagesize are given together" in answer.body["errortext"]
