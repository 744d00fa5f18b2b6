"""Exactly so many calls of an account pass in a window, however many controllers serve them."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace

from mainstay_controller.operations.settings import Settings
from mainstay_runtime.tasks import all_of
from tests.controller.api.test_people import Member, a_domain, a_member
from tests.kit.api import ApiClient, a_cloud, an_api
from tests.kit.memory_store import MemoryStore

LIMITED = Settings(throttling_enabled=True, throttling_interval_seconds=3600, throttling_max=20)


async def a_limited_user(api: ApiClient) -> Member:
    ann = await a_member(api, "ann", await a_domain(api, "sales"))
    api.cloud.settings = LIMITED
    return ann


async def test_eight_clients_at_two_controllers_pass_exactly_the_limit() -> None:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(an_api())
        ann = await a_limited_user(first)
        store = first.cloud.store
        assert isinstance(store, MemoryStore)
        other_cloud = a_cloud(MemoryStore(first.cloud.clock, store.rows))
        other_cloud.settings = LIMITED
        second = await stack.enter_async_context(an_api(cloud=other_cloud))
        clients = [ann.api, replace(ann.api, url=second.url)] * 4

        async def call_ten_times(api: ApiClient) -> list[int]:
            return [(await api.call("listZones")).status for _ in range(10)]

        statuses = [status for some in await all_of(*(call_ten_times(api) for api in clients)) for status in some]

    assert statuses.count(200) == LIMITED.throttling_max
    assert statuses.count(429) == 80 - LIMITED.throttling_max


async def test_one_more_call_is_told_when_to_come_again() -> None:
    async with an_api() as api:
        ann = await a_limited_user(api)
        api.cloud.settings = replace(LIMITED, throttling_max=1)
        await ann.api.call("listZones")
        refused = await ann.api.call("listZones")

    assert refused.status == 429
    assert refused.body["errortext"].startswith(
        "The given user has reached his/her account api limit, please retry after ["
    )
    assert 3590 <= int(refused.headers["Retry-After"]) <= 3600


async def test_asking_what_may_be_called_does_not_use_up_the_calls() -> None:
    async with an_api() as api:
        ann = await a_limited_user(api)
        for _ in range(LIMITED.throttling_max + 5):
            assert (await ann.api.call("listApis")).status == 200

        assert (await ann.api.call("listZones")).status == 200


async def test_a_forged_signature_uses_up_nobodys_calls() -> None:
    async with an_api() as api:
        ann = await a_limited_user(api)
        forged = {"command": "listZones", "apikey": ann.api.keys.api_key, "signature": "x", "response": "json"}
        for _ in range(LIMITED.throttling_max + 5):
            assert (await api.raw(forged)).status == 401

        assert (await ann.api.call("listZones")).status == 200


async def test_root_administrators_are_not_limited() -> None:
    async with an_api() as api:
        api.cloud.settings = replace(LIMITED, throttling_max=1)
        statuses = [(await api.call("listZones")).status for _ in range(3)]

    assert statuses == [200, 200, 200]
