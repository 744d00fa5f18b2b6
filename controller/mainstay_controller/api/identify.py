"""Whose request is this?  A signature or a session names a user; everything else is refused with one and the same answer.

The promise: nothing is decided, counted or read on behalf of an account before its signature, or its session's key, is verified."""

from __future__ import annotations

from mainstay_controller.api.access import Caller, caller_of
from mainstay_controller.api.errors import NotVerified
from mainstay_controller.api.signature import expiry_of, is_signed_with
from mainstay_controller.api.untrusted import UntrustedCall
from mainstay_controller.domain.records import User
from mainstay_controller.domain.states import ENABLED
from mainstay_controller.operations.beginning.first_admin import ADMIN_USER_ID
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.tenancy.accounts import keys_of
from mainstay_controller.operations.tenancy.sign_in import holder_of, is_key_of, sign_out
from mainstay_controller.store.port import LIVE, eq

SESSION_COOKIE, SESSION_KEY = "JSESSIONID", "sessionkey"


async def by_credentials(call: UntrustedCall, cloud: Cloud) -> Caller:
    """A signed request needs no session."""
    if call.named("apikey") is not None or call.named("signature") is not None:
        return await by_signature(call, cloud)
    return await by_session(call, cloud)


async def by_signature(call: UntrustedCall, cloud: Cloud) -> Caller:
    user = await _holder_of_key(call.named("apikey"), cloud)
    keys = keys_of(user, cloud) if user else None
    if user is None or keys is None or not _is_authentic(call, keys.secret_key, cloud):
        raise NotVerified()
    return await _enabled(user, cloud)


async def by_session(call: UntrustedCall, cloud: Cloud) -> Caller:
    """A session whose key is wrong ends: somebody else may hold its cookie."""
    cookie = call.cookies.get(SESSION_COOKIE)
    held = await holder_of(cookie, cloud) if cookie else None
    if cookie is None or held is None:
        raise NotVerified()
    session, user = held
    keys = _keys_shown(call, cloud.settings.session_key_locations)
    if not keys or not all(is_key_of(session, key) for key in keys):
        await sign_out(cookie, cloud)
        raise NotVerified()
    return await _enabled(user, cloud)


async def by_trust(_call: UntrustedCall, cloud: Cloud) -> Caller:
    """For the integration port: whoever reaches it is the administrator."""
    return await caller_of(await cloud.store.users.by_id(ADMIN_USER_ID), cloud.store)


async def _enabled(user: User, cloud: Cloud) -> Caller:
    caller = await caller_of(user, cloud.store)
    if user.state != ENABLED or caller.account.state != ENABLED:
        raise NotVerified()
    return caller


async def _holder_of_key(api_key: str | None, cloud: Cloud) -> User | None:
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


def _keys_shown(call: UntrustedCall, locations: str) -> list[str]:
    """The session keys that must fit, from where api.sessionkey.check.locations says; none: nothing fits."""
    in_parameter, in_cookie = call.parameters.get(SESSION_KEY), call.cookies.get(SESSION_KEY)
    match locations:
        case "ParameterOnly":
            shown = [in_parameter]
        case "CookieOrParameter":
            shown = [in_parameter or in_cookie]
        case _:
            shown = [in_parameter, in_cookie]
    return [key for key in shown if key] if all(shown) else []
