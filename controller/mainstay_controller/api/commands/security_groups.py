"""Security groups: kept for clients that make them; hosts do not filter by them yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mainstay_controller.api.access import EVERYBODY, USERS, Caller, owner_named
from mainstay_controller.api.answers import Success
from mainstay_controller.api.listing import ScopedListing, listing
from mainstay_controller.api.parameters import Filter, NothingHas
from mainstay_controller.api.registry import command
from mainstay_controller.api.views import networks as views
from mainstay_controller.api.views import one
from mainstay_controller.domain.ids import DomainId, SecurityGroupId
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.vms import groups


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSecurityGroups(ScopedListing):
    """Lists security groups."""

    id: Annotated[SecurityGroupId | None, "the ID of the security group", Filter()] = None
    security_group_name: Annotated[str | None, "the name of the security group", Filter("name")] = None
    virtual_machine_id: Annotated[str | None, "a VM that is in it: none is in any", NothingHas()] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateSecurityGroup:
    name: Annotated[str, "the name of the security group"]
    description: Annotated[str, "a description"] = ""
    account: Annotated[str | None, "for this account, with domainid; administrators only"] = None
    domain_id: Annotated[DomainId | None, "the domain of the account"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteSecurityGroup:
    id: Annotated[SecurityGroupId, "the ID of the security group"]


list_groups = listing(
    "listSecurityGroups",
    request=ListSecurityGroups,
    rows=lambda store: store.security_groups,
    view=views.security_groups,
    roles=EVERYBODY,
    keyword=("name", "description"),
    fixed=(),
)


@command("createSecurityGroup", roles=USERS)
async def create(request: CreateSecurityGroup, caller: Caller, cloud: Cloud) -> views.SecurityGroupView:
    """Creates a security group."""
    owner = await owner_named(caller, request.account, request.domain_id, cloud.store)
    group = await groups.create_security_group(request.name, request.description, owner, cloud)
    return await one(views.security_groups, group, caller, cloud)


@command("deleteSecurityGroup", roles=USERS)
async def delete(request: DeleteSecurityGroup, _caller: Caller, cloud: Cloud) -> Success:
    """Deletes a security group."""
    await cloud.store.security_groups.remove(request.id)
    return Success()


COMMANDS = (list_groups, create, delete)
