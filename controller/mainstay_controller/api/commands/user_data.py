"""User data that is kept under a name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mainstay_controller.api.access import EVERYBODY, USERS, Caller, owner_named
from mainstay_controller.api.answers import Success
from mainstay_controller.api.listing import ScopedListing, listing
from mainstay_controller.api.parameters import Filter, Length
from mainstay_controller.api.registry import command
from mainstay_controller.api.views import groups as views
from mainstay_controller.api.views import one
from mainstay_controller.domain.ids import DomainId, ProjectId, UserDataId
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.vms import user_data


@dataclass(frozen=True, slots=True, kw_only=True)
class ListUserData(ScopedListing):
    """Lists registered user data."""

    id: Annotated[UserDataId | None, "the ID of the user data", Filter()] = None
    name: Annotated[str | None, "its name", Filter()] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterUserData:
    name: Annotated[str, "the name of the user data"]
    user_data: Annotated[str, "user data, in Base64", Length(32768)]
    params: Annotated[str, "the names of the variables in it, separated by commas", Length(4096)] = ""
    project_id: Annotated[ProjectId | None, "register it for this project"] = None
    account: Annotated[str | None, "for this account, with domainid; administrators only"] = None
    domain_id: Annotated[DomainId | None, "the domain of the account"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteUserData:
    id: Annotated[UserDataId, "the ID of the user data"]


list_user_data = listing(
    "listUserData",
    request=ListUserData,
    rows=lambda store: store.user_data,
    view=views.user_data,
    roles=EVERYBODY,
    fixed=(),
)


@command("registerUserData", roles=USERS)
async def register(request: RegisterUserData, caller: Caller, cloud: Cloud) -> views.UserDataView:
    """Registers user data, to be named when virtual machines are deployed or updated."""
    owner = await owner_named(caller, request.account, request.domain_id, cloud.store, project_id=request.project_id)
    made = await user_data.register_user_data(request.name, request.user_data, request.params, owner, cloud)
    return await one(views.user_data, made, caller, cloud)


@command("deleteUserData", roles=USERS)
async def delete(request: DeleteUserData, _caller: Caller, cloud: Cloud) -> Success:
    """Deletes user data that is no virtual machine's."""
    await user_data.delete_user_data(await cloud.store.user_data.by_id(request.id), cloud)
    return Success()


COMMANDS = (list_user_data, register, delete)
