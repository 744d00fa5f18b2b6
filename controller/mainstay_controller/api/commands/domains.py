"""Domains: the tree in which accounts live."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mainstay_controller.api.access import ADMINS, EVERYBODY, Caller, subtree
from mainstay_controller.api.answers import Success
from mainstay_controller.api.instant import instant_job
from mainstay_controller.api.listing import Listing, listing
from mainstay_controller.api.parameters import Filter
from mainstay_controller.api.registry import command
from mainstay_controller.api.views import accounts as views
from mainstay_controller.api.views import one
from mainstay_controller.domain.ids import DomainId
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.tenancy import domains
from mainstay_controller.store.port import Where, any_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDomains(Listing):
    """Lists domains that the caller may see."""

    id: Annotated[DomainId | None, "the ID of the domain", Filter()] = None
    name: Annotated[str | None, "the name of the domain", Filter()] = None
    level: Annotated[int | None, "only domains so far below ROOT"] = None
    list_all: Annotated[bool, "taken for true"] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDomainChildren(Listing):
    """Lists the domains below one."""

    id: Annotated[DomainId | None, "the ID of the domain; without one the caller's"] = None
    name: Annotated[str | None, "the name of the child", Filter()] = None
    is_recursive: Annotated[bool, "also those further below"] = False
    list_all: Annotated[bool, "taken for true"] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateDomain:
    name: Annotated[str, "the name of the domain"]
    parent_domain_id: Annotated[DomainId | None, "the domain above it; without one the caller's"] = None
    network_domain: Annotated[str, "the network domain of its networks"] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateDomain:
    id: Annotated[DomainId, "the ID of the domain"]
    name: Annotated[str | None, "the new name of the domain"] = None
    network_domain: Annotated[str | None, "the network domain of its networks"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteDomain:
    id: Annotated[DomainId, "the ID of the domain"]
    cleanup: Annotated[bool, "taken for false: a domain that is not empty is not deleted"] = False


async def _within_reach(request: ListDomains, caller: Caller, cloud: Cloud) -> list[Where]:
    if caller.role not in ADMINS and not caller.sees_everything:
        return [any_of("id", [caller.domain.id])]
    below = await subtree(caller.domain, cloud.store)
    return [any_of("id", [each.id for each in below if request.level in (None, _level(each.path))])]


async def _below(request: ListDomainChildren, caller: Caller, cloud: Cloud) -> list[Where]:
    top = await cloud.store.domains.by_id(request.id) if request.id else caller.domain
    below = [each for each in await subtree(top, cloud.store) if each.id != top.id]
    wanted = below if request.is_recursive else [each for each in below if each.parent_id == top.id]
    return [any_of("id", [each.id for each in wanted])]


def _level(path: str) -> int:
    return path.rstrip("/").count("/")


list_domains = listing(
    "listDomains",
    request=ListDomains,
    rows=lambda store: store.domains,
    view=views.domains,
    roles=EVERYBODY,
    order_by="path",
    where=_within_reach,
)

list_children = listing(
    "listDomainChildren",
    request=ListDomainChildren,
    rows=lambda store: store.domains,
    view=views.domains,
    roles=ADMINS,
    order_by="path",
    where=_below,
)


@command("createDomain", roles=ADMINS)
async def create(request: CreateDomain, caller: Caller, cloud: Cloud) -> views.DomainView:
    """Creates a domain below another."""
    parent = await cloud.store.domains.by_id(request.parent_domain_id) if request.parent_domain_id else caller.domain
    domain = await domains.create_domain(request.name, parent, request.network_domain, cloud)
    return await one(views.domains, domain, caller, cloud)


@command("updateDomain", roles=ADMINS)
async def update(request: UpdateDomain, caller: Caller, cloud: Cloud) -> views.DomainView:
    """Renames a domain, or changes its network domain."""
    known = await cloud.store.domains.by_id(request.id)
    domain = await domains.rename_domain(known, request.name, request.network_domain, cloud)
    return await one(views.domains, domain, caller, cloud)


@instant_job("deleteDomain", roles=ADMINS)
async def delete(request: DeleteDomain, _caller: Caller, cloud: Cloud) -> Success:
    """Deletes a domain in which nothing is."""
    await domains.delete_domain(await cloud.store.domains.by_id(request.id), cloud)
    return Success()


COMMANDS = (list_domains, list_children, create, update, delete)
