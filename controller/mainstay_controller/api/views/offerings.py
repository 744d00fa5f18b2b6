"""Service offerings as clients see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from mainstay_controller.api.access import Caller
from mainstay_controller.domain.records import ServiceOffering
from mainstay_controller.operations.cloud import Cloud


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceOfferingView:
    wire_key: ClassVar[str] = "serviceoffering"

    id: str
    name: str
    display_text: str
    cpu_number: int
    cpu_speed: int
    memory: int
    created: datetime
    storage_type: str
    provisioning_type: str
    offer_ha: bool
    restart_after_guest_shutdown: bool
    limit_cpu_use: bool
    is_volatile: bool
    is_system: bool
    system_vm_type: str | None
    default_use: bool
    is_customized: bool
    host_tags: str
    storage_tags: str
    state: str
    priority: int
    domain_id: str | None
    zone_id: str | None
    service_offering_details: dict[str, str]


async def service_offerings(
    records: Sequence[ServiceOffering], _caller: Caller, _cloud: Cloud
) -> list[ServiceOfferingView]:
    return [
        ServiceOfferingView(
            id=offering.id,
            name=offering.name,
            display_text=offering.display_text,
            cpu_number=offering.cpus,
            cpu_speed=offering.cpu_mhz,
            memory=offering.memory_mib,
            created=offering.created,
            storage_type=offering.storage_type,
            provisioning_type="thin",
            offer_ha=offering.offer_ha,
            restart_after_guest_shutdown=offering.restart_after_guest_shutdown,
            limit_cpu_use=offering.limit_cpu_use,
            is_volatile=offering.is_volatile,
            is_system=offering.is_system,
            system_vm_type=offering.system_vm_type,
            default_use=False,
            is_customized=False,
            host_tags=",".join(offering.host_tags),
            storage_tags=",".join(offering.storage_tags),
            state=offering.state,
            priority=offering.priority,
            domain_id=",".join(offering.domain_ids) or None,
            zone_id=",".join(offering.zone_ids) or None,
            service_offering_details=offering.details,
        )
        for offering in records
    ]
