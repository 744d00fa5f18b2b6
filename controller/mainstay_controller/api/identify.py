"""Whose request is this?  An API key with a signature names a user; everything else is refused with one and the same answer.

The promise: nothing is decided, counted or read on behalf of an account before its signature is verified."""

from __future__ import annotations

from mainstay_controller.api.access import Caller, caller_of
from mainstay_controller.api.errors import NotVerified
from mainstay_controller.api.signature import expiry_of, is_signed_with
from mainstay_controller.api.untrusted import UntrustedCall
from mainstay_controller.domain.records import User
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.store.port import LIVE, eq

ENABLED = "enabled"


async def by_signature(call: UntrustedCall, cloud: Cloud) -> Caller:
    user = await _holder_of(call.named("apikey"), cloud)
    secret = user.secret_key if user else None
    if user is None or secret is None or not _is_authentic(call, secret, cloud):
        raise NotVerified()
    caller = await caller_of(user, cloud.store)
    if user.state != ENABLED or caller.account.state != ENABLED:
        raise NotVerified()
    return caller


async def _holder_of(api_key: str | None, cloud: Cloud) -> User | None:
    if not api_key:
        return None
    return next(iter(await cloud.store.users.find(LIVE, eq("api_key", api_key), limit=1)), None)


def _is_authentic(call: UntrustedCall, secret: str, cloud: Cloud) -> bool:
    try:
        expires = expiry_of(call.parameters)
    except ValueError:
        return False
    if expires is not None and expires < cloud.clock.now():
        return False
    return is_signed_with(call.parameters, secret, call.named("signature") or "")
