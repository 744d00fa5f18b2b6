"""Primary storage pools."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mainstay_controller.api.access import ROOT_READS
from mainstay_controller.api.listing import Listing, listing
from mainstay_controller.api.parameters import Filter
from mainstay_controller.api.views import storage_pools as views
from mainstay_controller.domain.ids import ClusterId, HostId, PodId, PoolId, ZoneId
from mainstay_controller.domain.states import PoolState


@dataclass(frozen=True, slots=True, kw_only=True)
class ListStoragePools(Listing):
    """Lists primary storage pools."""

    id: Annotated[PoolId | None, "the ID of the storage pool", Filter()] = None
    name: Annotated[str | None, "the name of the storage pool", Filter()] = None
    zone_id: Annotated[ZoneId | None, "the ID of the zone", Filter()] = None
    pod_id: Annotated[PodId | None, "the ID of the pod", Filter()] = None
    cluster_id: Annotated[ClusterId | None, "the ID of the cluster", Filter()] = None
    host_id: Annotated[HostId | None, "only the local storage of this host", Filter()] = None
    path: Annotated[str | None, "the path of the storage pool", Filter()] = None
    scope: Annotated[str | None, "CLUSTER, ZONE or HOST", Filter()] = None
    status: Annotated[PoolState | None, "the state of the storage pool", Filter("state")] = None


list_storage_pools = listing(
    "listStoragePools",
    request=ListStoragePools,
    rows=lambda store: store.pools,
    view=views.storage_pools,
    roles=ROOT_READS,
)

COMMANDS = (list_storage_pools,)
