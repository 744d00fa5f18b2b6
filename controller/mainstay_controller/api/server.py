"""HTTP on 8080: `/client/api` for clients, `/client/download` for what they fetch, `/client/console` for screens, and `/api/v1/openapi.json`
for their makers; `/healthz` and `/readyz` for supervisors, `/metrics` for Prometheus.

Limits: a body of 1 MiB, a request line and headers as aiohttp bounds them; everything else is decided in `dispatch`."""

from __future__ import annotations

import asyncio
from pathlib import Path

import orjson
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram

from mainstay_controller.api import console_door
from mainstay_controller.api.dispatch import Dispatcher
from mainstay_controller.api.metrics import Metrics
from mainstay_controller.api.openapi import document
from mainstay_controller.api.render import Rendered, rendered_refusal
from mainstay_controller.api.untrusted import Format, UntrustedCall, merge
from mainstay_controller.operations.errors import OperationError
from mainstay_controller.operations.storage import downloads

API_VERSION = "0.1"
BODY_BYTES_MAX = 1024 * 1024
READY_SECONDS_MAX = 5.0
FORM = "application/x-www-form-urlencoded"
NOT_TO_BE_KEPT = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
AS_A_FILE = {"Content-Type": "application/octet-stream", "Content-Disposition": "attachment"}


class ApiServer:
    """The HTTP routes, over a dispatcher."""

    def __init__(self, dispatcher: Dispatcher, metrics: CollectorRegistry, novnc: Path = console_door.NOVNC) -> None:
        self._dispatcher = dispatcher
        self._consoles = console_door.ConsoleDoor(dispatcher.cloud, novnc)
        self._metrics = Metrics(dispatcher.cloud, metrics)
        self._answers = Counter(
            "mainstay_api_requests", "API requests answered", ["command", "status"], registry=metrics
        )
        self._seconds = Histogram(
            "mainstay_api_seconds", "Time to answer an API request", ["command"], registry=metrics
        )

    def application(self) -> web.Application:
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.router.add_route("GET", "/client/api", self._client_api)
        app.router.add_route("POST", "/client/api", self._client_api)
        app.router.add_route("GET", "/client/api/{command}", self._client_api)
        app.router.add_route("POST", "/client/api/{command}", self._client_api)
        app.router.add_get(f"{downloads.ROUTE}/{{token}}/{{name}}", self._download)
        app.add_subapp(console_door.ROUTE, self._consoles.application())
        app.router.add_get("/api/v1/openapi.json", self._openapi)
        app.router.add_get("/healthz", self._alive)
        app.router.add_get("/readyz", self._ready)
        app.router.add_get("/metrics", self._figures)
        return app

    async def _client_api(self, request: web.Request) -> web.Response:
        try:
            call = await _read(request)
        except OperationError as error:
            return _as_http(rendered_refusal("errorresponse", error, str(error), Format.JSON))
        known = call.command if self._dispatcher.registry.find(call.command) else "unknown"
        with self._seconds.labels(known).time():
            answer = await self._dispatcher.answer(call)
        self._answers.labels(known, str(answer.status)).inc()
        return _as_http(answer)

    async def _download(self, request: web.Request) -> web.StreamResponse:
        """Piece by piece from the file, or the range that is asked for: its size does not matter."""
        try:
            path = await downloads.file_meant(request.match_info["token"], self._dispatcher.cloud)
        except OperationError as error:
            return web.Response(status=503, text=f"{error}\n", headers=NOT_TO_BE_KEPT)
        if path is None:
            return web.Response(status=404, text="there is no such download, or no longer\n", headers=NOT_TO_BE_KEPT)
        return web.FileResponse(path, headers={**NOT_TO_BE_KEPT, **AS_A_FILE})

    async def _openapi(self, _request: web.Request) -> web.Response:
        described = document(self._dispatcher.registry, version=API_VERSION)
        return web.Response(body=orjson.dumps(described), content_type="application/json")

    async def _alive(self, _request: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def _ready(self, _request: web.Request) -> web.Response:
        """Ready is who reaches the database and is not about to leave."""
        if self._dispatcher.cloud.is_leaving:
            return web.Response(status=503, text="preparing for a shutdown\n")
        try:
            async with asyncio.timeout(READY_SECONDS_MAX):
                await self._dispatcher.cloud.store.now()
        except Exception as error:
            return web.Response(status=503, text=f"the database does not answer: {error}\n")
        return web.Response(text="ready\n")

    async def _figures(self, _request: web.Request) -> web.Response:
        return web.Response(body=await self._metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _read(request: web.Request) -> UntrustedCall:
    form = [(name, value) for name, value in (await request.post()).items() if isinstance(value, str)]
    return UntrustedCall(
        parameters=merge(list(request.query.items()), form) | dict(request.match_info),
        method=request.method,
        remote=request.remote or "",
        origin=f"{request.scheme}://{request.host}",
        cookies=dict(request.cookies),
    )


def _as_http(answer: Rendered) -> web.Response:
    response = web.Response(
        status=answer.status,
        body=answer.body,
        content_type=answer.content_type,
        charset="UTF-8",
        headers={**NOT_TO_BE_KEPT, **answer.headers},
    )
    for cookie in answer.cookies:
        response.set_cookie(
            cookie.name,
            cookie.value,
            path=cookie.path,
            secure=cookie.secure,
            max_age=cookie.max_age_seconds,
            httponly=True,
            samesite="Lax",
        )
    return response
