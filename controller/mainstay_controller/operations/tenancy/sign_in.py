"""Log in with a password, be known by a session, log out.

A session is a row, so any controller knows it and it survives them; what the client holds (a cookie and a session key) is stored as
hashes only.  It ends after a time without use.  Too many wrong passwords lock the user; an unknown user takes as long to refuse."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256

from mainstay_controller.domain.ids import SessionId
from mainstay_controller.domain.records import Account, DomainRecord, LoginSession, User
from mainstay_controller.domain.states import ENABLED, LOCKED
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import PermissionDenied
from mainstay_controller.operations.tenancy.domains import domain_at
from mainstay_controller.operations.tenancy.passwords import is_password
from mainstay_controller.store.port import LIVE, Stale, eq, less

SESSION_BYTES = 20
RENEWED_AFTER_SECONDS = 30.0
"""A session in use is written this seldom."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """`cookie` and `session_key` are told once, to the client."""

    user: User
    account: Account
    domain: DomainRecord
    cookie: str
    session_key: str


async def sign_in(username: str, password: str, domain_path: str, remote: str, cloud: Cloud) -> SignedIn:
    refusal = PermissionDenied(
        f"Failed to authenticate user {username} in domain {domain_path}; please provide valid credentials"
    )
    domain = await domain_at(domain_path, cloud.store)
    user = await _user_named(username, domain, cloud) if domain else None
    fits = await is_password(password, user.password_hash if user else "")
    if user is None or domain is None:
        raise refusal
    account = await cloud.store.accounts.by_id(user.account_id)
    if not fits:
        await _count_failure(user, cloud)
        raise refusal
    if user.state != ENABLED or account.state != ENABLED:
        raise refusal
    return await _open_session(user, account, domain, remote, cloud)


async def holder_of(cookie: str, cloud: Cloud) -> tuple[LoginSession, User] | None:
    """The session of a cookie, and its user, if it is still good."""
    session = await cloud.store.login_sessions.get(_hash(cookie))
    now = await cloud.store.now()
    if session is None or session.expires <= now:
        return None
    await _renew(session, cloud)
    user = await cloud.store.users.get(session.user_id)
    return None if user is None or user.removed or user.state != ENABLED else (session, user)


def is_key_of(session: LoginSession, session_key: str) -> bool:
    """Hashes are compared, so that time tells nothing of the key."""
    return _hash(session_key) == session.session_key_sha256


async def sign_out(cookie: str, cloud: Cloud) -> None:
    await cloud.store.login_sessions.remove(_hash(cookie))


async def sweep_sessions(cloud: Cloud) -> int:
    """Forget those that ended; how many."""
    ended = await cloud.store.login_sessions.find(less("expires", await cloud.store.now()))
    for session in ended:
        await cloud.store.login_sessions.remove(session.id)
    return len(ended)


async def _user_named(username: str, domain: DomainRecord, cloud: Cloud) -> User | None:
    found = await cloud.store.users.find(LIVE, eq("domain_id", domain.id), eq("username", username), limit=1)
    return found[0] if found else None


async def _count_failure(user: User, cloud: Cloud) -> None:
    """Each wrong password counts, also those tried at once."""
    while True:
        failed = user.failed_logins + 1
        locked = failed >= cloud.settings.login_attempts_max and user.state == ENABLED
        state = LOCKED if locked else user.state
        try:
            await cloud.store.users.swap(user, replace(user, failed_logins=failed, state=state))
            return
        except Stale:
            user = await cloud.store.users.by_id(user.id)


async def _open_session(user: User, account: Account, domain: DomainRecord, remote: str, cloud: Cloud) -> SignedIn:
    cookie, session_key = _random_text(cloud), _random_text(cloud)
    now = await cloud.store.now()
    session = LoginSession(
        id=SessionId(_hash(cookie)),
        user_id=user.id,
        session_key_sha256=_hash(session_key),
        created=now,
        expires=now + timedelta(seconds=cloud.settings.session_timeout_seconds),
        remote=remote,
    )
    async with cloud.store.transaction() as store:
        await store.login_sessions.add(session)
        if user.failed_logins:
            user = await store.users.swap(user, replace(user, failed_logins=0))
    return SignedIn(user=user, account=account, domain=domain, cookie=cookie, session_key=session_key)


async def _renew(session: LoginSession, cloud: Cloud) -> None:
    expires = await cloud.store.now() + timedelta(seconds=cloud.settings.session_timeout_seconds)
    if (expires - session.expires).total_seconds() < RENEWED_AFTER_SECONDS:
        return
    try:
        await cloud.store.login_sessions.swap(session, replace(session, expires=expires))
    except Stale:
        return  # another request of it renewed it


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def _random_text(cloud: Cloud) -> str:
    return urlsafe_b64encode(cloud.rng.token(SESSION_BYTES)).decode().rstrip("=")
