"""The offerings that are there from the beginning, under CloudStack's names: clients look for them by name on an empty cloud.

They are made with the first administrator; a controller that finds one missing when it starts - the database is of a release that had it not - adds
it.  Each has an id that is the same in every cloud, so that what an operator renamed or deleted is known and stays so."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import TypeVar
from uuid import NAMESPACE_URL, uuid5

from mainstay_controller.domain.ids import DiskOfferingId, NetworkOfferingId, OfferingId
from mainstay_controller.domain.records import DiskOffering, NetworkOffering, ServiceOffering
from mainstay_controller.operations.networking.physical_networks import PROVIDERS
from mainstay_controller.store.port import Conflict, Repository, Store

GIB = 1 << 30
ROUTER = "VirtualRouter"
Offering = TypeVar("Offering", ServiceOffering, DiskOffering, NetworkOffering)


async def add_default_offerings(store: Store, now: datetime) -> None:
    """In the caller's transaction; those that are missing."""
    await _add_missing(store.service_offerings, service_offerings(now))
    await _add_missing(store.disk_offerings, disk_offerings(now))
    await _add_missing(store.network_offerings, network_offerings(now))


async def complete_default_offerings(store: Store) -> None:
    """At a controller's start; another may do so in the same moment."""
    with suppress(Conflict):
        async with store.transaction() as books:
            await add_default_offerings(books, await store.now())


async def _add_missing(repository: Repository[Offering], offered: Sequence[Offering]) -> None:
    """Removed rows count: they were there.  An earlier release gave them other ids, but these names."""
    there = await repository.find()
    ids, names = {each.id for each in there}, {each.name for each in there}
    await repository.add_all([each for each in offered if each.id not in ids and each.name not in names])


def _id_of(kind: str, name: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"mainstay {kind} {name}"))


def service_offerings(now: datetime) -> list[ServiceOffering]:
    sizes = (("Small Instance", 500, 512), ("Medium Instance", 1000, 1024))
    return [
        ServiceOffering(
            id=OfferingId(_id_of("service offering", name)),
            name=name,
            display_text=name,
            created=now,
            cpu_mhz=mhz,
            memory_mib=mib,
        )
        for name, mhz, mib in sizes
    ]


def disk_offerings(now: datetime) -> list[DiskOffering]:
    sizes = (("Small", 5), ("Medium", 20), ("Large", 100), ("Custom", 0))
    return [
        DiskOffering(
            id=DiskOfferingId(_id_of("disk offering", name)),
            name=name,
            display_text=f"{name} Disk, {gib} GB" if gib else f"{name} Disk",
            created=now,
            size_bytes=gib * GIB,
            is_customized=not gib,
        )
        for name, gib in sizes
    ]


def network_offerings(now: datetime) -> list[NetworkOffering]:
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
            id=NetworkOfferingId(_id_of("network offering", name)),
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
