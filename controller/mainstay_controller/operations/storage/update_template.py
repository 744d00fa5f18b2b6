"""Change or delete a template.  Disks that were made from it keep their image: only its row goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from mainstay_controller.domain.records import Template
from mainstay_controller.operations.changes import with_changes
from mainstay_controller.operations.checks import a_name
from mainstay_controller.operations.cloud import Cloud


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateChange:
    """What is None stays as it is."""

    name: str | None = None
    display_text: str | None = None
    os_type_id: str | None = None
    is_public: bool | None = None
    is_featured: bool | None = None
    is_extractable: bool | None = None
    password_enabled: bool | None = None
    details: Mapping[str, str] | None = None


async def update_template(template: Template, change: TemplateChange, cloud: Cloud) -> Template:
    changed = with_changes(template, change, {"name": a_name, "display_text": a_name})
    return await cloud.store.templates.swap(template, changed)


async def delete_template(template: Template, cloud: Cloud) -> None:
    await cloud.store.templates.swap(template, replace(template, removed=await cloud.store.now()))
