"""Roles: what accounts may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from mainstay_controller.api.access import ADMINS, ROOT, ROOT_READS, Caller
from mainstay_controller.api.answers import Success
from mainstay_controller.api.listing import Listing, listing
from mainstay_controller.api.parameters import AllAre, Filter
from mainstay_controller.api.registry import command
from mainstay_controller.api.views import accounts as views
from mainstay_controller.api.views import one
from mainstay_controller.domain.ids import RoleId
from mainstay_controller.domain.roles import Role
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter
from mainstay_controller.operations.tenancy import roles


class RoleState(StrEnum):
    ENABLED = "enabled"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRoles(Listing):
    """Lists roles."""

    id: Annotated[RoleId | None, "the ID of the role", Filter()] = None
    name: Annotated[str | None, "the name of the role", Filter()] = None
    type: Annotated[Role | None, "Admin, DomainAdmin, User or ReadOnlyAdmin", Filter()] = None
    state: Annotated[RoleState | None, "enabled or disabled: all are enabled", AllAre(value=RoleState.ENABLED)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateRole:
    name: Annotated[str, "the name of the role"]
    type: Annotated[Role | None, "Admin, DomainAdmin, User or ReadOnlyAdmin: its commands are those of that kind"] = (
        None
    )
    role_id: Annotated[RoleId | None, "or a role that it takes after"] = None
    description: Annotated[str, "a description"] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateRole:
    id: Annotated[RoleId, "the ID of the role"]
    name: Annotated[str | None, "the new name"] = None
    description: Annotated[str | None, "a description"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteRole:
    id: Annotated[RoleId, "the ID of the role"]


list_roles = listing(
    "listRoles",
    request=ListRoles,
    rows=lambda store: store.roles,
    view=views.roles,
    roles=ADMINS | ROOT_READS,
    fixed=(),
)


@command("createRole", roles=ROOT)
async def create(request: CreateRole, caller: Caller, cloud: Cloud) -> views.RoleView:
    """Creates a role of one of the four kinds."""
    new = roles.NewRole(name=request.name, kind=await _kind(request, cloud), description=request.description)
    return await one(views.roles, await roles.create_role(new, cloud), caller, cloud)


@command("updateRole", roles=ROOT)
async def update(request: UpdateRole, caller: Caller, cloud: Cloud) -> views.RoleView:
    """Renames or describes a role."""
    known = await cloud.store.roles.by_id(request.id)
    role = await roles.update_role(known, request.name, request.description, cloud)
    return await one(views.roles, role, caller, cloud)


@command("deleteRole", roles=ROOT)
async def delete(request: DeleteRole, _caller: Caller, cloud: Cloud) -> Success:
    """Deletes a role that nobody holds."""
    await roles.delete_role(await cloud.store.roles.by_id(request.id), cloud)
    return Success()


async def _kind(request: CreateRole, cloud: Cloud) -> Role:
    if request.type is not None:
        return request.type
    if request.role_id is None:
        raise InvalidParameter("type", "give type or roleid")
    return Role((await cloud.store.roles.by_id(request.role_id)).type)


COMMANDS = (list_roles, create, update, delete)
