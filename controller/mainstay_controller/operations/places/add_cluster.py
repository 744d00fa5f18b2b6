"""Add a cluster: hosts of one hypervisor that share storage, and with it the timing of their leases."""

from __future__ import annotations

from dataclasses import dataclass

from mainstay_controller.domain.ids import ClusterId, PodId, ZoneId
from mainstay_controller.domain.records import Cluster
from mainstay_controller.domain.states import AllocationState
from mainstay_controller.operations.checks import a_name, one_of
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter
from mainstay_controller.operations.living import living_pod, living_zone
from mainstay_controller.store.port import LIVE, eq

HYPERVISORS = ("KVM", "XenServer", "VMware", "Simulator")
CLUSTER_TYPES = ("CloudManaged", "ExternalManaged")
FENCE_POLICIES = ("keep", "fence")
LEASE_PROFILES = ("fast", "standard", "tolerant")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCluster:
    zone_id: ZoneId
    pod_id: PodId
    name: str
    hypervisor: str
    cluster_type: str = "CloudManaged"
    allocation_state: AllocationState = AllocationState.ENABLED
    fence_policy: str = "keep"
    lease_profile: str = "standard"


async def add_cluster(new: NewCluster, cloud: Cloud) -> Cluster:
    """With the ratios that hold in the whole cloud now; from then on it has its own."""
    zone = await living_zone(new.zone_id, cloud.store)
    pod = await living_pod(new.pod_id, zone, cloud.store)
    cluster = Cluster(
        id=ClusterId(cloud.rng.uuid()),
        zone_id=zone.id,
        pod_id=pod.id,
        name=a_name("clustername", new.name),
        hypervisor=one_of("hypervisor", new.hypervisor, HYPERVISORS),
        created=await cloud.store.now(),
        cluster_type=one_of("clustertype", new.cluster_type, CLUSTER_TYPES),
        allocation_state=new.allocation_state,
        cpu_overcommit_ratio=cloud.settings.cpu_overprovisioning_factor,
        memory_overcommit_ratio=cloud.settings.memory_overprovisioning_factor,
        fence_policy=one_of("fencepolicy", new.fence_policy, FENCE_POLICIES),
        lease_profile=one_of("leaseprofile", new.lease_profile, LEASE_PROFILES),
    )
    async with cloud.store.transaction() as store:
        if await store.clusters.find(eq("pod_id", pod.id), eq("name", cluster.name), LIVE, limit=1):
            raise InvalidParameter("clustername", f"a cluster {cluster.name} exists in pod {pod.name}")
        return await store.clusters.add(cluster)
