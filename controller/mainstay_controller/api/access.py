"""Who asks, and what that lets them see: the one place that decides access.

Roles stand beside each command (`Command.roles`).  Everything owned has an account and a domain; a root admin reaches all of it, a domain
admin the tree under their domain, everybody else what their own account owns.  Lists are scoped by `visible`, single things by `may_use` and `may_change`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mainstay_controller.api.errors import not_permitted
from mainstay_controller.domain.ids import DomainId, ProjectId
from mainstay_controller.domain.records import Account, DomainRecord, Network, Project, Template, User
from mainstay_controller.domain.roles import SEES_EVERYTHING, Role
from mainstay_controller.operations.errors import InvalidParameter
from mainstay_controller.operations.jobs import Asker
from mainstay_controller.store.port import LIVE, Store, Where, any_of, eq

ROOT = frozenset({Role.ROOT_ADMIN})
ROOT_READS = frozenset({Role.ROOT_ADMIN, Role.READ_ONLY_ADMIN})
ADMINS = frozenset({Role.ROOT_ADMIN, Role.DOMAIN_ADMIN})
USERS = frozenset({Role.ROOT_ADMIN, Role.DOMAIN_ADMIN, Role.USER})
EVERYBODY = frozenset(Role)
ALL_PROJECTS = "-1"
"""What clients say when a list is not to be narrowed to one project."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A verified user, the account that owns what they make, and its domain.  `origin`: where they reached us, as in http://10.0.0.1:8080."""

    user: User
    account: Account
    domain: DomainRecord
    origin: str = ""

    @property
    def role(self) -> Role:
        return Role(self.account.role)

    @property
    def asker(self) -> Asker:
        """As the operations know who asks."""
        return Asker(account_id=self.account.id, user_id=self.user.id)

    @property
    def sees_everything(self) -> bool:
        return self.role in SEES_EVERYTHING


class ListScope(Protocol):
    """What the `Scoped` list requests say about whose things they mean."""

    @property
    def account(self) -> str | None: ...

    @property
    def domain_id(self) -> DomainId | None: ...

    @property
    def list_all(self) -> bool: ...

    @property
    def is_recursive(self) -> bool: ...

    @property
    def project_id(self) -> str | None: ...


async def caller_of(user: User, store: Store) -> Caller:
    account = await store.accounts.by_id(user.account_id)
    return Caller(user=user, account=account, domain=await store.domains.by_id(account.domain_id))


async def may_use(caller: Caller, record: object, store: Store) -> bool:
    """May the caller name this thing in a parameter?  What is shared may be used by those it is shared with."""
    match record:
        case Template(is_public=True):
            return True
        case Network(acl_type="Domain") if is_within(caller.domain, await store.domains.by_id(record.domain_id)):
            return True
    return await may_change(caller, record, store)


async def may_change(caller: Caller, record: object, store: Store) -> bool:
    """Is it the caller's, or of somebody he administers?  What no account owns is guarded by the roles of the command alone."""
    if caller.sees_everything:
        return True
    match record:
        case DomainRecord():
            return is_within(record, caller.domain)
        case Project():
            return await _reaches(caller, await store.accounts.by_id(record.owner_id), store)
        case Account():
            return await _reaches(caller, record, store)
    owner_id = getattr(record, "account_id", None)
    return owner_id is None or await _reaches(caller, await store.accounts.by_id(owner_id), store)


async def visible(caller: Caller, scope: ListScope, store: Store) -> list[Where]:
    """The conditions that leave only rows that were asked for and that the caller may see."""
    if scope.project_id not in (None, ALL_PROJECTS):
        return [eq("account_id", (await _project(caller, str(scope.project_id), store)).account_id)]
    return [*await _asked_for(caller, scope, store), *await _within_reach(caller, store)]


async def accounts_within_reach(caller: Caller, store: Store) -> list[Account] | None:
    """For rows that name an account but no domain; None: all accounts."""
    if caller.sees_everything:
        return None
    if caller.role is not Role.DOMAIN_ADMIN:
        return [caller.account]
    return await store.accounts.find(any_of("domain_id", [domain.id for domain in await subtree(caller.domain, store)]))


def is_within(domain: DomainRecord, top: DomainRecord) -> bool:
    return domain.path == top.path or domain.path.startswith(top.path.rstrip("/") + "/")


async def subtree(top: DomainRecord, store: Store) -> list[DomainRecord]:
    return [domain for domain in await store.domains.find(LIVE) if is_within(domain, top)]


async def account_named(name: str, domain: DomainRecord, store: Store) -> Account:
    found = await store.accounts.find(LIVE, eq("name", name), eq("domain_id", domain.id), limit=1)
    if not found:
        raise InvalidParameter("account", f"there is no account {name} in domain {domain.path}")
    return found[0]


async def owner_named(
    caller: Caller, name: str | None, domain_id: DomainId | None, store: Store, *, project_id: ProjectId | None = None
) -> Account:
    """For whom something is made: the caller's own account, a project's, or one that an administrator names."""
    if project_id is not None:
        return await store.accounts.by_id((await _project(caller, project_id, store)).account_id)
    if name is None:
        return caller.account
    domain = await store.domains.by_id(domain_id) if domain_id else caller.domain
    account = await account_named(name, domain, store)
    if not caller.sees_everything and not await _reaches(caller, account, store):
        raise not_permitted(caller.account.name)
    return account


async def _project(caller: Caller, project_id: str, store: Store) -> Project:
    project = await store.projects.get(project_id)
    if project is None or project.removed is not None:
        raise InvalidParameter("projectid", f"there is no project {project_id}")
    if not await may_use(caller, project, store):
        raise not_permitted(caller.account.name)
    return project


async def _asked_for(caller: Caller, scope: ListScope, store: Store) -> list[Where]:
    domain = await store.domains.by_id(scope.domain_id) if scope.domain_id else caller.domain
    if scope.account is not None:
        return [eq("account_id", (await account_named(scope.account, domain, store)).id)]
    if scope.domain_id is not None:
        within = await subtree(domain, store) if scope.is_recursive else [domain]
        return [any_of("domain_id", [each.id for each in within])]
    return [] if scope.list_all or scope.is_recursive else [eq("account_id", caller.account.id)]


async def _within_reach(caller: Caller, store: Store) -> list[Where]:
    if caller.sees_everything:
        return []
    if caller.role is Role.DOMAIN_ADMIN:
        return [any_of("domain_id", [domain.id for domain in await subtree(caller.domain, store)])]
    return [eq("account_id", caller.account.id)]


async def _reaches(caller: Caller, account: Account, store: Store) -> bool:
    """An administrator of a domain reaches no account that is more than he is; an owner reaches his projects' accounts."""
    if account.id == caller.account.id:
        return True
    if await store.projects.count(LIVE, eq("account_id", account.id), eq("owner_id", caller.account.id)):
        return True
    if account.role in SEES_EVERYTHING:
        return False
    return caller.role is Role.DOMAIN_ADMIN and is_within(await store.domains.by_id(account.domain_id), caller.domain)
