"""Zones: the places that share nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mainstay_controller.api.access import EVERYBODY
from mainstay_controller.api.listing import Listing, listing
from mainstay_controller.api.parameters import Filter
from mainstay_controller.api.views import zones as views
from mainstay_controller.domain.ids import ZoneId


@dataclass(frozen=True, slots=True, kw_only=True)
class ListZones(Listing):
    """Lists zones."""

    id: Annotated[ZoneId | None, "the ID of the zone", Filter()] = None
    ids: Annotated[tuple[ZoneId, ...] | None, "the IDs of the zones", Filter("id")] = None
    name: Annotated[str | None, "the name of the zone", Filter()] = None
    network_type: Annotated[str | None, "the network type of the zone", Filter()] = None


list_zones = listing(
    "listZones",
    request=ListZones,
    rows=lambda store: store.zones,
    view=views.zones,
    roles=EVERYBODY,
)

COMMANDS = (list_zones,)
