"""Accounts and their users: who owns things, and who may ask for them.

An account has one role and one domain; names are unique among what lives in a domain.  The last administrator of the cloud
cannot be removed, disabled or locked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mainstay_controller.domain.ids import AccountId, DomainId, RoleId, UserId
from mainstay_controller.domain.records import Account, User
from mainstay_controller.domain.roles import Role
from mainstay_controller.domain.states import ENABLED
from mainstay_controller.operations.beginning.first_admin import ADMIN_ACCOUNT_ID, KeyPair, fresh_key_pair
from mainstay_controller.operations.changes import with_changes
from mainstay_controller.operations.checks import a_name
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter, ResourceInUse
from mainstay_controller.operations.secrets import name_of_api_secret, opened, sealed
from mainstay_controller.operations.tenancy.passwords import hashed
from mainstay_controller.store.port import LIVE, Store, eq


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    username: str
    password: str
    first_name: str
    last_name: str
    email: str
    timezone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """`name`: the user's, if it is not said."""

    user: NewUser
    role: Role
    role_id: RoleId
    domain_id: DomainId
    name: str = ""
    network_domain: str = ""
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChange:
    """What is None stays as it is, here and below."""

    name: str | None = None
    network_domain: str | None = None
    details: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserChange:
    username: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    timezone: str | None = None


async def create_account(new: NewAccount, cloud: Cloud) -> Account:
    account = Account(
        id=AccountId(cloud.rng.uuid()),
        name=a_name("account", new.name or new.user.username),
        domain_id=new.domain_id,
        created=await cloud.store.now(),
        role=new.role,
        role_id=new.role_id,
        network_domain=new.network_domain,
        details=dict(new.details),
    )
    user = await _user(new.user, account, cloud)
    async with cloud.store.transaction() as store:
        await _check_account_free(account, store)
        await store.accounts.add(account)
        await _add_user(user, store)
    return account


async def update_account(account: Account, change: AccountChange, cloud: Cloud) -> Account:
    changed = with_changes(account, change, {"name": a_name})
    async with cloud.store.transaction() as store:
        if changed.name != account.name:
            await _check_account_free(changed, store)
        return await store.accounts.swap(account, changed)


async def update_user(user: User, change: UserChange, cloud: Cloud, *, password: str | None = None) -> User:
    changed = with_changes(user, change, dict.fromkeys(("username", "first_name", "last_name", "email"), a_name))
    if password is not None:
        changed = replace(changed, password_hash=await hashed(password))
    async with cloud.store.transaction() as store:
        if changed.username != user.username:
            await _check_user_free(changed, store)
        return await store.users.swap(user, changed)


async def create_user(new: NewUser, account: Account, cloud: Cloud) -> User:
    user = await _user(new, account, cloud)
    async with cloud.store.transaction() as store:
        return await _add_user(user, store)


async def set_account_state(account: Account, state: str, cloud: Cloud) -> Account:
    if account.id == ADMIN_ACCOUNT_ID and state != ENABLED:
        raise ResourceInUse(f"Account {account.name} is the first administrator's and stays enabled")
    return await cloud.store.accounts.swap(account, replace(account, state=state))


async def set_user_state(user: User, state: str, cloud: Cloud) -> User:
    """Enabling also forgets failed logins."""
    return await cloud.store.users.swap(user, replace(user, state=state, failed_logins=0))


async def delete_user(user: User, cloud: Cloud) -> None:
    """His keys and sessions end with him."""
    async with cloud.store.transaction() as store:
        others = [
            each for each in await store.users.find(LIVE, eq("account_id", user.account_id)) if each.id != user.id
        ]
        if user.account_id == ADMIN_ACCOUNT_ID and not others:
            raise ResourceInUse("The last user of the first administrator's account cannot be deleted")
        await _remove_user(user, store, cloud)


async def remove_users_of(account: Account, store: Store, cloud: Cloud) -> None:
    for user in await store.users.find(LIVE, eq("account_id", account.id)):
        await _remove_user(user, store, cloud)


async def register_keys(user: User, cloud: Cloud) -> KeyPair:
    """New keys; the old ones are void at once."""
    keys = fresh_key_pair(cloud.rng)
    secret = sealed(name_of_api_secret(user.id), keys.secret_key, cloud)
    await cloud.store.users.swap(user, replace(user, api_key=keys.api_key, secret_key=secret))
    return keys


def keys_of(user: User, cloud: Cloud) -> KeyPair | None:
    if user.api_key is None or user.secret_key is None:
        return None
    secret = opened(name_of_api_secret(user.id), user.secret_key, cloud)
    return KeyPair(api_key=user.api_key, secret_key=secret)


async def _user(new: NewUser, account: Account, cloud: Cloud) -> User:
    return User(
        id=UserId(cloud.rng.uuid()),
        account_id=account.id,
        domain_id=account.domain_id,
        username=a_name("username", new.username),
        created=await cloud.store.now(),
        first_name=a_name("firstname", new.first_name),
        last_name=a_name("lastname", new.last_name),
        email=a_name("email", new.email),
        timezone=new.timezone,
        password_hash=await hashed(new.password),
    )


async def _add_user(user: User, store: Store) -> User:
    await _check_user_free(user, store)
    return await store.users.add(user)


async def _check_account_free(account: Account, store: Store) -> None:
    if await store.accounts.find(LIVE, eq("domain_id", account.domain_id), eq("name", account.name), limit=1):
        raise InvalidParameter("account", f"an account {account.name} exists in that domain")


async def _check_user_free(user: User, store: Store) -> None:
    if await store.users.find(LIVE, eq("domain_id", user.domain_id), eq("username", user.username), limit=1):
        raise InvalidParameter("username", f"a user {user.username} exists in that domain")


async def _remove_user(user: User, store: Store, cloud: Cloud) -> None:
    gone = replace(user, removed=cloud.clock.now(), api_key=None, secret_key=None, password_hash="")
    await store.users.swap(user, gone)
    for session in await store.login_sessions.find(eq("user_id", user.id)):
        await store.login_sessions.remove(session.id)
