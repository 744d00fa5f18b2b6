"""Consoles over HTTP: noVNC's page under `/client/console/novnc`, and the websocket by which it, or any viewer, speaks RFB with a guest.

The page is Debian's package `novnc`; without it the websocket works all the same.  What is said passes through in pieces, each with a deadline; so
neither side can make us keep more than a few of them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote, urlencode

from aiohttp import WSMessage, WSMsgType, web

from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import OperationError, PermissionDenied
from mainstay_controller.operations.vms.show_console import Over, Shown, admit, shown
from mainstay_controller.store import port
from mainstay_runtime.errors import Unavailable
from mainstay_runtime.session import SEND_SECONDS
from mainstay_runtime.tasks import all_of

ROUTE = "/client/console"
WEBSOCKET = f"{ROUTE}/websocket"
NOVNC = Path("/usr/share/novnc")
NO_PAGE = "There is no viewer on this controller: install Debian's package novnc. Any viewer can use the websocket.\n"
SAID_BYTES_MAX = 1024 * 1024  # by a viewer at once
PING_SECONDS = 20.0
CLOSE_SECONDS = 5.0
PRIVATE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


def websocket_path(word: str, extra: str) -> str:
    """What a viewer opens on our address."""
    shown_there = {"token": word} | ({"extra": extra} if extra else {})
    return f"{WEBSOCKET}?{urlencode(shown_there, quote_via=quote)}".removeprefix("/")


def page_url(base: str, word: str, extra: str) -> str:
    """noVNC dials the host it was loaded from, on that path."""
    asked = {"autoconnect": "true", "resize": "scale", "path": websocket_path(word, extra)}
    return f"{base}{ROUTE}/novnc/vnc.html?{urlencode(asked, quote_via=quote)}"


class ConsoleDoor:
    def __init__(self, cloud: Cloud, novnc: Path = NOVNC) -> None:
        self._cloud = cloud
        self._novnc = novnc

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/websocket", self._console)
        if self._novnc.is_dir():
            app.router.add_static("/novnc", self._novnc, follow_symlinks=True)
        else:
            app.router.add_get("/novnc/{page:.*}", _no_page)
        app.on_response_prepare.append(_keep_private)
        return app

    async def _console(self, request: web.Request) -> web.StreamResponse:
        if not web.WebSocketResponse().can_prepare(request).ok:
            return web.Response(status=426, text="this is a websocket\n", headers={"Upgrade": "websocket"})
        try:
            ticket = await admit(request.query.get("token", ""), request.query.get("extra", ""), self._cloud)
            async with shown(ticket, self._cloud) as screen:
                return await self._show(request, screen)
        except PermissionDenied as error:
            return web.Response(status=403, text=f"{error}\n")
        except (OperationError, port.NotFound, port.Unreachable) as error:
            return web.Response(status=503, text=f"{error}\n")

    async def _show(self, request: web.Request, screen: Shown) -> web.WebSocketResponse:
        viewer = web.WebSocketResponse(
            protocols=("binary",),
            heartbeat=PING_SECONDS,
            max_msg_size=SAID_BYTES_MAX,
            compress=False,
            timeout=CLOSE_SECONDS,
        )
        await viewer.prepare(request)
        why = "the controller stops"
        try:
            await all_of(self._to_the_guest(viewer, screen), _to_the_viewer(viewer, screen), screen.watch(self._cloud))
        except Over as over:
            why = str(over)
        finally:
            with suppress(ConnectionError):
                await viewer.close(message=why.encode())
        return viewer

    async def _to_the_guest(self, viewer: web.WebSocketResponse, screen: Shown) -> NoReturn:
        while True:
            said = await self._next_from(viewer)
            if said.type is not WSMsgType.BINARY:
                raise Over("the viewer left" if said.type is not WSMsgType.TEXT else "the viewer speaks no RFB")
            await _in_time(screen.line.send(said.data), "the guest")

    async def _next_from(self, viewer: web.WebSocketResponse) -> WSMessage:
        idle_seconds = self._cloud.settings.console_idle_milliseconds / 1000
        try:
            async with asyncio.timeout(idle_seconds):
                return await viewer.receive()
        except TimeoutError as error:
            raise Over(f"nothing was heard of the viewer for {idle_seconds:g} s") from error


async def _to_the_viewer(viewer: web.WebSocketResponse, screen: Shown) -> NoReturn:
    while True:
        try:
            told = await screen.line.receive()
        except Unavailable as lost:
            raise Over("the guest's screen is gone") from lost
        await _in_time(viewer.send_bytes(told), "the viewer")


async def _in_time(sending: Coroutine[Any, Any, None], whom: str) -> None:
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await sending
    except (TimeoutError, Unavailable, ConnectionError) as error:
        raise Over(f"{whom} does not take what is said") from error


async def _no_page(_request: web.Request) -> web.Response:
    return web.Response(status=404, text=NO_PAGE)


async def _keep_private(_request: web.Request, response: web.StreamResponse) -> None:
    """Addresses here carry a ticket."""
    response.headers.update(PRIVATE)
