"""Volumes and disk offerings as clients see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from mainstay_controller.api.access import Caller
from mainstay_controller.api.answers import Worked
from mainstay_controller.api.views.related import by_ids, names_of
from mainstay_controller.domain.records import DiskOffering, Volume
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.offerings.disk_offerings import GIB


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeView(Worked):
    wire_key: ClassVar[str] = "volume"

    name: str
    type: str
    state: str
    size: int
    virtual_size: int
    created: datetime
    account: str | None
    domain_id: str
    domain: str | None
    zone_id: str
    zone_name: str | None
    virtual_machine_id: str | None
    vm_name: str | None
    vm_display_name: str | None
    vm_state: str | None
    device_id: int | None
    storage: str | None
    storage_id: str | None
    storage_type: str
    cluster_id: str | None
    path: str | None
    disk_offering_id: str | None
    disk_offering_name: str | None
    template_id: str | None
    template_name: str | None
    hypervisor: str
    provisioning_type: str
    is_extractable: bool
    display_volume: bool
    destroyed: bool
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskOfferingView:
    wire_key: ClassVar[str] = "diskoffering"

    id: str
    name: str
    display_text: str
    disk_size: int
    is_customized: bool
    is_customized_iops: bool
    storage_type: str
    provisioning_type: str
    tags: str
    state: str
    created: datetime
    display_offering: bool
    domain_id: str | None
    zone_id: str | None


async def volumes(records: Sequence[Volume], _caller: Caller, cloud: Cloud) -> list[VolumeView]:
    store = cloud.store
    accounts = await names_of(store.accounts, (volume.account_id for volume in records))
    domains = await names_of(store.domains, (volume.domain_id for volume in records))
    zones = await names_of(store.zones, (volume.zone_id for volume in records))
    templates = await names_of(store.templates, (volume.template_id for volume in records))
    offerings = await names_of(store.disk_offerings, (volume.disk_offering_id for volume in records))
    vms = await by_ids(store.vms, (volume.vm_id for volume in records))
    pools = await by_ids(store.pools, (volume.pool_id for volume in records))
    return [
        VolumeView(
            id=volume.id,
            name=volume.name,
            type=volume.type,
            state=volume.state,
            size=volume.size_bytes,
            virtual_size=volume.size_bytes,
            created=volume.created,
            account=accounts.get(volume.account_id),
            domain_id=volume.domain_id,
            domain=domains.get(volume.domain_id),
            zone_id=volume.zone_id,
            zone_name=zones.get(volume.zone_id),
            virtual_machine_id=volume.vm_id,
            vm_name=vm.name if (vm := vms.get(volume.vm_id)) else None,
            vm_display_name=vm.display_name if vm else None,
            vm_state=vm.state if vm else None,
            device_id=volume.device_id,
            storage=pool.name if (pool := pools.get(volume.pool_id)) else None,
            storage_id=volume.pool_id,
            storage_type="local" if pool and pool.scope == "HOST" else "shared",
            cluster_id=pool.cluster_id if pool else None,
            path=volume.path or None,
            disk_offering_id=volume.disk_offering_id,
            disk_offering_name=offerings.get(volume.disk_offering_id),
            template_id=volume.template_id,
            template_name=templates.get(volume.template_id),
            hypervisor=vm.hypervisor if vm else "Any",
            provisioning_type="thin",
            is_extractable=False,
            display_volume=True,
            destroyed=volume.removed is not None,
        )
        for volume in records
    ]


async def disk_offerings(records: Sequence[DiskOffering], _caller: Caller, _cloud: Cloud) -> list[DiskOfferingView]:
    return [
        DiskOfferingView(
            id=offering.id,
            name=offering.name,
            display_text=offering.display_text,
            disk_size=offering.size_bytes // GIB,
            is_customized=offering.is_customized,
            is_customized_iops=False,
            storage_type=offering.storage_type,
            provisioning_type="thin",
            tags=",".join(offering.storage_tags),
            state=offering.state,
            created=offering.created,
            display_offering=True,
            domain_id=",".join(offering.domain_ids) or None,
            zone_id=",".join(offering.zone_ids) or None,
        )
        for offering in records
    ]
