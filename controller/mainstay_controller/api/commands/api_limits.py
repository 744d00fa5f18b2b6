"""How many calls an account has left, and a fresh start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from mainstay_controller.api.access import EVERYBODY, ROOT, Caller
from mainstay_controller.api.admission import calls_of
from mainstay_controller.api.answers import Success
from mainstay_controller.api.parameters import Wire
from mainstay_controller.api.registry import command
from mainstay_controller.domain.ids import AccountId
from mainstay_controller.domain.throttle import expires_in_ms
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.throttle import limit_of_calls, reset_windows


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiLimitView:
    """`expire_after`: milliseconds until the window ends."""

    wire_key: ClassVar[str] = "apilimit"

    account_id: str
    account: str
    api_issued: Annotated[int, "calls made in this window", Wire("apiIssued")]
    api_allowed: Annotated[int, "calls left in this window", Wire("apiAllowed")]
    expire_after: Annotated[int, "milliseconds until the window ends", Wire("expireAfter")]


@dataclass(frozen=True, slots=True, kw_only=True)
class GetApiLimit:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetApiLimit:
    account: Annotated[AccountId | None, "the ID of the account; without one, all accounts"] = None


@command("getApiLimit", roles=EVERYBODY, polls=True)
async def get_api_limit(_request: GetApiLimit, caller: Caller, cloud: Cloud) -> ApiLimitView:
    """Tells how many calls the account has made and has left."""
    limit = limit_of_calls(caller.account.id, cloud)
    window = await cloud.store.call_windows.get(calls_of(caller))
    remaining_ms = expires_in_ms(window, limit, await cloud.store.now()) if window else 0
    issued = window.issued if window and remaining_ms > 0 else 0
    return ApiLimitView(
        account_id=caller.account.id,
        account=caller.account.name,
        api_issued=issued,
        api_allowed=limit.calls_max - issued,
        expire_after=remaining_ms if remaining_ms > 0 else limit.interval_seconds * 1000,
    )


@command("resetApiLimit", roles=ROOT)
async def reset_api_limit(request: ResetApiLimit, _caller: Caller, cloud: Cloud) -> Success:
    """Forgets the calls of an account, or of all."""
    await reset_windows(request.account, cloud)
    return Success()


COMMANDS = (get_api_limit, reset_api_limit)
