"""Count the calls of an account, or of an address that logs in, over all controllers together.

A window is one row, changed by compare-and-set, so that the count is exact whoever serves the calls.  Within a controller calls of
one window queue up instead of racing each other."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from mainstay_controller.domain.ids import AccountId
from mainstay_controller.domain.records import CallWindow
from mainstay_controller.domain.throttle import Admitted, Limit, Refused, after_call
from mainstay_controller.domain.tunable import Scope
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.store.port import Conflict, Stale, less

POLLS_FACTOR = 10
"""Asking what became of a call, or what may be called, is counted apart and may be done so much oftener: it must not starve the calls."""
LOGIN_INTERVAL_SECONDS = 60


class CallCounter:
    """One per controller: its locks keep the callers of one window in line."""

    def __init__(self) -> None:
        self._lines = [asyncio.Lock() for _ in range(256)]

    async def count(self, window_id: str, limit: Limit, cloud: Cloud) -> Refused | None:
        """None: the call passes, and is counted."""
        async with self._lines[hash(window_id) % len(self._lines)]:
            while True:
                try:
                    return await _count_once(window_id, limit, cloud)
                except (Stale, Conflict):
                    continue  # another controller counted one at the same moment


def limit_of_calls(account_id: AccountId, cloud: Cloud) -> Limit:
    settings = cloud.settings_in(Scope.ACCOUNT, account_id)
    return Limit(calls_max=settings.throttling_max, interval_seconds=settings.throttling_interval_seconds)


def limit_of_polls(account_id: AccountId, cloud: Cloud) -> Limit:
    calls = limit_of_calls(account_id, cloud)
    return Limit(calls_max=calls.calls_max * POLLS_FACTOR, interval_seconds=calls.interval_seconds)


def limit_of_logins(cloud: Cloud) -> Limit:
    return Limit(calls_max=cloud.settings.logins_per_minute_max, interval_seconds=LOGIN_INTERVAL_SECONDS)


async def reset_windows(account_id: str | None, cloud: Cloud) -> None:
    """Forget what was counted for an account, or for all."""
    for window in await cloud.store.call_windows.find():
        if account_id is None or window.id.partition(":")[2] == account_id:
            await cloud.store.call_windows.remove(window.id)


async def sweep_windows(cloud: Cloud) -> None:
    """Beyond api.throttling.cachesize the windows that are over are forgotten."""
    windows = cloud.store.call_windows
    if await windows.count() <= cloud.settings.throttling_cache_size:
        return
    longest = max(cloud.settings.throttling_interval_seconds, LOGIN_INTERVAL_SECONDS)
    for window in await windows.find(less("began", await cloud.store.now() - timedelta(seconds=longest))):
        await windows.remove(window.id)


async def _count_once(window_id: str, limit: Limit, cloud: Cloud) -> Refused | None:
    now = await cloud.store.now()
    known = await cloud.store.call_windows.get(window_id)
    if known is None:
        await cloud.store.call_windows.add(CallWindow(id=window_id, created=now, began=now, issued=1))
        return None
    match after_call(known, limit, now):
        case Refused() as refused:
            return refused
        case Admitted(window=window):
            await cloud.store.call_windows.swap(known, window)
    return None
