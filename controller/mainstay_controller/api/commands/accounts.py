"""Accounts: who owns things."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mainstay_controller.api.access import ADMINS, EVERYBODY, Caller, accounts_within_reach, owner_named
from mainstay_controller.api.account_types import role_of_type
from mainstay_controller.api.answers import Accepted, accepted
from mainstay_controller.api.instant import instant_job
from mainstay_controller.api.listing import Listing, listing
from mainstay_controller.api.parameters import AllAre, Filter, Length, NotKept
from mainstay_controller.api.registry import command, job_to_success
from mainstay_controller.api.views import accounts as views
from mainstay_controller.api.views import one
from mainstay_controller.domain import states
from mainstay_controller.domain.ids import AccountId, DomainId, RoleId
from mainstay_controller.domain.records import Account
from mainstay_controller.domain.roles import DEFAULT_ROLES, SEES_EVERYTHING, Role
from mainstay_controller.operations.beginning.first_admin import ROOT_DOMAIN_ID
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter, PermissionDenied
from mainstay_controller.operations.tenancy import accounts, delete_account
from mainstay_controller.store.port import Where, any_of, eq


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAccounts(Listing):
    """Lists accounts."""

    id: Annotated[AccountId | None, "the ID of the account", Filter()] = None
    name: Annotated[str | None, "the name of the account", Filter()] = None
    domain_id: Annotated[DomainId | None, "only accounts of this domain", Filter()] = None
    state: Annotated[str | None, "enabled, disabled or locked", Filter()] = None
    account_type: Annotated[int | None, "0 user, 1 root admin, 2 domain admin, 4 read-only admin"] = None
    role_id: Annotated[RoleId | None, "only accounts of this role", Filter()] = None
    is_cleanup_required: Annotated[
        bool | None, "whether something of it is left to be removed: of none is", AllAre(value=False)
    ] = None
    api_key_access: Annotated[
        str | None, "access by API keys is not kept apart from that of their users", NotKept()
    ] = None
    list_all: Annotated[bool, "list all accounts the caller may see"] = False
    is_recursive: Annotated[bool, "taken for listall"] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateAccount:
    username: Annotated[str, "the user name of its first user"]
    password: Annotated[str, "the password of its first user", Length(512)]
    email: Annotated[str, "the mail address of its first user"]
    first_name: Annotated[str, "the first name of its first user"]
    last_name: Annotated[str, "the last name of its first user"]
    account: Annotated[str, "the name of the account; without one the user name"] = ""
    account_type: Annotated[int | None, "0 user, 1 root admin, 2 domain admin; or give roleid"] = None
    role_id: Annotated[RoleId | None, "the role of the account"] = None
    domain_id: Annotated[DomainId | None, "the domain of the account; without one the caller's"] = None
    network_domain: Annotated[str, "the network domain of its networks"] = ""
    timezone: Annotated[str, "the time zone of its first user"] = ""
    account_details: Annotated[dict[str, str] | None, "details"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateAccount:
    id: Annotated[AccountId | None, "the ID of the account"] = None
    account: Annotated[str | None, "the present name of the account, with domainid"] = None
    domain_id: Annotated[DomainId | None, "the domain of the account"] = None
    new_name: Annotated[str | None, "the new name"] = None
    network_domain: Annotated[str | None, "the network domain of its networks"] = None
    account_details: Annotated[dict[str, str] | None, "details"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedAccount:
    id: Annotated[AccountId | None, "the ID of the account"] = None
    account: Annotated[str | None, "the name of the account, with domainid"] = None
    domain_id: Annotated[DomainId | None, "the domain of the account"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DisableAccount(NamedAccount):
    lock: Annotated[bool, "lock it: its users cannot call, what it owns runs on"] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteAccount:
    id: Annotated[AccountId, "the ID of the account"]


async def _within_reach(request: ListAccounts, caller: Caller, cloud: Cloud) -> list[Where]:
    reach = await accounts_within_reach(caller, cloud.store)
    conditions = [] if reach is None else [any_of("id", [account.id for account in reach])]
    if not (request.list_all or request.is_recursive or request.domain_id or request.id or caller.sees_everything):
        conditions.append(eq("id", caller.account.id))
    if request.account_type is not None:
        conditions.append(eq("role", role_of_type(request.account_type)))
    return conditions


list_accounts = listing(
    "listAccounts",
    request=ListAccounts,
    rows=lambda store: store.accounts,
    view=views.accounts,
    roles=EVERYBODY,
    where=_within_reach,
)


@command("createAccount", roles=ADMINS)
async def create(request: CreateAccount, caller: Caller, cloud: Cloud) -> views.AccountView:
    """Creates an account with its first user."""
    role, role_id = await _role_asked_for(request, caller, cloud)
    account = await accounts.create_account(
        accounts.NewAccount(
            user=accounts.NewUser(
                username=request.username,
                password=request.password,
                first_name=request.first_name,
                last_name=request.last_name,
                email=request.email,
                timezone=request.timezone,
            ),
            role=role,
            role_id=role_id,
            domain_id=request.domain_id or caller.domain.id,
            name=request.account,
            network_domain=request.network_domain,
            details=request.account_details or {},
        ),
        cloud,
    )
    return await one(views.accounts, account, caller, cloud)


@command("updateAccount", roles=ADMINS)
async def update(request: UpdateAccount, caller: Caller, cloud: Cloud) -> views.AccountView:
    """Changes an account."""
    change = accounts.AccountChange(
        name=request.new_name, network_domain=request.network_domain, details=request.account_details
    )
    account = await accounts.update_account(await _meant(request, caller, cloud), change, cloud)
    return await one(views.accounts, account, caller, cloud)


@command("enableAccount", roles=ADMINS)
async def enable(request: NamedAccount, caller: Caller, cloud: Cloud) -> views.AccountView:
    """Enables an account."""
    account = await accounts.set_account_state(await _meant(request, caller, cloud), states.ENABLED, cloud)
    return await one(views.accounts, account, caller, cloud)


@instant_job("disableAccount", roles=ADMINS)
async def disable(request: DisableAccount, caller: Caller, cloud: Cloud) -> views.AccountView:
    """Disables or locks an account: its users cannot call, what it owns runs on."""
    state = states.LOCKED if request.lock else states.DISABLED
    account = await accounts.set_account_state(await _meant(request, caller, cloud), state, cloud)
    return await one(views.accounts, account, caller, cloud)


@command("deleteAccount", roles=ADMINS, job=job_to_success(delete_account.work))
async def delete(request: DeleteAccount, caller: Caller, cloud: Cloud) -> Accepted:
    """Deletes an account with its users and its virtual machines."""
    account = await cloud.store.accounts.by_id(request.id)
    return accepted(await delete_account.begin(account, caller.asker, cloud))


async def _meant(request: UpdateAccount | NamedAccount, caller: Caller, cloud: Cloud) -> Account:
    """The account that is named by its id, or by its name and domain."""
    if request.id is not None:
        return await cloud.store.accounts.by_id(request.id)
    if request.account is None:
        raise InvalidParameter("id", "name an account by id, or by account and domainid")
    return await owner_named(caller, request.account, request.domain_id, cloud.store)


async def _role_asked_for(request: CreateAccount, caller: Caller, cloud: Cloud) -> tuple[Role, RoleId]:
    """Nobody gives more than he has."""
    if request.role_id is not None:
        record = await cloud.store.roles.by_id(request.role_id)
        role, role_id = Role(record.type), record.id
    elif request.account_type is not None:
        role = role_of_type(request.account_type)
        role_id = DEFAULT_ROLES[role][0]
    else:
        raise InvalidParameter("roleid", "give roleid or accounttype")
    if role in SEES_EVERYTHING and caller.role is not Role.ROOT_ADMIN:
        raise PermissionDenied(f"Only root administrators may create accounts of role {role}")
    if role in SEES_EVERYTHING and (request.domain_id or caller.domain.id) != ROOT_DOMAIN_ID:
        raise InvalidParameter("domainid", f"accounts of role {role} belong to the ROOT domain")
    return role, role_id


COMMANDS = (list_accounts, create, update, enable, disable, delete)
