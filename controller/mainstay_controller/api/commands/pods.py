"""Pods: the racks of a zone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mainstay_controller.api.access import ROOT_READS
from mainstay_controller.api.listing import Listing, listing
from mainstay_controller.api.parameters import Filter
from mainstay_controller.api.views import zones as views
from mainstay_controller.domain.ids import PodId, ZoneId
from mainstay_controller.domain.states import AllocationState


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPods(Listing):
    """Lists pods."""

    id: Annotated[PodId | None, "the ID of the pod", Filter()] = None
    name: Annotated[str | None, "the name of the pod", Filter()] = None
    zone_id: Annotated[ZoneId | None, "the ID of the zone", Filter()] = None
    allocation_state: Annotated[AllocationState | None, "Enabled or Disabled", Filter()] = None


list_pods = listing(
    "listPods",
    request=ListPods,
    rows=lambda store: store.pods,
    view=views.pods,
    roles=ROOT_READS,
)

COMMANDS = (list_pods,)
