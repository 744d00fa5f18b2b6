"""How much there is, how much is promised and how much is left, of each of CloudStack's types, for a set of places.

Totals have over-provisioning in them, as CloudStack shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address

from mainstay_controller.domain.capacity.usage import NOTHING, total, usage_by_host
from mainstay_controller.domain.ids import ClusterId
from mainstay_controller.domain.records import (
    Cluster,
    Host,
    ImageStore,
    IpAddress,
    IpRange,
    Network,
    Pod,
    StoragePool,
    Vm,
    Volume,
)

MIB = 1 << 20


class CapacityType(IntEnum):
    """CloudStack's numbers.  Those of nouns that this cloud does not have yet are not counted."""

    MEMORY = 0
    CPU = 1
    STORAGE = 2
    STORAGE_ALLOCATED = 3
    VIRTUAL_NETWORK_PUBLIC_IP = 4
    PRIVATE_IP = 5
    SECONDARY_STORAGE = 6
    VLAN = 7
    DIRECT_ATTACHED_PUBLIC_IP = 8
    LOCAL_STORAGE = 9
    CPU_CORE = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """Memory and storage in bytes, CPU in MHz, the others in pieces."""

    type: CapacityType
    used: int
    total: int

    @property
    def percent_used(self) -> float:
        return 100 * self.used / self.total if self.total else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """The rows of the places that are counted; `vms` and `volumes` may be those of other places too."""

    pods: tuple[Pod, ...]
    clusters: Mapping[ClusterId, Cluster]
    hosts: tuple[Host, ...]
    pools: tuple[StoragePool, ...]
    vms: tuple[Vm, ...]
    volumes: tuple[Volume, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneStock:
    """What belongs to a zone as a whole.  `vlans`: those that its physical networks have to give; `addresses`: those given out."""

    networks: tuple[Network, ...]
    public_ranges: tuple[IpRange, ...]
    addresses: tuple[IpAddress, ...]
    vlans: frozenset[tuple[str | None, str]]
    image_stores: tuple[ImageStore, ...] = ()


def capacities(stock: Stock) -> list[Capacity]:
    return [*_of_hosts(stock), *_of_pools(stock), _of_addresses(stock)]


def zone_capacities(stock: ZoneStock) -> list[Capacity]:
    shared = [network for network in stock.networks if network.guest_type == "Shared" and network.start_ip]
    inside = {network.id for network in shared}
    used_vlans = {(network.physical_network_id, network.vlan) for network in stock.networks}
    return [
        Capacity(
            type=CapacityType.VIRTUAL_NETWORK_PUBLIC_IP,
            used=sum(address.is_public for address in stock.addresses),
            total=sum(_between(each.start_ip, each.end_ip) for each in stock.public_ranges),
        ),
        Capacity(
            type=CapacityType.DIRECT_ATTACHED_PUBLIC_IP,
            used=sum(address.network_id in inside for address in stock.addresses),
            total=sum(_between(network.start_ip, network.end_ip) for network in shared),
        ),
        Capacity(type=CapacityType.VLAN, used=len(stock.vlans & used_vlans), total=len(stock.vlans)),
        Capacity(
            type=CapacityType.SECONDARY_STORAGE,
            used=sum(store.used_bytes for store in stock.image_stores),
            total=sum(store.capacity_bytes for store in stock.image_stores),
        ),
    ]


def _between(first: str, last: str) -> int:
    return int(IPv4Address(last)) - int(IPv4Address(first)) + 1


def _of_hosts(stock: Stock) -> Iterable[Capacity]:
    used = sum(usage_by_host(stock.vms, stock.hosts, stock.clusters).values(), start=NOTHING)
    offered = sum((total(host, stock.clusters[host.cluster_id]) for host in stock.hosts), start=NOTHING)
    yield Capacity(type=CapacityType.MEMORY, used=used.memory_mib * MIB, total=offered.memory_mib * MIB)
    yield Capacity(type=CapacityType.CPU, used=used.cpu_mhz, total=offered.cpu_mhz)
    yield Capacity(type=CapacityType.CPU_CORE, used=used.cpus, total=offered.cpus)


def _of_pools(stock: Stock) -> Iterable[Capacity]:
    shared = [pool for pool in stock.pools if pool.scope != "HOST"]
    local = [pool for pool in stock.pools if pool.scope == "HOST"]
    promised = sum(volume.size_bytes for volume in stock.volumes if volume.pool_id in {pool.id for pool in shared})
    yield Capacity(
        type=CapacityType.STORAGE,
        used=sum(pool.used_bytes for pool in shared),
        total=sum(pool.capacity_bytes for pool in shared),
    )
    yield Capacity(
        type=CapacityType.STORAGE_ALLOCATED,
        used=promised,
        total=int(sum(pool.capacity_bytes * pool.overprovision_factor for pool in shared)),
    )
    yield Capacity(
        type=CapacityType.LOCAL_STORAGE,
        used=sum(pool.used_bytes for pool in local),
        total=sum(pool.capacity_bytes for pool in local),
    )


def _of_addresses(stock: Stock) -> Capacity:
    ranges = [(int(IPv4Address(pod.start_ip)), int(IPv4Address(pod.end_ip))) for pod in stock.pods if pod.start_ip]
    taken = {nic.ip for vm in stock.vms for nic in vm.nics if nic.ip}
    inside = sum(any(first <= int(IPv4Address(ip)) <= last for first, last in ranges) for ip in taken)
    return Capacity(type=CapacityType.PRIVATE_IP, used=inside, total=sum(last - first + 1 for first, last in ranges))
