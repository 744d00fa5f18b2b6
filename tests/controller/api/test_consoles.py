"""The console of a guest: an address that opens it once and soon, for who may see it, on whichever controller."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest
from aiohttp import WSMsgType, WSServerHandshakeError
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry

from mainstay_controller.api.commands import ALL
from mainstay_controller.api.dispatch import Dispatcher
from mainstay_controller.api.identify import by_credentials
from mainstay_controller.api.server import ApiServer
from mainstay_controller.domain.ids import HostId, VmId
from mainstay_controller.domain.records import Controller, Vm
from mainstay_controller.domain.states import VmState
from mainstay_controller.operations.vms.show_console import sweep_tickets
from mainstay_controller.store.port import eq
from tests.controller.api.test_hosts_isos_and_system_vms import a_vm
from tests.controller.api.test_people import a_domain, a_member
from tests.controller.api.test_places import a_zone
from tests.kit.api import ApiClient, a_cloud, an_api
from tests.kit.showing_hosts import ShowingHost
from tests.kit.small_cloud import OpenGate

ADVERTISED = "10.0.0.7:8250"


@dataclass(frozen=True, slots=True)
class Here:
    api: ApiClient
    host: ShowingHost
    zone: str

    async def runs(self, name: str = "web", **changes: Any) -> Vm:
        vm = replace(
            a_vm("User", self.zone),
            id=VmId(name),
            name=name,
            state=VmState.RUNNING,
            host_id=HostId(self.host.host_id),
            epoch=3,
        )
        return await self.api.cloud.store.vms.add(replace(vm, **changes))

    async def console(self, vm: str, **asked: str) -> Any:
        return (await self.api.call("createConsoleEndpoint", virtualmachineid=vm, **asked)).body["consoleendpoint"]

    def address(self, websocket: Any, **shown: str) -> str:
        words = {"token": websocket["token"], **shown}
        query = "&".join(f"{name}={value}" for name, value in words.items())
        return f"http://{websocket['host']}:{websocket['port']}/{websocket['path']}?{query}"

    async def opens(self, address: str) -> int:
        """The status of one more attempt."""
        try:
            async with self.api.http.ws_connect(address) as viewer:
                await viewer.send_bytes(b"hello")
                assert (await viewer.receive(timeout=10)).data == b"hello"
        except WSServerHandshakeError as refused:
            return refused.status
        return 101

    async def is_left(self) -> None:
        """Until nobody looks at anything here."""
        async with asyncio.timeout(10):
            while self.api.cloud.fleet.screens:  # noqa: ASYNC110 - nobody is told when a viewer has left
                await asyncio.sleep(0.01)


@asynccontextmanager
async def a_site() -> AsyncIterator[Here]:
    cloud, host = a_cloud(), ShowingHost("h1")
    now = cloud.clock.now()
    here = Controller(id=cloud.me.id, name="c1", address=ADVERTISED, created=now, expires=now + timedelta(hours=1))
    await cloud.store.controllers.add(here)
    cloud.fleet.open_to_agents(OpenGate())
    cloud.fleet.lead_until(float("inf"))
    async with an_api(cloud=cloud) as api:
        await host.connect(cloud.fleet)
        yield Here(api, host, await a_zone(api))


async def test_an_address_of_novncs_page_and_one_of_a_websocket_are_told() -> None:
    async with a_site() as here:
        await here.runs()

        told = await here.console("web")

        page, websocket = urlparse(told["url"]), told["websocket"]
        asked = {name: value for name, [value] in parse_qs(page.query).items()}
        base = urlparse(here.api.url)
        assert told["success"] is True
        assert (page.scheme, page.netloc) == (base.scheme, base.netloc)
        assert page.path == "/client/console/novnc/vnc.html"
        assert asked["autoconnect"] == "true"
        assert asked["path"] == f"client/console/websocket?token={websocket['token']}"
        assert (websocket["host"], websocket["port"]) == (base.hostname, str(base.port))
        assert set(told) == {"success", "url", "websocket"}
        assert "extra" not in websocket


async def test_a_viewer_speaks_with_the_guests_host_and_both_ends_are_on_record() -> None:
    async with a_site() as here:
        vm = await here.runs()

        status = await here.opens(here.address((await here.console("web"))["websocket"]))

        await here.is_left()
        events = await here.api.cloud.store.events.find(eq("resource_id", vm.id))
        assert status == 101
        assert here.host.dialled == [ADVERTISED]
        assert sorted(event.type for event in events) == ["VM.CONSOLE.CONNECT", "VM.CONSOLE.DISCONNECT"]
        assert all(event.user_id is not None and event.account_id == vm.account_id for event in events)


async def test_an_address_opens_once_and_not_after_its_time() -> None:
    async with a_site() as here:
        await here.runs()
        store = here.api.cloud.store
        used, late = [here.address((await here.console("web"))["websocket"]) for _ in range(2)]

        first, second = await here.opens(used), await here.opens(used)
        [ticket] = [each for each in await store.console_tickets.find() if each.used is None]
        await store.console_tickets.swap(ticket, replace(ticket, expires=ticket.created - timedelta(seconds=1)))
        third = await here.opens(late)
        await sweep_tickets(here.api.cloud)

        assert (first, second, third) == (101, 403, 403)
        assert timedelta(seconds=60) <= ticket.expires - ticket.created <= timedelta(seconds=120)
        assert late.rpartition("=")[2] not in repr(ticket), "the database opens nothing"
        assert [each.used is not None for each in await store.console_tickets.find()] == [True]


async def test_an_extra_token_must_be_shown_too() -> None:
    async with a_site() as here:
        await here.runs()
        told = [(await here.console("web", token="my own")) for _ in range(3)]
        sockets = [each["websocket"] for each in told]

        right = await here.opens(here.address(sockets[0], extra="my%20own"))
        wrong = await here.opens(here.address(sockets[1], extra="another"))
        without = await here.opens(here.address(sockets[2]))

        assert (right, wrong, without) == (101, 403, 403)
        assert sockets[0]["extra"] == "my own"
        assert "extra%3Dmy%2520own" in told[0]["url"]


@pytest.mark.parametrize("state", [VmState.STOPPED, VmState.ERROR, VmState.DESTROYED])
async def test_a_guest_that_does_not_run_has_no_console(state: VmState) -> None:
    async with a_site() as here:
        await here.runs(state=state)

        told = await here.console("web")

    assert told == {"success": False, "details": "VM web must be running to connect console"}


async def test_a_guest_whose_host_is_not_there_is_to_be_asked_for_later() -> None:
    async with a_site() as here:
        await here.runs("lost", host_id=None)
        await here.runs("away", host_id=HostId("h2"))

        lost, away = await here.console("lost"), await here.console("away")

    assert lost["details"] == "VM lost lost host info"
    assert away["details"] == "Console access will be ready in a few minutes. Please try it again later."


async def test_users_see_the_consoles_of_their_own_guests_and_root_all() -> None:
    async with a_site() as here:
        domain = await a_domain(here.api, "sales")
        ann, ben = await a_member(here.api, "ann", domain), await a_member(here.api, "ben", domain)
        await here.runs(account_id=ann.account["id"], domain_id=domain)
        await here.runs("v-1-VM", type="ConsoleProxy", account_id=ann.account["id"], domain_id=domain)

        own = await ann.api.call("createConsoleEndpoint", virtualmachineid="web")
        of_another = await ben.api.call("createConsoleEndpoint", virtualmachineid="web")
        of_the_cloud = await ann.api.call("createConsoleEndpoint", virtualmachineid="v-1-VM")
        roots = [(await here.console(name))["success"] for name in ("web", "v-1-VM")]

    assert own.body["consoleendpoint"]["success"] is True
    assert of_another.status == 531
    assert of_the_cloud.body["consoleendpoint"] == {"success": False, "details": "Permission denied"}
    assert roots == [True, True]


async def test_an_address_of_a_disabled_user_opens_nothing() -> None:
    async with a_site() as here:
        await here.runs()
        member = await a_member(here.api, "ann", await a_domain(here.api, "sales"), 2)
        await here.runs("hers", account_id=member.account["id"], domain_id=member.account["domainid"])
        told = await member.api.call("createConsoleEndpoint", virtualmachineid="hers")

        await here.api.post("disableUser", id=member.account["user"][0]["id"])  # type: ignore[index]
        status = await here.opens(here.address(told.body["consoleendpoint"]["websocket"]))

    assert status == 403


async def test_as_many_are_shown_as_the_setting_says_and_a_ticket_outlives_a_full_house() -> None:
    async with a_site() as here:
        await here.runs()
        one, two = [here.address((await here.console("web"))["websocket"]) for _ in range(2)]
        await here.api.post("updateConfiguration", name="consoleproxy.session.max", value="1")

        async with here.api.http.ws_connect(one) as viewer:
            await viewer.send_bytes(b"hello")
            await viewer.receive(timeout=10)
            full = await here.opens(two)
        await here.is_left()
        room = await here.opens(two)

    assert (full, room) == (503, 101)


async def test_a_console_ends_with_its_screen_and_with_a_viewer_who_says_nothing() -> None:
    async with a_site() as here:
        await here.runs()
        gone, idle = [here.address((await here.console("web"))["websocket"]) for _ in range(2)]
        await here.api.post("updateConfiguration", name="consoleproxy.session.timeout", value="1000")

        ends = []
        async with here.api.http.ws_connect(gone) as viewer:
            here.host.mirrors[-1].end()
            ends.append(await viewer.receive(timeout=10))
        async with here.api.http.ws_connect(idle) as viewer:
            ends.append(await viewer.receive(timeout=10))

    assert [end.type for end in ends] == [WSMsgType.CLOSE, WSMsgType.CLOSE]
    assert [end.extra for end in ends] == [
        "the guest's screen is gone",
        "nothing was heard of the viewer for 1 s",
    ]


async def test_what_is_no_websocket_or_no_viewer_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "novnc").mkdir()
    (tmp_path / "novnc" / "vnc.html").write_text("<html>a viewer</html>")
    async with a_site() as here:
        await here.runs()
        told = (await here.console("web"))["websocket"]
        async with here.api.http.get(here.address(told)) as answer:
            plain = answer.status
        still_good = await here.opens(here.address(told))
        pages = [await page_of(here, novnc) for novnc in (tmp_path / "novnc", tmp_path / "absent")]

    assert (plain, still_good) == (426, 101)
    assert pages[0] == (200, "<html>a viewer</html>", "no-referrer")
    assert pages[1][0] == 404
    assert "install Debian's package novnc" in pages[1][1]


async def page_of(here: Here, novnc: Path) -> tuple[int, str, str | None]:
    dispatcher = Dispatcher(registry=ALL, cloud=here.api.cloud, identify=by_credentials)
    async with TestServer(ApiServer(dispatcher, CollectorRegistry(), novnc).application()) as server:
        async with here.api.http.get(server.make_url("/client/console/novnc/vnc.html")) as answer:
            return answer.status, await answer.text(), answer.headers.get("Referrer-Policy")
