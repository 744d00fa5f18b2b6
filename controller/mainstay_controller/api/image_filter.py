"""Whose templates and ISOs a list means, in CloudStack's words; and which of them the caller may use."""

from __future__ import annotations

from enum import StrEnum

from mainstay_controller.api.access import Caller
from mainstay_controller.domain.ids import ZoneId
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


async def images_meant(wanted: ImageFilter, zone_id: ZoneId | None, caller: Caller, cloud: Cloud) -> list[Where]:
    within_reach = [] if caller.sees_everything else [await _usable_by(caller, cloud)]
    return [*within_reach, *_of_filter(wanted, caller), *await _of_zone(zone_id, cloud)]


async def _usable_by(caller: Caller, cloud: Cloud) -> Where:
    """What everybody may use, and what the caller's own account has."""
    public = await cloud.store.templates.find(LIVE, eq("is_public", True))
    own = await cloud.store.templates.find(LIVE, eq("account_id", caller.account.id))
    return any_of("id", sorted({template.id for template in (*public, *own)}))


def _of_filter(wanted: ImageFilter, caller: Caller) -> list[Where]:
    match wanted:
        case ImageFilter.FEATURED:
            return [eq("is_public", True), eq("is_featured", True)]
        case ImageFilter.COMMUNITY:
            return [eq("is_public", True), eq("is_featured", False)]
        case ImageFilter.SELF | ImageFilter.SELF_EXECUTABLE:
            return [eq("account_id", caller.account.id)]
        case ImageFilter.SHARED | ImageFilter.SHARED_EXECUTABLE:
            return [eq("is_public", False), eq("account_id", caller.account.id)]
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
