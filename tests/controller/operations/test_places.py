"""Zones, pods, clusters, hosts, pools, templates and offerings: made when all is right, and refused by the field that is wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from mainstay_controller.domain.ids import ClusterId, HostId, PodId, PoolId, TemplateId, ZoneId
from mainstay_controller.domain.lifecycle.resource import ResourceEvent
from mainstay_controller.domain.states import AllocationState, HostState, ResourceState
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter, ResourceInUse, ResourceUnavailable
from mainstay_controller.operations.hosts.add_host import NewHost, add_host
from mainstay_controller.operations.hosts.set_allocation_state import set_host_allocation
from mainstay_controller.operations.maintenance.remove_host import remove_host
from mainstay_controller.operations.offerings.create_service_offering import NewServiceOffering, create_service_offering
from mainstay_controller.operations.places.add_cluster import NewCluster, add_cluster
from mainstay_controller.operations.places.create_pod import NewPod, create_pod
from mainstay_controller.operations.places.create_zone import NewZone, create_zone
from mainstay_controller.operations.places.remove_place import (
    remove_cluster,
    remove_pod,
    remove_storage_pool,
    remove_zone,
)
from mainstay_controller.operations.places.update_places import ClusterChange, update_cluster
from mainstay_controller.operations.storage.create_storage_pool import NewStoragePool, create_storage_pool
from mainstay_controller.operations.storage.image_stores import NewImageStore, add_image_store
from mainstay_controller.operations.storage.register_template import NewTemplate, register_template
from mainstay_controller.store.port import LIVE
from mainstay_proto import messages as m
from tests.kit.small_cloud import ANN, CLUSTER, DOMAIN, POD, POOL, ZONE, Here, a_cloud
from tests.kit.told_hosts import Say, refused
from tests.kit.wishes import a_running_vm, deploy

Make = Callable[[Cloud, dict[str, Any]], Awaitable[Any]]


async def zone(cloud: Cloud, other: dict[str, Any]) -> Any:
    return await create_zone(NewZone(**{"name": "z2", "dns1": "9.9.9.9", "internal_dns1": "10.0.0.2"} | other), cloud)


async def pod(cloud: Cloud, other: dict[str, Any]) -> Any:
    ordinary = {
        "zone_id": ZONE,
        "name": "p2",
        "gateway": "10.2.0.1",
        "netmask": "255.255.255.0",
        "start_ip": "10.2.0.10",
        "end_ip": "10.2.0.20",
    }
    return await create_pod(NewPod(**ordinary | other), cloud)


async def cluster(cloud: Cloud, other: dict[str, Any]) -> Any:
    ordinary = {"zone_id": ZONE, "pod_id": POD, "name": "c2", "hypervisor": "kvm"}
    return await add_cluster(NewCluster(**ordinary | other), cloud)


async def host(cloud: Cloud, other: dict[str, Any]) -> Any:
    ordinary = {
        "zone_id": ZONE,
        "pod_id": POD,
        "cluster_id": CLUSTER,
        "hypervisor": "KVM",
        "url": "http://10.0.0.9",
    }
    return await add_host(NewHost(**ordinary | other), cloud)


async def pool(cloud: Cloud, other: dict[str, Any]) -> Any:
    ordinary = {"zone_id": ZONE, "cluster_id": CLUSTER, "name": "second", "url": "sharedmountpoint://localhost/second"}
    return await create_storage_pool(NewStoragePool(**ordinary | other), cloud)


async def template(cloud: Cloud, other: dict[str, Any]) -> Any:
    ordinary: dict[str, Any] = {
        "name": "alpine",
        "display_text": "Alpine",
        "url": "file:///images/alpine.qcow2",
        "format": "QCOW2",
        "hypervisor": "KVM",
        "account_id": ANN.account_id,
        "domain_id": DOMAIN,
        "by_root": True,
    }
    return await register_template(NewTemplate(**ordinary | other), cloud)


async def offering(cloud: Cloud, other: dict[str, Any]) -> Any:
    ordinary: dict[str, Any] = {"name": "big", "display_text": "big", "cpus": 4, "cpu_mhz": 2000, "memory_mib": 8192}
    return await create_service_offering(NewServiceOffering(**ordinary | other), cloud)


BAD: list[tuple[Make, str, dict[str, Any], str]] = [
    (zone, "name", {"name": "<i>z</i>"}, "contains <"),
    (zone, "name", {"name": "z"}, "a zone z exists"),
    (zone, "dns1", {"dns1": "nonsense"}, "is no IP address"),
    (zone, "networktype", {"network_type": "Magic"}, "is not one of Advanced, Basic"),
    (pod, "zoneid", {"zone_id": ZoneId("nowhere")}, "there is no zone"),
    (pod, "startip", {"start_ip": "10.3.0.1"}, "is not in 10.2.0.0/24"),
    (pod, "endip", {"end_ip": "10.2.0.5"}, "lies before"),
    (pod, "netmask", {"netmask": "255.0.255.0"}, "is no IPv4 network"),
    (cluster, "podid", {"pod_id": PodId("nowhere")}, "there is no pod"),
    (cluster, "hypervisor", {"hypervisor": "abacus"}, "is not one of KVM"),
    (cluster, "leaseprofile", {"lease_profile": "sleepy"}, "is not one of fast"),
    (host, "url", {"url": "ssh://10.0.0.9"}, "does not begin with http://"),
    (host, "url", {"url": "http://"}, "names no host"),
    (host, "url", {"url": "http://h1"}, "exists"),
    (host, "hypervisor", {"hypervisor": "VMware"}, "is not one of KVM"),
    (host, "clusterid", {"cluster_id": ClusterId("nowhere")}, "there is no cluster"),
    (host, "clustername", {"cluster_id": None, "cluster_name": "nowhere"}, "there is no cluster"),
    (pool, "name", {"name": "primary"}, "exists"),
    (pool, "url", {"url": "ftp://x/y"}, "does not begin with"),
    (pool, "url", {"url": "sharedmountpoint://localhost/a/../b"}, "is no absolute path"),
    (pool, "url", {"url": "sharedmountpoint://localhost/absent/x"}, r"on host h1: refused \(not-mounted.*; host h2"),
    (pool, "clusterid", {"cluster_id": None}, "needs a cluster"),
    (template, "url", {"url": "http://elsewhere/x.qcow2"}, "does not begin with file://"),
    (template, "url", {"url": "file:///absent/x.qcow2"}, "does not find an image"),
    (template, "format", {"url": "file:///images/alpine.raw"}, "finds a raw image"),
    (template, "format", {"format": "OVA"}, "is not one of QCOW2, RAW"),
    (template, "zoneid", {"zone_id": ZoneId("nowhere")}, "there is no zone"),
    (offering, "memory", {"memory_mib": 1 << 40}, "is not between 32 and"),
    (offering, "cpunumber", {"cpus": 0}, "is not between 1 and"),
    (offering, "storagetype", {"storage_type": "tape"}, "is not one of shared, local"),
    (offering, "displaytext", {"display_text": "a\nb"}, "cannot be printed"),
]


async def everything(here: Here) -> list[int]:
    store = here.cloud.store
    tables = (
        store.zones,
        store.pods,
        store.clusters,
        store.hosts,
        store.pools,
        store.templates,
        store.service_offerings,
    )
    return [await table.count() for table in tables] + [await store.enrolment_tokens.count()]


@pytest.mark.parametrize(
    ("make", "field", "bad", "reason"), BAD, ids=[f"{row[0].__name__}-{row[1]}-{n}" for n, row in enumerate(BAD)]
)
async def test_bad_input_is_named_by_field_and_reason_and_leaves_nothing(
    make: Make, field: str, bad: dict[str, Any], reason: str
) -> None:
    async with a_cloud() as here:
        before = await everything(here)

        with pytest.raises(InvalidParameter, match=rf"Invalid parameter {field}: .*{reason}"):
            await make(here.cloud, bad)

        assert await everything(here) == before


async def test_an_empty_cloud_is_furnished_from_zone_to_running_vm() -> None:
    async with a_cloud() as here:
        z = await zone(here.cloud, {"allocation_state": AllocationState.ENABLED})
        p = await pod(here.cloud, {"zone_id": z.id})
        c = await cluster(here.cloud, {"zone_id": z.id, "pod_id": p.id, "lease_profile": "fast"})
        added = await host(here.cloud, {"zone_id": z.id, "pod_id": p.id, "cluster_id": c.id})

        assert (z.allocation_state, p.start_ip, c.hypervisor) == (AllocationState.ENABLED, "10.2.0.10", "KVM")
        assert (added.host.state, added.host.ip) == (HostState.CREATING, "10.0.0.9")
        assert added.invitation not in {token.id for token in await here.cloud.store.enrolment_tokens.find()}


async def test_a_zone_begins_disabled() -> None:
    async with a_cloud() as here:
        assert (await zone(here.cloud, {})).allocation_state is AllocationState.DISABLED


async def test_a_pool_is_measured_and_its_hosts_are_told() -> None:
    async with a_cloud() as here:
        made = await pool(here.cloud, {})

        mounts = [down for down in here.host(1).told if isinstance(down, m.Mounts)]
        assert (made.path, made.capacity_bytes, made.type) == ("/second", 1 << 40, "SharedMountPoint")
        assert sorted(mount.path for mount in mounts[-1].mounts) == ["/pool", "/second"]
        assert {(slot, owner) for pool_id, slot, owner in mounts[-1].lease_names if pool_id == made.id} == {
            (0, "h1"),
            (1, "h2"),
        }


async def test_a_pool_that_nobody_can_look_at_is_not_made() -> None:
    async with a_cloud(hosts=0) as here:
        with pytest.raises(ResourceUnavailable, match="No host that could use storage pool second is Up"):
            await pool(here.cloud, {})


async def test_a_pool_missing_on_one_host_is_refused_by_that_host_s_name() -> None:
    async with a_cloud(hosts=3) as here:
        here.host(2).twist("check", Say(refused("not-mounted")))

        with pytest.raises(
            InvalidParameter, match=r"is not a mounted, writable pool on host h2: refused \(not-mounted\)$"
        ):
            await pool(here.cloud, {})


async def test_a_template_is_ready_with_the_size_its_host_saw() -> None:
    async with a_cloud() as here:
        made = await template(here.cloud, {})

        assert (made.is_ready, made.size_bytes, made.format) == (True, 1 << 30, "QCOW2")


async def test_a_disabled_cluster_takes_no_new_guests_and_keeps_those_it_has() -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here)

        cluster = await here.cloud.store.clusters.by_id(CLUSTER)
        await update_cluster(cluster, ClusterChange(allocation_state=AllocationState.DISABLED), here.cloud)
        job = await here.run(await deploy(here, name="late"))

        assert "place-disabled: need enabled, have disabled: cluster c" in str(job.result["errortext"])
        assert here.world.where_runs(vm.id) == [vm.host_id]


async def test_a_disabled_host_takes_no_new_guests() -> None:
    async with a_cloud() as here:
        await set_host_allocation(HostId("h1"), ResourceEvent.DISABLE, here.cloud)

        assert (await a_running_vm(here)).host_id == "h2"


async def test_a_host_with_guests_cannot_be_removed_not_even_by_force() -> None:
    async with a_cloud() as here:
        await a_running_vm(here)

        with pytest.raises(ResourceInUse, match="runs, or may run, 1 guests: web"):
            await remove_host(HostId("h1"), here.cloud, forced=True)


async def test_a_removed_host_is_out_and_its_certificate_void() -> None:
    async with a_cloud() as here:
        row = await here.cloud.store.hosts.by_id("h2")
        await here.cloud.store.hosts.swap(row, replace(row, resource_state=ResourceState.MAINTENANCE))

        await remove_host(HostId("h2"), here.cloud)

        gone = await here.cloud.store.hosts.by_id("h2")
        assert (gone.state, gone.removed is not None) == (HostState.REMOVED, True)
        assert not here.cloud.fleet.is_connected(HostId("h2"))
        assert [host.id for host in await here.cloud.store.hosts.find(LIVE)] == ["h1"]


async def test_an_unforced_removal_asks_for_maintenance_first() -> None:
    async with a_cloud() as here:
        with pytest.raises(ResourceInUse, match="put it into maintenance first"):
            await remove_host(HostId("h2"), here.cloud)


async def test_places_are_removed_from_the_inside_out() -> None:
    async with a_cloud(hosts=0) as here:
        with pytest.raises(ResourceInUse, match="Zone z still has 1 pods"):
            await remove_zone(ZONE, here.cloud)
        with pytest.raises(ResourceInUse, match="Pod p still has 1 clusters"):
            await remove_pod(POD, here.cloud)
        with pytest.raises(ResourceInUse, match="Cluster c still has 1 storage pools"):
            await remove_cluster(CLUSTER, here.cloud)

        await remove_storage_pool(POOL, here.cloud)
        await remove_cluster(CLUSTER, here.cloud)
        await remove_pod(POD, here.cloud)
        await remove_zone(ZONE, here.cloud)

        assert await here.cloud.store.zones.find(LIVE) == []


async def test_a_pool_with_volumes_stays() -> None:
    async with a_cloud() as here:
        await a_running_vm(here)

        with pytest.raises(ResourceInUse, match="Storage pool primary still has 1 volumes"):
            await remove_storage_pool(PoolId(POOL), here.cloud)


async def test_a_template_that_is_not_there_cannot_be_deployed() -> None:
    async with a_cloud() as here:
        with pytest.raises(InvalidParameter, match="there is no template gone"):
            await deploy(here, template_id=TemplateId("gone"))


@pytest.mark.parametrize(
    ("other", "field"),
    [
        ({"url": "file:///var/lib/mainstay/mainstay.db"}, "url"),
        ({"url": "file:///images-of-others/a.qcow2"}, "url"),
        ({"url": "file:///images/a.qcow2", "kernel": "/boot/vmlinuz"}, "kernel"),
        ({"url": "file:///images/a.qcow2", "kernel": "/images/vmlinuz", "initrd": "/etc/shadow"}, "initrd"),
    ],
)
async def test_users_name_no_files_but_those_of_image_stores(other: dict[str, str], field: str) -> None:
    async with a_cloud() as here:
        await add_image_store(NewImageStore(provider="NFS", url="file:///images", zone_id=ZONE), here.cloud)
        with pytest.raises(InvalidParameter) as refused:
            await template(here.cloud, {"by_root": False, **other})

        assert refused.value.field == field
        assert "only root administrators" in refused.value.reason
        assert await template(here.cloud, {"by_root": False})
