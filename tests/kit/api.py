"""An API over real HTTP with a store in memory, and a client of it that signs as the documentation says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import ClientSession, CookieJar
from aiohttp.test_utils import TestServer
from argon2 import PasswordHasher
from prometheus_client import CollectorRegistry

from mainstay_cli.client import signature
from mainstay_controller.api.commands import ALL
from mainstay_controller.api.dispatch import Dispatcher
from mainstay_controller.api.identify import by_credentials
from mainstay_controller.api.registry import Registry
from mainstay_controller.api.server import ApiServer
from mainstay_controller.domain.ids import ControllerId
from mainstay_controller.fleet.fleet import Fleet
from mainstay_controller.operations.beginning.first_admin import FirstAdmin, KeyPair, create_first_admin
from mainstay_controller.operations.cloud import Cloud, ThisController
from mainstay_controller.operations.journal import Journal
from mainstay_controller.operations.settings import Settings
from mainstay_controller.store.port import Store
from mainstay_runtime.clock import SystemClock, SystemRng
from tests.kit.memory_store import MemoryStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    status: int
    headers: dict[str, str]
    text: str
    json: Any

    @property
    def body(self) -> Any:
        """What stands in the one envelope."""
        ((_, body),) = self.json.items()
        return body


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiClient:
    http: ClientSession
    url: str
    keys: KeyPair
    password: str
    cloud: Cloud

    async def raw(self, parameters: dict[str, str], method: str = "GET") -> Answered:
        sent = {"params": parameters} if method == "GET" else {"data": parameters}
        async with self.http.request(method, self.url, **sent) as response:  # type: ignore[arg-type]
            is_json = response.content_type == "application/json"
            return Answered(
                status=response.status,
                headers=dict(response.headers),
                text=await response.text(),
                json=await response.json() if is_json else None,
            )

    async def call(self, command: str, /, **parameters: str) -> Answered:
        return await self.raw(self.signed(command, parameters))

    async def post(self, command: str, /, **parameters: str) -> Answered:
        return await self.raw(self.signed(command, parameters), "POST")

    def signed(self, command: str, parameters: dict[str, str]) -> dict[str, str]:
        asked = {"command": command, "response": "json", "apiKey": self.keys.api_key, **parameters}
        return asked | {"signature": signature(asked, self.keys.secret_key)}

    def signing_with(self, keys: KeyPair) -> ApiClient:
        return replace(self, keys=keys)


def a_cloud(store: Store | None = None) -> Cloud:
    clock, rng = SystemClock(), SystemRng()
    me = ThisController(id=ControllerId("c1"), epoch=1)
    return Cloud(
        store=store or MemoryStore(clock),
        fleet=Fleet(controller_id=me.id, clock=clock, rng=rng),
        clock=clock,
        rng=rng,
        settings=Settings(),
        journal=Journal(clock, rng),
        me=me,
    )


async def hashed_cheaply(password: str) -> str:
    """A good hash in a millisecond."""
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(password)


@asynccontextmanager
async def an_api(registry: Registry = ALL, cloud: Cloud | None = None) -> AsyncIterator[ApiClient]:
    """On a cloud with its first administrator; on one that has an administrator already, without keys."""
    cloud = cloud or a_cloud()
    admin = await create_first_admin(cloud, hashed_cheaply) or FirstAdmin(
        username="", password="", keys=KeyPair(api_key="", secret_key="")
    )
    dispatcher = Dispatcher(registry=registry, cloud=cloud, identify=by_credentials)
    server = TestServer(ApiServer(dispatcher, CollectorRegistry()).application())
    async with server, ClientSession(cookie_jar=CookieJar(unsafe=True)) as http:
        url = str(server.make_url("/client/api"))
        yield ApiClient(http=http, url=url, keys=admin.keys, password=admin.password, cloud=cloud)
