"""User data that is kept under a name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mainstay_controller.api.access import EVERYBODY, USERS, Caller, may_change, owner_named
from mainstay_controller.api.answers import Success
from mainstay_controller.api.errors import not_permitted
from mainstay_controller.api.listing import ScopedListing, listing
from mainstay_controller.api.parameters import Filter, Length
from mainstay_controller.api.registry import command
from mainstay_controller.api.views import groups as views
from mainstay_controller.api.views import one
from mainstay_controller.api.views import templates as template_views
from mainstay_controller.domain.ids import DomainId, ProjectId, TemplateId, UserDataId
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter
from mainstay_controller.operations.vms import user_data
from mainstay_controller.operations.vms.user_data import Policy


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


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkUserDataToTemplate:
    template_id: Annotated[TemplateId | None, "the ID of the template"] = None
    iso_id: Annotated[TemplateId | None, "the ID of the ISO, instead"] = None
    user_data_id: Annotated[UserDataId | None, "the ID of the user data; without one it has none any more"] = None
    user_data_policy: Annotated[Policy, "how far a VM may be told otherwise: ALLOWOVERRIDE, APPEND or DENYOVERRIDE"] = (
        Policy.ALLOW_OVERRIDE
    )


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


@command("linkUserDataToTemplate", roles=USERS)
async def link(request: LinkUserDataToTemplate, caller: Caller, cloud: Cloud) -> template_views.TemplateView:
    """Gives user data to all virtual machines that will be made from a template or ISO, or, without any, takes it away."""
    named = [each for each in (request.template_id, request.iso_id) if each is not None]
    if len(named) != 1:
        raise InvalidParameter("templateid", "name a template by templateid, or an ISO by isoid")
    template = await cloud.store.templates.by_id(named[0])
    if not await may_change(caller, template, cloud.store):
        raise not_permitted(caller.account.name)
    data = await cloud.store.user_data.by_id(request.user_data_id) if request.user_data_id else None
    linked = await user_data.link_to_template(template, data, request.user_data_policy, cloud)
    return await one(template_views.templates, linked, caller, cloud)


COMMANDS = (list_user_data, register, delete, link)
