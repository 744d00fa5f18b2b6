"""Whose templates and ISOs a list means, in CloudStack's words; and which of them the caller may use."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from mainstay_controller.api.access import ALL_PROJECTS, Caller, owner_named
from mainstay_controller.api.listing import TaggedListing
from mainstay_controller.api.parameters import AllAre, NothingHas
from mainstay_controller.domain.ids import DomainId, ImageStoreId, ProjectId, ZoneId
from mainstay_controller.domain.os_types import OS_TYPES, category_id
from mainstay_controller.domain.records import Account
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter
from mainstay_controller.store.port import LIVE, Where, any_of, eq, ne, none_of


class ImageFilter(StrEnum):
    """CloudStack's words for whose templates and ISOs are meant."""

    FEATURED = "featured"
    COMMUNITY = "community"
    SELF = "self"
    SELF_EXECUTABLE = "selfexecutable"
    SHARED = "shared"
    SHARED_EXECUTABLE = "sharedexecutable"
    EXECUTABLE = "executable"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageListing(TaggedListing):
    """What lists of templates and of ISOs take beside the filter."""

    zone_id: Annotated[ZoneId | None, "only what is in this zone or in all zones"] = None
    account: Annotated[str | None, "whose they are, where the filter asks for that; with domainid, of that domain"] = (
        None
    )
    domain_id: Annotated[DomainId | None, "the domain of the account"] = None
    project_id: Annotated[str | None, "a project's instead; -1: as if it were not said"] = None
    list_all: Annotated[bool, "taken for all, by administrators"] = False
    arch: Annotated[str | None, "the architecture: all is x86_64", AllAre(value="x86_64")] = None
    os_category_id: Annotated[str | None, "only images of systems of this category"] = None
    image_store_id: Annotated[ImageStoreId | None, "only images that lie on this image store"] = None
    storage_id: Annotated[str | None, "a storage pool with a copy of it: none has", NothingHas()] = None


async def images_meant(wanted: ImageFilter, request: ImageListing, caller: Caller, cloud: Cloud) -> list[Where]:
    within_reach = [] if caller.sees_everything else [await _usable_by(caller, cloud)]
    mine = _of_filter(wanted, await _owner(request, caller, cloud), caller)
    return [*within_reach, *mine, *await _of_zone(request.zone_id, cloud), *await _of_kind(request, cloud)]


async def _of_kind(request: ImageListing, cloud: Cloud) -> list[Where]:
    conditions: list[Where] = []
    if request.os_category_id is not None:
        of_it = [each.id for each in OS_TYPES if category_id(each.category) == request.os_category_id]
        conditions.append(any_of("os_type_id", of_it))
    if request.image_store_id is not None:
        store = await cloud.store.image_stores.by_id(request.image_store_id)
        there = [each.id for each in await cloud.store.templates.find(LIVE) if each.url.startswith(f"{store.url}/")]
        conditions.append(any_of("id", there))
    return conditions


async def _owner(request: ImageListing, caller: Caller, cloud: Cloud) -> Account:
    project = None if request.project_id in (None, ALL_PROJECTS) else ProjectId(str(request.project_id))
    return await owner_named(caller, request.account, request.domain_id, cloud.store, project_id=project)


async def _usable_by(caller: Caller, cloud: Cloud) -> Where:
    """What everybody may use, and what the caller's own account has."""
    public = await cloud.store.templates.find(LIVE, eq("is_public", True))
    own = await cloud.store.templates.find(LIVE, eq("account_id", caller.account.id))
    return any_of("id", sorted({template.id for template in (*public, *own)}))


def _of_filter(wanted: ImageFilter, owner: Account, caller: Caller) -> list[Where]:
    match wanted:
        case ImageFilter.FEATURED:
            return [eq("is_public", True), eq("is_featured", True)]
        case ImageFilter.COMMUNITY:
            return [eq("is_public", True), eq("is_featured", False)]
        case ImageFilter.SELF | ImageFilter.SELF_EXECUTABLE:
            return [eq("account_id", owner.id)]
        case ImageFilter.SHARED | ImageFilter.SHARED_EXECUTABLE:
            return [eq("is_public", False), eq("account_id", owner.id)]
        case ImageFilter.ALL if not caller.sees_everything:
            raise InvalidParameter("filter", "only root administrators may list all of them")
    return []


async def _of_zone(zone_id: ZoneId | None, cloud: Cloud) -> list[Where]:
    if zone_id is None:
        return []
    elsewhere = [
        template.id for template in await cloud.store.templates.find(ne("zone_id", None), ne("zone_id", zone_id))
    ]
    return [none_of("id", elsewhere)] if elsewhere else []
