"""Create a zone.  It begins Disabled: nothing is placed there until somebody says that it is complete."""

from __future__ import annotations

from dataclasses import dataclass

from mainstay_controller.domain.ids import ZoneId
from mainstay_controller.domain.records import Zone
from mainstay_controller.domain.states import AllocationState
from mainstay_controller.operations.checks import a_name, an_address, one_of
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter
from mainstay_controller.store.port import LIVE, eq

NETWORK_TYPES = ("Advanced", "Basic")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewZone:
    name: str
    dns1: str
    internal_dns1: str
    network_type: str = "Advanced"
    dns2: str = ""
    internal_dns2: str = ""
    guest_cidr: str | None = None
    allocation_state: AllocationState = AllocationState.DISABLED
    local_storage_enabled: bool = False
    security_groups_enabled: bool = False


async def create_zone(new: NewZone, cloud: Cloud) -> Zone:
    zone = Zone(
        id=ZoneId(cloud.rng.uuid()),
        name=a_name("name", new.name),
        created=await cloud.store.now(),
        dns1=an_address("dns1", new.dns1),
        dns2=an_address("dns2", new.dns2) if new.dns2 else "",
        internal_dns1=an_address("internaldns1", new.internal_dns1),
        internal_dns2=an_address("internaldns2", new.internal_dns2) if new.internal_dns2 else "",
        network_type=one_of("networktype", new.network_type, NETWORK_TYPES),
        guest_cidr=new.guest_cidr,
        allocation_state=new.allocation_state,
        local_storage_enabled=new.local_storage_enabled,
        security_groups_enabled=new.security_groups_enabled,
    )
    async with cloud.store.transaction() as store:
        if await store.zones.find(eq("name", zone.name), LIVE, limit=1):
            raise InvalidParameter("name", f"a zone {zone.name} exists")
        return await store.zones.add(zone)
