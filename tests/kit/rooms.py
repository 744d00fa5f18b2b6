"""Builders of the planner's words: say what matters in a story, the rest is ordinary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mainstay_controller.domain.capacity.usage import Usage
from mainstay_controller.domain.ids import ClusterId, HostId, PodId, PoolId, VmId, ZoneId
from mainstay_controller.domain.placement.request import Demand, Purpose, Request
from mainstay_controller.domain.placement.snapshot import ClusterRoom, HostRoom, Rules, Snapshot

ZONE, POD, CLUSTER, POOL = ZoneId("zone"), PodId("pod"), ClusterId("cluster"), PoolId("pool")


def a_host_room(
    name: str = "h1", *, memory_mib: int = 4096, cpus: int = 4, core_mhz: int = 2000, **other: Any
) -> HostRoom:
    """Up, enabled, empty, in the one cluster, with the one pool."""
    ordinary = HostRoom(
        id=HostId(name),
        name=name,
        zone_id=ZONE,
        pod_id=POD,
        cluster_id=CLUSTER,
        hypervisor="KVM",
        total=Usage(cpu_mhz=cpus * core_mhz, memory_mib=memory_mib, cpus=cpus),
        core_mhz=core_mhz,
        pool_ids=frozenset({POOL}),
    )
    return replace(ordinary, **other)


def a_snapshot(*hosts: HostRoom, clusters: Sequence[ClusterRoom] = (), rules: Rules | None = None) -> Snapshot:
    named = {host.cluster_id: ClusterRoom(id=host.cluster_id, name=host.cluster_id) for host in hosts}
    return Snapshot(
        hosts=hosts, clusters={**named, **{cluster.id: cluster for cluster in clusters}}, rules=rules or Rules()
    )


def a_demand(**other: Any) -> Demand:
    return replace(Demand(zone_id=ZONE, hypervisor="KVM", cpus=1, cpu_mhz=1000), **other)


def a_request(name: str = "vm", *, memory_mib: int = 1024, demand: Demand | None = None, **other: Any) -> Request:
    return replace(Request(vm_id=VmId(name), name=name, demand=demand or a_demand(), memory_mib=memory_mib), **other)


def for_ha(**other: Any) -> Demand:
    return a_demand(purpose=Purpose.HA, **other)
