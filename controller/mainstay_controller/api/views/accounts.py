"""Accounts, users, domains and roles as clients see them; keys and passwords are not among what is seen."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from mainstay_controller.api.access import Caller
from mainstay_controller.api.views.related import by_ids, names_of
from mainstay_controller.domain.records import Account, DomainRecord, RoleRecord, User
from mainstay_controller.domain.roles import ACCOUNT_TYPES, Role
from mainstay_controller.domain.states import VmState
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.store.port import LIVE, any_of


@dataclass(frozen=True, slots=True, kw_only=True)
class UserView:
    wire_key: ClassVar[str] = "user"

    id: str
    username: str
    first_name: str
    last_name: str
    email: str
    created: datetime
    state: str
    account: str | None
    account_id: str
    account_type: int | None
    role_id: str | None
    role_name: str | None
    role_type: str | None
    domain_id: str
    domain: str | None
    timezone: str | None
    api_key: str | None
    is_caller_child_domain: bool
    is_default: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountView:
    wire_key: ClassVar[str] = "account"

    id: str
    name: str
    account_type: int
    role_id: str
    role_type: str
    role_name: str | None
    domain_id: str
    domain: str | None
    domain_path: str | None
    state: str
    created: datetime
    network_domain: str | None
    is_default: bool
    vm_total: int
    vm_running: int
    vm_stopped: int
    volume_total: int
    account_details: dict[str, str]
    user: tuple[UserView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainView:
    wire_key: ClassVar[str] = "domain"

    id: str
    name: str
    path: str
    level: int
    parent_domain_id: str | None
    parent_domain_name: str | None
    has_child: bool
    network_domain: str | None
    state: str
    created: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleView:
    wire_key: ClassVar[str] = "role"

    id: str
    name: str
    type: str
    description: str
    is_default: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UserKeysView:
    wire_key: ClassVar[str] = "userkeys"

    api_key: str | None
    secret_key: str | None


async def users(records: Sequence[User], _caller: Caller, cloud: Cloud) -> list[UserView]:
    accounts = await by_ids(cloud.store.accounts, (user.account_id for user in records))
    domains = await names_of(cloud.store.domains, (user.domain_id for user in records))
    roles = await names_of(cloud.store.roles, (account.role_id for account in accounts.values()))
    return [_user(user, accounts[user.account_id], domains.get(user.domain_id), roles) for user in records]


async def accounts(records: Sequence[Account], caller: Caller, cloud: Cloud) -> list[AccountView]:
    ids = [account.id for account in records]
    domains = await by_ids(cloud.store.domains, (account.domain_id for account in records))
    roles = await names_of(cloud.store.roles, (account.role_id for account in records))
    people: dict[str, list[UserView]] = defaultdict(list)
    for user in await users(await cloud.store.users.find(LIVE, any_of("account_id", ids)), caller, cloud):
        people[user.account_id].append(user)
    vms = await cloud.store.vms.find(LIVE, any_of("account_id", ids))
    states = Counter((vm.account_id, vm.state) for vm in vms)
    volumes = Counter(volume.account_id for volume in await cloud.store.volumes.find(LIVE, any_of("account_id", ids)))
    owned = Counter(vm.account_id for vm in vms)
    return [
        AccountView(
            id=account.id,
            name=account.name,
            account_type=ACCOUNT_TYPES[Role(account.role)],
            role_id=account.role_id,
            role_type=account.role,
            role_name=roles.get(account.role_id),
            domain_id=account.domain_id,
            domain=domain.name if (domain := domains.get(account.domain_id)) else None,
            domain_path=domain.path if domain else None,
            state=account.state,
            created=account.created,
            network_domain=account.network_domain or None,
            is_default=False,
            vm_total=owned[account.id],
            vm_running=states[account.id, VmState.RUNNING],
            vm_stopped=states[account.id, VmState.STOPPED],
            volume_total=volumes[account.id],
            account_details=account.details,
            user=tuple(people[account.id]),
        )
        for account in records
    ]


async def domains(records: Sequence[DomainRecord], _caller: Caller, cloud: Cloud) -> list[DomainView]:
    parents = await names_of(cloud.store.domains, (domain.parent_id for domain in records))
    below = await cloud.store.domains.find(LIVE, any_of("parent_id", [domain.id for domain in records]))
    with_child = {domain.parent_id for domain in below}
    return [
        DomainView(
            id=domain.id,
            name=domain.name,
            path="ROOT" + domain.path.rstrip("/"),
            level=domain.path.rstrip("/").count("/"),
            parent_domain_id=domain.parent_id,
            parent_domain_name=parents.get(domain.parent_id),
            has_child=domain.id in with_child,
            network_domain=domain.network_domain or None,
            state=domain.state,
            created=domain.created,
        )
        for domain in records
    ]


async def roles(records: Sequence[RoleRecord], _caller: Caller, _cloud: Cloud) -> list[RoleView]:
    return [
        RoleView(id=role.id, name=role.name, type=role.type, description=role.description, is_default=role.is_default)
        for role in records
    ]


def _user(user: User, account: Account, domain: str | None, roles: Mapping[str | None, str]) -> UserView:
    return UserView(
        id=user.id,
        username=user.username,
        first_name=user.first_name,
        last_name=user.last_name,
        email=user.email,
        created=user.created,
        state=user.state,
        account=account.name,
        account_id=account.id,
        account_type=ACCOUNT_TYPES[Role(account.role)],
        role_id=account.role_id,
        role_name=roles.get(account.role_id),
        role_type=account.role,
        domain_id=user.domain_id,
        domain=domain,
        timezone=user.timezone or None,
        api_key=user.api_key,
        is_caller_child_domain=False,
        is_default=False,
    )
