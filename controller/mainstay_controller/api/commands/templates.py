"""Templates: images from which root disks are made."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from mainstay_controller.api.access import EVERYBODY, Caller
from mainstay_controller.api.listing import Listing, listing
from mainstay_controller.api.parameters import Filter
from mainstay_controller.api.views import templates as views
from mainstay_controller.domain.ids import TemplateId, ZoneId
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter
from mainstay_controller.store.port import LIVE, Where, eq, ne, none_of


class TemplateFilter(StrEnum):
    """CloudStack's words for whose templates are meant."""

    FEATURED = "featured"
    COMMUNITY = "community"
    SELF = "self"
    SELF_EXECUTABLE = "selfexecutable"
    SHARED = "shared"
    SHARED_EXECUTABLE = "sharedexecutable"
    EXECUTABLE = "executable"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTemplates(Listing):
    """Lists templates."""

    template_filter: Annotated[TemplateFilter, "whose: featured, community, self, selfexecutable, executable or all"]
    id: Annotated[TemplateId | None, "the ID of the template", Filter()] = None
    ids: Annotated[tuple[TemplateId, ...] | None, "the IDs of the templates", Filter("id")] = None
    name: Annotated[str | None, "the name of the template", Filter()] = None
    hypervisor: Annotated[str | None, "the hypervisor", Filter()] = None
    zone_id: Annotated[ZoneId | None, "only templates of this zone or of all zones"] = None
    is_ready: Annotated[bool | None, "whether its image can be used", Filter()] = None
    list_all: Annotated[bool, "taken for all, by administrators"] = False


async def _whose(request: ListTemplates, caller: Caller, cloud: Cloud) -> list[Where]:
    return [*_of_filter(request.template_filter, caller), *await _of_zone(request.zone_id, cloud)]


def _of_filter(wanted: TemplateFilter, caller: Caller) -> list[Where]:
    match wanted:
        case TemplateFilter.FEATURED:
            return [eq("is_public", True), eq("is_featured", True)]
        case TemplateFilter.COMMUNITY:
            return [eq("is_public", True), eq("is_featured", False)]
        case TemplateFilter.SELF | TemplateFilter.SELF_EXECUTABLE:
            return [eq("account_id", caller.account.id)]
        case TemplateFilter.SHARED | TemplateFilter.SHARED_EXECUTABLE:
            return [eq("is_public", False), eq("account_id", caller.account.id)]
        case TemplateFilter.ALL if not caller.sees_everything:
            raise InvalidParameter("templatefilter", "only root administrators may list all templates")
    return [] if caller.sees_everything else [eq("is_public", True)]


async def _of_zone(zone_id: ZoneId | None, cloud: Cloud) -> list[Where]:
    if zone_id is None:
        return []
    elsewhere = [
        template.id for template in await cloud.store.templates.find(ne("zone_id", None), ne("zone_id", zone_id))
    ]
    return [none_of("id", elsewhere)] if elsewhere else []


list_templates = listing(
    "listTemplates",
    request=ListTemplates,
    rows=lambda store: store.templates,
    view=views.templates,
    roles=EVERYBODY,
    keyword=("name", "display_text"),
    fixed=(LIVE, eq("is_iso", False)),
    where=_whose,
)

COMMANDS = (list_templates,)
