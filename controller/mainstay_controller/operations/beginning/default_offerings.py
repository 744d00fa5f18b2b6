"""The offerings that are there from the beginning, under CloudStack's names: clients look for them by name on an empty cloud.

They are made with the first administrator, once; an operator may delete or rename those of services and disks."""

from __future__ import annotations

from datetime import datetime

from mainstay_controller.domain.ids import DiskOfferingId, NetworkOfferingId, OfferingId
from mainstay_controller.domain.records import DiskOffering, NetworkOffering, ServiceOffering
from mainstay_controller.operations.networking.physical_networks import PROVIDERS
from mainstay_controller.store.port import Store
from mainstay_runtime.clock import Rng

GIB = 1 << 30
ROUTER = "VirtualRouter"


async def add_default_offerings(store: Store, rng: Rng, now: datetime) -> None:
    """In the caller's transaction."""
    await store.service_offerings.add_all(service_offerings(rng, now))
    await store.disk_offerings.add_all(disk_offerings(rng, now))
    await store.network_offerings.add_all(network_offerings(rng, now))


def service_offerings(rng: Rng, now: datetime) -> list[ServiceOffering]:
    sizes = (("Small Instance", 500, 512), ("Medium Instance", 1000, 1024))
    return [
        ServiceOffering(
            id=OfferingId(rng.uuid()), name=name, display_text=name, created=now, cpu_mhz=mhz, memory_mib=mib
        )
        for name, mhz, mib in sizes
    ]


def disk_offerings(rng: Rng, now: datetime) -> list[DiskOffering]:
    sizes = (("Small", 5), ("Medium", 20), ("Large", 100), ("Custom", 0))
    return [
        DiskOffering(
            id=DiskOfferingId(rng.uuid()),
            name=name,
            display_text=f"{name} Disk, {gib} GB" if gib else f"{name} Disk",
            created=now,
            size_bytes=gib * GIB,
            is_customized=not gib,
        )
        for name, gib in sizes
    ]


def network_offerings(rng: Rng, now: datetime) -> list[NetworkOffering]:
    leases = dict.fromkeys(("Dhcp", "Dns", "UserData"), ROUTER)
    offered: tuple[tuple[str, str, dict[str, str]], ...] = (
        ("DefaultSharedNetworkOffering", "Shared", leases),
        ("DefaultSharedNetworkOfferingWithSGService", "Shared", {**leases, "SecurityGroup": "SecurityGroupProvider"}),
        ("DefaultIsolatedNetworkOfferingWithSourceNatService", "Isolated", dict.fromkeys(PROVIDERS[ROUTER], ROUTER)),
        ("DefaultIsolatedNetworkOffering", "Isolated", leases),
        ("DefaultL2NetworkOffering", "L2", {}),
    )
    return [
        NetworkOffering(
            id=NetworkOfferingId(rng.uuid()),
            name=name,
            display_text=f"Offering for {guest_type} networks",
            created=now,
            guest_type=guest_type,
            services=services,
            state="Enabled",
            is_default=True,
            specify_vlan=guest_type == "Shared",
            specify_ip_ranges=guest_type == "Shared",
        )
        for name, guest_type, services in offered
    ]
