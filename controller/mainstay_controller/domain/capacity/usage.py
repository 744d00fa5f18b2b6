"""What guests take from hosts, counted from the guests' rows.

The promise: a guest is charged to every host that runs it or may run it (both ends of a migration, a host whose answer is still
unknown), and to no other; over-provisioning keeps physical use: a guest started under ratio 1 is charged twice under ratio 2."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mainstay_controller.domain.ids import ClusterId, HostId
from mainstay_controller.domain.records import Cluster, Host, Vm

CPU_RATIO_DETAIL = "cpuOvercommitRatio"
MEMORY_RATIO_DETAIL = "memoryOvercommitRatio"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """An amount of what a host has."""

    cpu_mhz: int = 0
    memory_mib: int = 0
    cpus: int = 0
    guests: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            cpu_mhz=self.cpu_mhz + other.cpu_mhz,
            memory_mib=self.memory_mib + other.memory_mib,
            cpus=self.cpus + other.cpus,
            guests=self.guests + other.guests,
        )


NOTHING = Usage()


def hosts_charged(vm: Vm) -> frozenset[HostId]:
    """Where the guest runs, may run, or is being started or migrated to."""
    return frozenset(host_id for host_id in (vm.host_id, vm.target_host_id) if host_id is not None)


def charge(vm: Vm, cluster: Cluster) -> Usage:
    """What a host of that cluster gives up for this guest, in the cluster's over-provisioned units."""
    return Usage(
        cpu_mhz=_rescaled(vm.cpus * vm.cpu_mhz, vm.details.get(CPU_RATIO_DETAIL), cluster.cpu_overcommit_ratio),
        memory_mib=_rescaled(vm.memory_mib, vm.details.get(MEMORY_RATIO_DETAIL), cluster.memory_overcommit_ratio),
        cpus=vm.cpus,
        guests=1,
    )


def usage_by_host(
    vms: Iterable[Vm], hosts: Iterable[Host], clusters: Mapping[ClusterId, Cluster]
) -> dict[HostId, Usage]:
    """Every host of `hosts` appears, the idle ones with nothing."""
    cluster_of = {host.id: clusters[host.cluster_id] for host in hosts}
    used = dict.fromkeys(cluster_of, NOTHING)
    for vm in vms:
        for host_id in hosts_charged(vm) & cluster_of.keys():
            used[host_id] += charge(vm, cluster_of[host_id])
    return used


def total(host: Host, cluster: Cluster) -> Usage:
    """What the host offers, over-provisioning included; `guests` is no amount of a host and stays 0."""
    return Usage(
        cpu_mhz=int(host.cpus * host.cpu_mhz * cluster.cpu_overcommit_ratio),
        memory_mib=int(host.memory_mib * cluster.memory_overcommit_ratio),
        cpus=host.cpus,
    )


def ratios(cluster: Cluster) -> dict[str, str]:
    """Details a guest keeps from its start: the ratios under which it was started."""
    return {
        CPU_RATIO_DETAIL: str(cluster.cpu_overcommit_ratio),
        MEMORY_RATIO_DETAIL: str(cluster.memory_overcommit_ratio),
    }


def _rescaled(amount: int, started_under: str | None, ratio: float) -> int:
    return amount if started_under is None else round(amount * ratio / float(started_under))
