"""Disk offerings: the sizes in which data disks come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from mainstay_controller.domain.ids import DiskOfferingId
from mainstay_controller.domain.records import DiskOffering
from mainstay_controller.operations.changes import Check, with_changes
from mainstay_controller.operations.checks import a_name, a_number, one_of, tags
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter
from mainstay_controller.operations.offerings.create_service_offering import STORAGE_TYPES

GIB = 1 << 30
SIZE_GIB_MAX = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDiskOffering:
    """`is_customized`: the size is said when a disk is made."""

    name: str
    display_text: str
    size_gib: int | None = None
    is_customized: bool = False
    storage_type: str = "shared"
    storage_tags: tuple[str, ...] = ()
    domain_ids: tuple[str, ...] = ()
    zone_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferingChange:
    """What is None stays as it is."""

    name: str | None = None
    display_text: str | None = None
    state: str | None = None


def an_offering_state(field: str, value: str) -> str:
    return one_of(field, value, ("Active", "Inactive"))


OFFERING_CHECKS: Mapping[str, Check] = {"name": a_name, "display_text": a_name, "state": an_offering_state}


async def create_disk_offering(new: NewDiskOffering, cloud: Cloud) -> DiskOffering:
    if (new.size_gib is None) is not new.is_customized:
        raise InvalidParameter("disksize", "give disksize, or customized=true and no size")
    size_gib = 0 if new.size_gib is None else a_number("disksize", new.size_gib, least=1, most=SIZE_GIB_MAX, unit="GiB")
    return await cloud.store.disk_offerings.add(
        DiskOffering(
            id=DiskOfferingId(cloud.rng.uuid()),
            name=a_name("name", new.name),
            display_text=a_name("displaytext", new.display_text or new.name),
            created=await cloud.store.now(),
            size_bytes=size_gib * GIB,
            is_customized=new.is_customized,
            storage_type=one_of("storagetype", new.storage_type, STORAGE_TYPES),
            storage_tags=tags("tags", new.storage_tags),
            domain_ids=new.domain_ids,
            zone_ids=new.zone_ids,
        )
    )


async def update_disk_offering(offering: DiskOffering, change: OfferingChange, cloud: Cloud) -> DiskOffering:
    return await cloud.store.disk_offerings.swap(offering, with_changes(offering, change, OFFERING_CHECKS))


async def delete_disk_offering(offering: DiskOffering, cloud: Cloud) -> None:
    """Disks that were made from it stay."""
    await cloud.store.disk_offerings.swap(offering, replace(offering, removed=cloud.clock.now()))
