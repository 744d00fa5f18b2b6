"""Create a service offering: how much a guest gets, and what is done when it goes down."""

from __future__ import annotations

from dataclasses import dataclass

from mainstay_controller.domain.ids import OfferingId
from mainstay_controller.domain.records import ServiceOffering
from mainstay_controller.operations.checks import a_name, a_number, one_of, tags
from mainstay_controller.operations.cloud import Cloud

CPUS_MAX = 1024
CPU_MHZ_MAX = 100_000
MEMORY_MIB_MIN, MEMORY_MIB_MAX = 32, 64 * 1024 * 1024
STORAGE_TYPES = ("shared", "local")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewServiceOffering:
    """`restart_after_guest_shutdown`: whether a guest that shut itself down is started again."""

    name: str
    display_text: str
    cpus: int
    cpu_mhz: int
    memory_mib: int
    offer_ha: bool = False
    restart_after_guest_shutdown: bool = False
    limit_cpu_use: bool = False
    is_volatile: bool = False
    host_tags: tuple[str, ...] = ()
    storage_tags: tuple[str, ...] = ()
    storage_type: str = "shared"
    priority: int = 0
    domain_ids: tuple[str, ...] = ()
    zone_ids: tuple[str, ...] = ()


async def create_service_offering(new: NewServiceOffering, cloud: Cloud) -> ServiceOffering:
    offering = ServiceOffering(
        id=OfferingId(cloud.rng.uuid()),
        name=a_name("name", new.name),
        display_text=a_name("displaytext", new.display_text or new.name),
        created=await cloud.store.now(),
        cpus=a_number("cpunumber", new.cpus, least=1, most=CPUS_MAX),
        cpu_mhz=a_number("cpuspeed", new.cpu_mhz, least=1, most=CPU_MHZ_MAX, unit="MHz"),
        memory_mib=a_number("memory", new.memory_mib, least=MEMORY_MIB_MIN, most=MEMORY_MIB_MAX, unit="MiB"),
        offer_ha=new.offer_ha,
        restart_after_guest_shutdown=new.restart_after_guest_shutdown,
        limit_cpu_use=new.limit_cpu_use,
        is_volatile=new.is_volatile,
        host_tags=tags("hosttags", new.host_tags),
        storage_tags=tags("tags", new.storage_tags),
        storage_type=one_of("storagetype", new.storage_type, STORAGE_TYPES),
        priority=new.priority,
        domain_ids=new.domain_ids,
        zone_ids=new.zone_ids,
    )
    return await cloud.store.service_offerings.add(offering)
