"""Projects as clients see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from mainstay_controller.api.access import Caller
from mainstay_controller.api.views.related import by_ids, names_of
from mainstay_controller.domain.records import Project
from mainstay_controller.operations.cloud import Cloud


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectView:
    wire_key: ClassVar[str] = "project"

    id: str
    name: str
    display_text: str
    state: str
    account: str | None
    domain_id: str
    domain: str | None
    domain_path: str | None
    project_account_name: str | None
    created: datetime
    owner: tuple[dict[str, str], ...]


async def projects(records: Sequence[Project], _caller: Caller, cloud: Cloud) -> list[ProjectView]:
    owners = await names_of(cloud.store.accounts, (project.owner_id for project in records))
    accounts = await names_of(cloud.store.accounts, (project.account_id for project in records))
    domains = await by_ids(cloud.store.domains, (project.domain_id for project in records))
    return [
        ProjectView(
            id=project.id,
            name=project.name,
            display_text=project.display_text,
            state=project.state,
            account=owners.get(project.owner_id),
            domain_id=project.domain_id,
            domain=domains[project.domain_id].name if project.domain_id in domains else None,
            domain_path=domains[project.domain_id].path if project.domain_id in domains else None,
            project_account_name=accounts.get(project.account_id),
            created=project.created,
            owner=({"account": owners.get(project.owner_id, "")},),
        )
        for project in records
    ]
