"""Resource limits: how much accounts and domains may have, and have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from mainstay_controller.api.access import ADMINS, EVERYBODY, Caller, owner_named
from mainstay_controller.api.answers import Rows, rows_of
from mainstay_controller.api.listing import Listing, filters_of, page_in_memory
from mainstay_controller.api.parameters import Between, NotKept, parameters_of
from mainstay_controller.api.registry import command
from mainstay_controller.domain.ids import DomainId, ProjectId
from mainstay_controller.domain.resource_types import ResourceType
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter
from mainstay_controller.operations.resource_limits import count_resources, limits_of, set_limit


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceLimitView:
    wire_key: ClassVar[str] = "resourcelimit"

    resource_type: str
    resource_type_name: str
    max: int
    account: str | None
    domain_id: str
    domain: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceCountView:
    wire_key: ClassVar[str] = "resourcecount"

    resource_type: str
    resource_type_name: str
    resource_count: int
    account: str
    domain_id: str
    domain: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListResourceLimits(Listing):
    account: Annotated[str | None, "of this account, with domainid"] = None
    domain_id: Annotated[DomainId | None, "the domain of the account; without an account, of the domain itself"] = None
    resource_type: Annotated[int | None, "only this kind of resource"] = None
    resource_type_name: Annotated[str | None, "only this kind of resource, by its name"] = None
    project_id: Annotated[ProjectId | None, "of this project"] = None
    tag: Annotated[str | None, "limits of what has a tag: there are none"] = None
    id: Annotated[str | None, "the ID of a limit: limits have none here", NotKept()] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateResourceLimit:
    resource_type: Annotated[int, "the kind of resource: 0 VMs, 1 public addresses, 2 volumes, 8 CPUs, 9 memory ..."]
    max: Annotated[int, "how much; -1: as much as they like", Between(-1, 2**53)]
    account: Annotated[str | None, "for this account, with domainid"] = None
    domain_id: Annotated[DomainId | None, "the domain of the account; without an account, for the domain itself"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateResourceCount:
    domain_id: Annotated[DomainId, "the domain of the account"]
    account: Annotated[str | None, "of this account"] = None
    resource_type: Annotated[int | None, "only this kind of resource"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """An account, or a whole domain."""

    id: str
    account: str | None
    domain_id: str
    domain: str | None


@command("listResourceLimits", roles=EVERYBODY)
async def list_limits(request: ListResourceLimits, caller: Caller, cloud: Cloud) -> Rows[ResourceLimitView]:
    """Lists how much an account or a domain may have."""
    filters_of(request, parameters_of(ListResourceLimits))
    owner = await _owner(caller, request.account, request.domain_id, cloud, request.project_id)
    limits = await limits_of(owner.id, cloud)
    views = [_limit(kind, most, owner) for kind, most in limits.items() if _is_asked_for(kind, request)]
    return page_in_memory(request, views)


def _is_asked_for(kind: ResourceType, request: ListResourceLimits) -> bool:
    return (
        request.tag is None
        and request.resource_type in (None, int(kind))
        and request.resource_type_name in (None, kind.word)
    )


@command("updateResourceLimit", roles=ADMINS)
async def update_limit(request: UpdateResourceLimit, caller: Caller, cloud: Cloud) -> ResourceLimitView:
    """Says how much an account or a domain may have."""
    owner = await _owner(caller, request.account, request.domain_id, cloud)
    if owner.id in (caller.account.id, caller.domain.id) and not caller.sees_everything:
        raise InvalidParameter("account", "nobody sets their own limits")
    kind = _kind(request.resource_type)
    await set_limit(owner.id, kind, request.max, cloud)
    return _limit(kind, request.max, owner)


@command("updateResourceCount", roles=ADMINS)
async def update_count(request: UpdateResourceCount, caller: Caller, cloud: Cloud) -> Rows[ResourceCountView]:
    """Counts what an account has; it is counted anew whenever it is asked."""
    account = await owner_named(caller, request.account, request.domain_id, cloud.store)
    domain = await cloud.store.domains.by_id(account.domain_id)
    counts = await count_resources(account, cloud)
    return rows_of(
        [
            ResourceCountView(
                resource_type=str(int(kind)),
                resource_type_name=kind.word,
                resource_count=count,
                account=account.name,
                domain_id=domain.id,
                domain=domain.name,
            )
            for kind, count in counts.items()
            if request.resource_type in (None, int(kind))
        ]
    )


async def _owner(
    caller: Caller,
    name: str | None,
    domain_id: DomainId | None,
    cloud: Cloud,
    project_id: ProjectId | None = None,
) -> Owner:
    if name is None and domain_id is not None and project_id is None:
        domain = await cloud.store.domains.by_id(domain_id)
        return Owner(id=domain.id, account=None, domain_id=domain.id, domain=domain.name)
    account = await owner_named(caller, name, domain_id, cloud.store, project_id=project_id)
    domain = await cloud.store.domains.by_id(account.domain_id)
    return Owner(id=account.id, account=account.name, domain_id=domain.id, domain=domain.name)


def _limit(kind: ResourceType, most: int, owner: Owner) -> ResourceLimitView:
    return ResourceLimitView(
        resource_type=str(int(kind)),
        resource_type_name=kind.word,
        max=most,
        account=owner.account,
        domain_id=owner.domain_id,
        domain=owner.domain,
    )


def _kind(number: int) -> ResourceType:
    try:
        return ResourceType(number)
    except ValueError:
        known = ", ".join(f"{int(kind)} {kind.word}" for kind in ResourceType)
        raise InvalidParameter("resourcetype", f"it must be one of {known}") from None


COMMANDS = (list_limits, update_limit, update_count)
