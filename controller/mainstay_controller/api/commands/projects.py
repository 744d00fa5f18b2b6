"""Projects: things that are owned together, apart from those of an account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mainstay_controller.api.access import EVERYBODY, USERS, Caller, accounts_within_reach, owner_named, subtree
from mainstay_controller.api.answers import Accepted, accepted
from mainstay_controller.api.instant import instant_job
from mainstay_controller.api.listing import TaggedListing, listing
from mainstay_controller.api.parameters import Filter, NothingHas
from mainstay_controller.api.registry import command, job_to_success
from mainstay_controller.api.views import one
from mainstay_controller.api.views import projects as views
from mainstay_controller.domain.ids import DomainId, ProjectId
from mainstay_controller.domain.resource_types import ResourceType
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.resource_limits import check_limits
from mainstay_controller.operations.tenancy import projects
from mainstay_controller.store.port import Where, any_of, eq


@dataclass(frozen=True, slots=True, kw_only=True)
class ListProjects(TaggedListing):
    """Lists projects that the caller owns or administers."""

    id: Annotated[ProjectId | None, "the ID of the project", Filter()] = None
    name: Annotated[str | None, "the name of the project", Filter()] = None
    state: Annotated[str | None, "the state of the project", Filter()] = None
    domain_id: Annotated[DomainId | None, "only projects of this domain"] = None
    display_text: Annotated[str | None, "the text shown for it", Filter()] = None
    account: Annotated[str | None, "only projects that this account owns, with domainid"] = None
    username: Annotated[str | None, "a user who was added to it: nobody is", NothingHas()] = None
    is_recursive: Annotated[bool, "with domainid: also those of its subdomains"] = False
    list_all: Annotated[bool, "everything the caller may see is always listed"] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateProject:
    name: Annotated[str, "the name of the project"]
    display_text: Annotated[str, "the text shown for it"] = ""
    account: Annotated[str | None, "who owns it, with domainid; administrators only"] = None
    domain_id: Annotated[DomainId | None, "the domain of the account"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateProject:
    id: Annotated[ProjectId, "the ID of the project"]
    name: Annotated[str | None, "the new name"] = None
    display_text: Annotated[str | None, "the text shown for it"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteProject:
    id: Annotated[ProjectId, "the ID of the project"]


async def _within_reach(request: ListProjects, caller: Caller, cloud: Cloud) -> list[Where]:
    accounts = await accounts_within_reach(caller, cloud.store)
    conditions = [] if accounts is None else [any_of("owner_id", [account.id for account in accounts])]
    if request.account is not None:
        owner = await owner_named(caller, request.account, request.domain_id, cloud.store)
        return [*conditions, eq("owner_id", owner.id)]
    if request.domain_id is None:
        return conditions
    domain = await cloud.store.domains.by_id(request.domain_id)
    within = await subtree(domain, cloud.store) if request.is_recursive else [domain]
    return [*conditions, any_of("domain_id", [each.id for each in within])]


list_projects = listing(
    "listProjects",
    request=ListProjects,
    rows=lambda store: store.projects,
    view=views.projects,
    roles=EVERYBODY,
    keyword=("name", "display_text"),
    where=_within_reach,
)


@instant_job("createProject", roles=USERS, creates=True)
async def create(request: CreateProject, caller: Caller, cloud: Cloud) -> views.ProjectView:
    """Creates a project."""
    owner = await owner_named(caller, request.account, request.domain_id, cloud.store)
    await check_limits(owner, {ResourceType.PROJECT: 1}, cloud)
    project = await projects.create_project(request.name, request.display_text, owner, cloud)
    return await one(views.projects, project, caller, cloud)


@instant_job("updateProject", roles=USERS)
async def update(request: UpdateProject, caller: Caller, cloud: Cloud) -> views.ProjectView:
    """Changes what is said of a project."""
    change = projects.ProjectChange(name=request.name, display_text=request.display_text)
    project = await projects.update_project(await cloud.store.projects.by_id(request.id), change, cloud)
    return await one(views.projects, project, caller, cloud)


@command("deleteProject", roles=USERS, job=job_to_success(projects.work_delete))
async def delete(request: DeleteProject, caller: Caller, cloud: Cloud) -> Accepted:
    """Deletes a project and its virtual machines."""
    project = await cloud.store.projects.by_id(request.id)
    return accepted(await projects.begin_delete(project, caller.asker, cloud))


COMMANDS = (list_projects, create, update, delete)
