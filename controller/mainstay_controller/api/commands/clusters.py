"""Clusters: hosts of one kind that share primary storage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mainstay_controller.api.access import ROOT_READS
from mainstay_controller.api.listing import Listing, listing
from mainstay_controller.api.parameters import Filter
from mainstay_controller.api.views import zones as views
from mainstay_controller.domain.ids import ClusterId, PodId, ZoneId
from mainstay_controller.domain.states import AllocationState


@dataclass(frozen=True, slots=True, kw_only=True)
class ListClusters(Listing):
    """Lists clusters."""

    id: Annotated[ClusterId | None, "the ID of the cluster", Filter()] = None
    name: Annotated[str | None, "the name of the cluster", Filter()] = None
    zone_id: Annotated[ZoneId | None, "the ID of the zone", Filter()] = None
    pod_id: Annotated[PodId | None, "the ID of the pod", Filter()] = None
    hypervisor: Annotated[str | None, "the hypervisor of the cluster", Filter()] = None
    cluster_type: Annotated[str | None, "CloudManaged or ExternalManaged", Filter()] = None
    allocation_state: Annotated[AllocationState | None, "Enabled or Disabled", Filter()] = None
    managed_state: Annotated[str | None, "Managed or Unmanaged", Filter()] = None


list_clusters = listing(
    "listClusters",
    request=ListClusters,
    rows=lambda store: store.clusters,
    view=views.clusters,
    roles=ROOT_READS,
)

COMMANDS = (list_clusters,)
