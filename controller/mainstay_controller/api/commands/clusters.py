"""Clusters: hosts of one kind that share primary storage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mainstay_controller.api.access import ROOT, ROOT_READS, Caller
from mainstay_controller.api.answers import Rows, Success, rows_of
from mainstay_controller.api.listing import Listing, listing
from mainstay_controller.api.parameters import AllAre, Filter, NothingHas
from mainstay_controller.api.registry import command
from mainstay_controller.api.views import metrics, one
from mainstay_controller.api.views import zones as views
from mainstay_controller.domain.ids import ClusterId, PodId, ZoneId
from mainstay_controller.domain.states import AllocationState
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.places import add_cluster, remove_place, update_places


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
    arch: Annotated[str | None, "the architecture: all is x86_64", AllAre(value="x86_64")] = None
    storage_access_group: Annotated[str | None, "a storage access group: there is none", NothingHas()] = None


list_clusters = listing(
    "listClusters",
    request=ListClusters,
    rows=lambda store: store.clusters,
    view=views.clusters,
    roles=ROOT_READS,
)

list_clusters_metrics = listing(
    "listClustersMetrics",
    request=ListClusters,
    rows=lambda store: store.clusters,
    view=metrics.clusters,
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


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateCluster:
    id: Annotated[ClusterId, "the ID of the cluster"]
    cluster_name: Annotated[str | None, "the new name of the cluster"] = None
    cluster_type: Annotated[str | None, "CloudManaged or ExternalManaged"] = None
    allocation_state: Annotated[AllocationState | None, "Enabled or Disabled"] = None
    managed_state: Annotated[str | None, "Managed or Unmanaged"] = None
    fence_policy: Annotated[str | None, "keep or fence"] = None
    lease_profile: Annotated[str | None, "fast, standard or tolerant"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteCluster:
    id: Annotated[ClusterId, "the ID of the cluster"]


@command("updateCluster", roles=ROOT)
async def update(request: UpdateCluster, caller: Caller, cloud: Cloud) -> views.ClusterView:
    """Changes a cluster, or enables or disables it for new guests."""
    change = update_places.ClusterChange(
        name=request.cluster_name,
        cluster_type=request.cluster_type,
        allocation_state=request.allocation_state,
        managed_state=request.managed_state,
        fence_policy=request.fence_policy,
        lease_profile=request.lease_profile,
    )
    cluster = await update_places.update_cluster(await cloud.store.clusters.by_id(request.id), change, cloud)
    return await one(views.clusters, cluster, caller, cloud)


@command("deleteCluster", roles=ROOT)
async def delete(request: DeleteCluster, _caller: Caller, cloud: Cloud) -> Success:
    """Deletes an empty cluster."""
    await remove_place.remove_cluster(request.id, cloud)
    return Success()


COMMANDS = (add, list_clusters, list_clusters_metrics, update, delete)
