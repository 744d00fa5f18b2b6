"""What is promised is counted from rows: who is charged, and how much under over-provisioning."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mainstay_controller.domain.capacity.totals import Capacity, CapacityType, Stock, capacities
from mainstay_controller.domain.capacity.usage import Usage, charge, hosts_charged, ratios, total, usage_by_host
from mainstay_controller.domain.ids import (
    AccountId,
    ClusterId,
    DomainId,
    HostId,
    OfferingId,
    PodId,
    PoolId,
    VmId,
    ZoneId,
)
from mainstay_controller.domain.records import Cluster, Host, Nic, Pod, StoragePool, Vm, Volume
from mainstay_controller.domain.states import VmState
from tests.kit.virtual_time import BEGINNING

ZONE, POD = ZoneId("z"), PodId("p")


def a_cluster(**other: Any) -> Cluster:
    ordinary = Cluster(id=ClusterId("c"), zone_id=ZONE, pod_id=POD, name="c", hypervisor="KVM", created=BEGINNING)
    return replace(ordinary, **other)


def a_host(name: str = "h1", **other: Any) -> Host:
    ordinary = Host(
        id=HostId(name),
        zone_id=ZONE,
        pod_id=POD,
        cluster_id=ClusterId("c"),
        name=name,
        hypervisor="KVM",
        created=BEGINNING,
        cpus=4,
        cpu_mhz=2000,
        memory_mib=2048,
    )
    return replace(ordinary, **other)


def a_vm(name: str = "vm", **other: Any) -> Vm:
    ordinary = Vm(
        id=VmId(name),
        name=name,
        created=BEGINNING,
        account_id=AccountId("ann"),
        domain_id=DomainId("root"),
        zone_id=ZONE,
        service_offering_id=OfferingId("small"),
        cpus=2,
        cpu_mhz=1000,
        memory_mib=1024,
    )
    return replace(ordinary, **other)


H1, H2 = HostId("h1"), HostId("h2")

CHARGED: list[tuple[str, dict[str, Any], set[str]]] = [
    ("stopped", {"state": VmState.STOPPED, "last_host_id": H1}, set()),
    ("running", {"state": VmState.RUNNING, "host_id": H1}, {"h1"}),
    ("reserved", {"state": VmState.STARTING, "target_host_id": H1}, {"h1"}),
    ("stopping on a silent host", {"state": VmState.STOPPING, "host_id": H1}, {"h1"}),
    ("migrating", {"state": VmState.MIGRATING, "host_id": H1, "target_host_id": H2}, {"h1", "h2"}),
    ("stopped, but not proven gone", {"state": VmState.STOPPED, "host_id": H1}, {"h1"}),
]


@pytest.mark.parametrize(("_what", "where", "charged"), CHARGED, ids=[row[0] for row in CHARGED])
def test_every_host_that_may_run_a_guest_is_charged(_what: str, where: dict[str, Any], charged: set[str]) -> None:
    assert hosts_charged(a_vm(**where)) == charged


def test_the_sum_of_charges_is_what_a_host_has_promised() -> None:
    vms = [a_vm("a", host_id=H1), a_vm("b", host_id=H1), a_vm("c", host_id=H2), a_vm("d")]

    used = usage_by_host(vms, [a_host("h1"), a_host("h2"), a_host("h3")], {ClusterId("c"): a_cluster()})

    assert used[H1] == Usage(cpu_mhz=4000, memory_mib=2048, cpus=4, guests=2)
    assert used[H2].guests == 1
    assert used[HostId("h3")] == Usage()


def test_over_provisioning_multiplies_what_a_host_offers_but_not_its_cores() -> None:
    assert total(a_host(), a_cluster(cpu_overcommit_ratio=2.0, memory_overcommit_ratio=1.5)) == Usage(
        cpu_mhz=16000, memory_mib=3072, cpus=4
    )


def test_a_guest_started_before_the_ratio_rose_still_holds_what_it_holds() -> None:
    before = a_vm(details=ratios(a_cluster()))
    now = a_cluster(memory_overcommit_ratio=2.0, cpu_overcommit_ratio=2.0)

    assert charge(before, now) == Usage(cpu_mhz=4000, memory_mib=2048, cpus=2, guests=1)
    assert charge(replace(before, details=ratios(now)), now) == Usage(cpu_mhz=2000, memory_mib=1024, cpus=2, guests=1)


def test_the_example_of_the_guide() -> None:
    cluster = a_cluster(memory_overcommit_ratio=2.0)
    vms = [a_vm(f"vm{n}", host_id=H1, details=ratios(cluster)) for n in range(3)]

    used = usage_by_host(vms, [a_host()], {cluster.id: cluster})[H1]

    assert total(a_host(), cluster).memory_mib - used.memory_mib == 1024


def test_capacity_is_told_in_cloudstack_s_types_and_units() -> None:
    pool = StoragePool(
        id=PoolId("pool"), zone_id=ZONE, name="pool", created=BEGINNING, capacity_bytes=1000, used_bytes=10
    )
    volume = Volume(
        id="v",  # type: ignore[arg-type]
        name="v",
        zone_id=ZONE,
        created=BEGINNING,
        account_id=AccountId("ann"),
        domain_id=DomainId("root"),
        pool_id=PoolId("pool"),
        size_bytes=300,
    )
    pod = Pod(id=POD, zone_id=ZONE, name="p", created=BEGINNING, start_ip="10.0.0.10", end_ip="10.0.0.19")
    vm = a_vm(host_id=H1, nics=(Nic(id="n", mac="", ip="10.0.0.10"),))  # type: ignore[arg-type]

    told = {
        each.type: each
        for each in capacities(
            Stock(
                pods=(pod,),
                clusters={ClusterId("c"): a_cluster()},
                hosts=(a_host(),),
                pools=(pool,),
                vms=(vm,),
                volumes=(volume,),
            )
        )
    }

    assert told[CapacityType.MEMORY] == Capacity(type=CapacityType.MEMORY, used=1 << 30, total=2 << 30)
    assert told[CapacityType.CPU] == Capacity(type=CapacityType.CPU, used=2000, total=8000)
    assert told[CapacityType.CPU_CORE] == Capacity(type=CapacityType.CPU_CORE, used=2, total=4)
    assert told[CapacityType.STORAGE_ALLOCATED] == Capacity(type=CapacityType.STORAGE_ALLOCATED, used=300, total=2000)
    assert told[CapacityType.PRIVATE_IP] == Capacity(type=CapacityType.PRIVATE_IP, used=1, total=10)
    assert told[CapacityType.CPU].percent_used == 25.0
    assert told[CapacityType.LOCAL_STORAGE].percent_used == 0.0
