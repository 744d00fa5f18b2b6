"""Users: who may ask, and with which keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mainstay_controller.api.access import ADMINS, EVERYBODY, USERS, Caller, accounts_within_reach, owner_named
from mainstay_controller.api.account_types import role_of_type
from mainstay_controller.api.answers import Success
from mainstay_controller.api.errors import unknown_entity
from mainstay_controller.api.instant import instant_job
from mainstay_controller.api.listing import Listing, listing
from mainstay_controller.api.parameters import Filter, Length, NotKept
from mainstay_controller.api.registry import command
from mainstay_controller.api.views import accounts as views
from mainstay_controller.api.views import one
from mainstay_controller.domain import states
from mainstay_controller.domain.ids import DomainId, UserId
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter, PermissionDenied
from mainstay_controller.operations.tenancy import accounts
from mainstay_controller.operations.tenancy.passwords import is_password
from mainstay_controller.store.port import LIVE, Where, any_of, eq


@dataclass(frozen=True, slots=True, kw_only=True)
class ListUsers(Listing):
    """Lists users."""

    id: Annotated[UserId | None, "the ID of the user", Filter()] = None
    username: Annotated[str | None, "the user name", Filter()] = None
    account: Annotated[str | None, "only users of this account, with domainid"] = None
    domain_id: Annotated[DomainId | None, "only users of this domain", Filter()] = None
    state: Annotated[str | None, "enabled, disabled or locked", Filter()] = None
    account_type: Annotated[int | None, "of accounts of this type: 0 user, 1 root admin, 2 domain admin ..."] = None
    api_key_access: Annotated[
        str | None, "access by API keys is not kept apart from that of their users", NotKept()
    ] = None
    list_all: Annotated[bool, "list all users the caller may see"] = False
    is_recursive: Annotated[bool, "taken for listall"] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateUser:
    username: Annotated[str, "the user name"]
    password: Annotated[str, "the password", Length(512)]
    email: Annotated[str, "the mail address"]
    first_name: Annotated[str, "the first name"]
    last_name: Annotated[str, "the last name"]
    account: Annotated[str, "the name of the account"]
    domain_id: Annotated[DomainId | None, "the domain of the account"] = None
    timezone: Annotated[str, "the time zone"] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateUser:
    """`user_api_key` and `user_secret_key` cannot be chosen: registerUserKeys makes them."""

    id: Annotated[UserId, "the ID of the user"]
    username: Annotated[str | None, "the new user name"] = None
    first_name: Annotated[str | None, "the first name"] = None
    last_name: Annotated[str | None, "the last name"] = None
    email: Annotated[str | None, "the mail address"] = None
    timezone: Annotated[str | None, "the time zone"] = None
    password: Annotated[str | None, "the new password", Length(512)] = None
    current_password: Annotated[str | None, "the present password, which users must give", Length(512)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OneUser:
    id: Annotated[UserId, "the ID of the user"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GetUser:
    user_api_key: Annotated[str, "the API key of the user"]


async def _within_reach(request: ListUsers, caller: Caller, cloud: Cloud) -> list[Where]:
    reach = await accounts_within_reach(caller, cloud.store)
    conditions = [] if reach is None else [any_of("account_id", [account.id for account in reach])]
    if request.account is not None:
        owner = await owner_named(caller, request.account, request.domain_id, cloud.store)
        conditions.append(eq("account_id", owner.id))
    if request.account_type is not None:
        alike = await cloud.store.accounts.find(LIVE, eq("role", role_of_type(request.account_type)))
        conditions.append(any_of("account_id", [account.id for account in alike]))
    return conditions


list_users = listing(
    "listUsers",
    request=ListUsers,
    rows=lambda store: store.users,
    view=views.users,
    roles=EVERYBODY,
    keyword=("username", "first_name", "last_name", "email"),
    order_by="username",
    where=_within_reach,
)


@command("createUser", roles=ADMINS)
async def create(request: CreateUser, caller: Caller, cloud: Cloud) -> views.UserView:
    """Creates a user in an account."""
    account = await owner_named(caller, request.account, request.domain_id, cloud.store)
    new = accounts.NewUser(
        username=request.username,
        password=request.password,
        first_name=request.first_name,
        last_name=request.last_name,
        email=request.email,
        timezone=request.timezone,
    )
    return await one(views.users, await accounts.create_user(new, account, cloud), caller, cloud)


@command("updateUser", roles=USERS)
async def update(request: UpdateUser, caller: Caller, cloud: Cloud) -> views.UserView:
    """Changes a user; who changes their own password gives the present one."""
    user = await cloud.store.users.by_id(request.id)
    if user.account_id != caller.account.id and caller.role not in ADMINS:
        raise PermissionDenied("Users may change themselves only")
    if request.password is not None and user.id == caller.user.id:
        await _check_password(request.current_password or "", user.password_hash)
    change = accounts.UserChange(
        username=request.username,
        first_name=request.first_name,
        last_name=request.last_name,
        email=request.email,
        timezone=request.timezone,
    )
    changed = await accounts.update_user(user, change, cloud, password=request.password)
    return await one(views.users, changed, caller, cloud)


@command("deleteUser", roles=ADMINS)
async def delete(request: OneUser, caller: Caller, cloud: Cloud) -> Success:
    """Deletes a user; their keys and sessions end."""
    if request.id == caller.user.id:
        raise InvalidParameter("id", "nobody deletes themselves")
    await accounts.delete_user(await cloud.store.users.by_id(request.id), cloud)
    return Success()


@command("enableUser", roles=ADMINS)
async def enable(request: OneUser, caller: Caller, cloud: Cloud) -> views.UserView:
    """Enables a user, also one locked after wrong passwords."""
    user = await accounts.set_user_state(await cloud.store.users.by_id(request.id), states.ENABLED, cloud)
    return await one(views.users, user, caller, cloud)


@instant_job("disableUser", roles=ADMINS)
async def disable(request: OneUser, caller: Caller, cloud: Cloud) -> views.UserView:
    """Disables a user."""
    user = await accounts.set_user_state(await cloud.store.users.by_id(request.id), states.DISABLED, cloud)
    return await one(views.users, user, caller, cloud)


@command("lockUser", roles=ADMINS)
async def lock(request: OneUser, caller: Caller, cloud: Cloud) -> views.UserView:
    """Locks a user."""
    user = await accounts.set_user_state(await cloud.store.users.by_id(request.id), states.LOCKED, cloud)
    return await one(views.users, user, caller, cloud)


@command("registerUserKeys", roles=USERS)
async def register_keys(request: OneUser, _caller: Caller, cloud: Cloud) -> views.UserKeysView:
    """Makes new keys for a user; the old ones are void at once."""
    keys = await accounts.register_keys(await cloud.store.users.by_id(request.id), cloud)
    return views.UserKeysView(api_key=keys.api_key, secret_key=keys.secret_key)


@command("getUserKeys", roles=USERS)
async def get_keys(request: OneUser, _caller: Caller, cloud: Cloud) -> views.UserKeysView:
    """Shows the keys of a user."""
    keys = accounts.keys_of(await cloud.store.users.by_id(request.id), cloud)
    return views.UserKeysView(api_key=keys.api_key if keys else None, secret_key=keys.secret_key if keys else None)


@command("getUser", roles=ADMINS)
async def get(request: GetUser, caller: Caller, cloud: Cloud) -> views.UserView:
    """Finds a user by API key."""
    found = await cloud.store.users.find(LIVE, eq("api_key", request.user_api_key), limit=1)
    reach = await accounts_within_reach(caller, cloud.store)
    if not found or (reach is not None and found[0].account_id not in {account.id for account in reach}):
        raise unknown_entity("getUser", "userapikey", request.user_api_key)
    return await one(views.users, found[0], caller, cloud)


async def _check_password(password: str, password_hash: str) -> None:
    if password_hash and not await is_password(password, password_hash):
        raise InvalidParameter("currentpassword", "it is not the present password")


COMMANDS = (
    list_users,
    create,
    update,
    delete,
    enable,
    disable,
    lock,
    register_keys,
    get_keys,
    get,
)
