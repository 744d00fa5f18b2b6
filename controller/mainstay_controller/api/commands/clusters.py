"""Clusters: hosts of one kind that share primary storage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mainstay_controller.api.access import ROOT, ROOT_READS, Caller
from mainstay_controller.api.answers import Rows, rows_of
from mainstay_controller.api.listing import Listing, listing
from mainstay_controller.api.parameters import Filter
from mainstay_controller.api.registry import command
from mainstay_controller.api.views import zones as views
from mainstay_controller.domain.ids import ClusterId, PodId, ZoneId
from mainstay_controller.domain.states import AllocationState
from mainstay_controller.operations import add_cluster
from mainstay_controller.operations.cloud import Cloud


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


@dataclass(frozen=True, slots=True, kw_only=True)
class AddCluster:
    """`fence_policy` and `lease_profile` are ours: what is done with a host that we cannot reach while its storage lives, and how fast."""

    cluster_name: Annotated[str, "the name of the cluster"]
    zone_id: Annotated[ZoneId, "the ID of the zone"]
    pod_id: Annotated[PodId, "the ID of the pod"]
    hypervisor: Annotated[str, "the hypervisor: KVM, XenServer, VMware or Simulator"]
    cluster_type: Annotated[str, "CloudManaged or ExternalManaged"] = "CloudManaged"
    allocation_state: Annotated[AllocationState, "Enabled or Disabled"] = AllocationState.ENABLED
    fence_policy: Annotated[str, "keep or fence"] = "keep"
    lease_profile: Annotated[str, "fast, standard or tolerant"] = "standard"


@command("addCluster", roles=ROOT)
async def add(request: AddCluster, caller: Caller, cloud: Cloud) -> Rows[views.ClusterView]:
    """Adds a cluster; it answers with a list of one, as CloudStack does."""
    cluster = await add_cluster.add_cluster(
        add_cluster.NewCluster(
            zone_id=request.zone_id,
            pod_id=request.pod_id,
            name=request.cluster_name,
            hypervisor=request.hypervisor,
            cluster_type=request.cluster_type,
            allocation_state=request.allocation_state,
            fence_policy=request.fence_policy,
            lease_profile=request.lease_profile,
        ),
        cloud,
    )
    return rows_of(await views.clusters([cluster], caller, cloud))


COMMANDS = (add, list_clusters)
