"""Power by Redfish, against sushy-emulator and against services that misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from aiohttp import web
from aiohttp.test_utils import TestServer

from mainstay_controller.domain.ha.case import PowerState
from mainstay_controller.domain.records import OutOfBand
from mainstay_controller.fleet.power.port import PowerAction
from mainstay_controller.fleet.power.redfish import Redfish
from tests.integration.power.conftest import a_place

SECONDS = 20.0
driver = Redfish()
SYSTEM = "/redfish/v1/Systems/1"


async def test_it_is_switched_on_and_off_and_what_counts_is_read_afterwards(redfish: OutOfBand) -> None:
    await driver.act(redfish, PowerAction.ON, SECONDS)
    await until(redfish, PowerState.ON)

    await driver.act(redfish, PowerAction.OFF, SECONDS)
    await until(redfish, PowerState.OFF)

    assert (await driver.act(redfish, PowerAction.OFF, SECONDS)).state is PowerState.OFF


async def until(place: OutOfBand, state: PowerState) -> None:
    async with asyncio.timeout(SECONDS):
        while (await driver.status(place, SECONDS)).state is not state:  # noqa: ASYNC110 - another process's state
            await asyncio.sleep(0.1)


async def test_nobody_there_is_unknown() -> None:
    said = await driver.status(a_place("redfish", 9, address="http://127.0.0.1"), 2.0)

    assert (said.state, said.code) == (PowerState.UNKNOWN, "error")


async def test_one_that_does_not_answer_is_unknown_in_time() -> None:
    async def silent(_request: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    async with a_service(silent) as place:
        said = await driver.status(place, 0.3)

    assert (said.state, said.code) == (PowerState.UNKNOWN, "timeout")


async def test_one_that_refuses_us_says_so() -> None:
    async def refuse(_request: web.Request) -> web.Response:
        return web.Response(status=401, text="who are you?")

    async with a_service(refuse) as place:
        said = await driver.status(place, SECONDS)

    assert (said.state, said.code) == (PowerState.UNKNOWN, "auth")


async def test_an_error_on_switching_off_what_is_off_does_not_hide_that_it_is_off() -> None:
    async def already_off(request: web.Request) -> web.Response:
        if request.method == "POST":
            return web.Response(status=409, text="the system is already off")
        return web.json_response({"PowerState": "Off"})

    async with a_service(already_off) as place:
        said = await driver.act(replace(place, address=place.address + SYSTEM), PowerAction.OFF, SECONDS)

    assert (said.state, said.code) == (PowerState.OFF, "error")


async def test_an_answer_not_understood_is_unknown() -> None:
    async def babble(_request: web.Request) -> web.Response:
        return web.json_response(["no", "system"])

    async with a_service(babble) as place:
        assert (await driver.status(place, SECONDS)).state is PowerState.UNKNOWN


async def test_several_systems_behind_one_address_must_be_told_apart() -> None:
    async def two(request: web.Request) -> web.Response:
        if request.path == "/redfish/v1/Systems":
            return web.json_response({"Members": [{"@odata.id": SYSTEM}, {"@odata.id": "/redfish/v1/Systems/2"}]})
        return web.json_response({"PowerState": "On" if request.path == SYSTEM else "Off"})

    async with a_service(two) as place:
        assert (await driver.status(place, SECONDS)).state is PowerState.UNKNOWN
        named = replace(place, address=place.address + SYSTEM)
        assert (await driver.status(named, SECONDS)).state is PowerState.ON


class a_service:
    """A Redfish service that answers everything by one function."""

    def __init__(self, answer: Callable[[web.Request], Awaitable[web.Response]]) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        self._server = TestServer(app)

    async def __aenter__(self) -> OutOfBand:
        await self._server.start_server()
        return a_place("redfish", self._server.port or 0, address="http://127.0.0.1")

    async def __aexit__(self, *_exc: object) -> None:
        await self._server.close()
