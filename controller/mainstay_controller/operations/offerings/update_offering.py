"""Change or delete a service offering.  Virtual machines carry their own size, so they stay as they are."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mainstay_controller.domain.records import ServiceOffering
from mainstay_controller.operations.changes import Check, with_changes
from mainstay_controller.operations.checks import tags
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.offerings.disk_offerings import OFFERING_CHECKS, OfferingChange


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceOfferingChange(OfferingChange):
    host_tags: tuple[str, ...] | None = None
    storage_tags: tuple[str, ...] | None = None


async def update_service_offering(
    offering: ServiceOffering, change: ServiceOfferingChange, cloud: Cloud
) -> ServiceOffering:
    checks: dict[str, Check] = {**OFFERING_CHECKS, "host_tags": tags, "storage_tags": tags}
    return await cloud.store.service_offerings.swap(offering, with_changes(offering, change, checks))


async def delete_service_offering(offering: ServiceOffering, cloud: Cloud) -> None:
    await cloud.store.service_offerings.swap(offering, replace(offering, removed=cloud.clock.now(), state="Inactive"))
