"""Projects: an account of its own that nobody logs in to, whose things belong to whoever owns the project.

What is made for a project is owned by that account, so that limits, lists and access need no second notion of ownership."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mainstay_controller.domain.ids import AccountId, ProjectId
from mainstay_controller.domain.records import Account, Job, Project
from mainstay_controller.domain.roles import DEFAULT_ROLES, Role
from mainstay_controller.operations.changes import with_changes
from mainstay_controller.operations.checks import a_name
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter
from mainstay_controller.operations.jobs import JOBS, Asker, JobRun, new_job
from mainstay_controller.operations.tenancy import delete_account
from mainstay_controller.store.port import LIVE, Store, eq

DELETE_COMMAND = "deleteProject"
ACTIVE = "Active"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectChange:
    """What is None stays as it is."""

    name: str | None = None
    display_text: str | None = None


async def create_project(name: str, display_text: str, owner: Account, cloud: Cloud) -> Project:
    now = await cloud.store.now()
    project_id = ProjectId(cloud.rng.uuid())
    account = Account(
        id=AccountId(cloud.rng.uuid()),
        name=f"PrjAcct-{project_id}",
        domain_id=owner.domain_id,
        created=now,
        role=Role.USER,
        role_id=DEFAULT_ROLES[Role.USER][0],
    )
    project = Project(
        id=project_id,
        name=a_name("name", name),
        display_text=a_name("displaytext", display_text or name),
        account_id=account.id,
        owner_id=owner.id,
        domain_id=owner.domain_id,
        created=now,
    )
    async with cloud.store.transaction() as store:
        await _check_free(project, store)
        await store.accounts.add(account)
        return await store.projects.add(project)


async def update_project(project: Project, change: ProjectChange, cloud: Cloud) -> Project:
    changed = with_changes(project, change, {"name": a_name, "display_text": a_name})
    async with cloud.store.transaction() as store:
        if changed.name != project.name:
            await _check_free(changed, store)
        return await store.projects.swap(project, changed)


async def begin_delete(project: Project, asker: Asker, cloud: Cloud) -> Job:
    """Its machines go first, as with any account."""
    now = await cloud.store.now()
    job = new_job(cloud, DELETE_COMMAND, asker, now, instance_type="Project", instance_id=project.id)
    job = await cloud.store.jobs.add(replace(job, deadline=None))
    cloud.fleet.bells.ring(JOBS)
    return job


async def work_delete(run: JobRun) -> None:
    store = run.cloud.store
    project = await store.projects.by_id(run.job.instance_id)
    await delete_account.empty(project.account_id, run)
    if project.removed is None:
        await store.projects.swap(project, replace(project, removed=await store.now()))


async def _check_free(project: Project, store: Store) -> None:
    same = await store.projects.find(LIVE, eq("domain_id", project.domain_id), eq("name", project.name), limit=1)
    if same:
        raise InvalidParameter("name", f"a project {project.name} exists in that domain")
