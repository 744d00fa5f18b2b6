"""Create a pod, with the range of addresses it gives out."""

from __future__ import annotations

from dataclasses import dataclass

from mainstay_controller.domain.ids import PodId, ZoneId
from mainstay_controller.domain.records import Pod
from mainstay_controller.domain.states import AllocationState
from mainstay_controller.operations.checks import a_name, a_network, an_address_in
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter
from mainstay_controller.operations.living import living_zone
from mainstay_controller.store.port import LIVE, eq


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPod:
    zone_id: ZoneId
    name: str
    gateway: str = ""
    netmask: str = ""
    start_ip: str = ""
    end_ip: str = ""
    allocation_state: AllocationState = AllocationState.ENABLED


async def create_pod(new: NewPod, cloud: Cloud) -> Pod:
    zone = await living_zone(new.zone_id, cloud.store)
    given = checked_range(new.gateway, new.netmask, new.start_ip, new.end_ip)
    pod = Pod(
        id=PodId(cloud.rng.uuid()),
        zone_id=zone.id,
        name=a_name("name", new.name),
        created=await cloud.store.now(),
        allocation_state=new.allocation_state,
        gateway=given.gateway,
        netmask=given.netmask,
        start_ip=given.start_ip,
        end_ip=given.end_ip,
    )
    async with cloud.store.transaction() as store:
        if await store.pods.find(eq("zone_id", zone.id), eq("name", pod.name), LIVE, limit=1):
            raise InvalidParameter("name", f"a pod {pod.name} exists in zone {zone.name}")
        return await store.pods.add(pod)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressRange:
    gateway: str = ""
    netmask: str = ""
    start_ip: str = ""
    end_ip: str = ""


def checked_range(gateway: str, netmask: str, start_ip: str, end_ip: str) -> AddressRange:
    """All of it, or nothing: a pod without a range gives out no addresses."""
    if not any((gateway, netmask, start_ip, end_ip)):
        return AddressRange()
    network = a_network(gateway, netmask)
    first = an_address_in("startip", start_ip, network)
    last = an_address_in("endip", end_ip or start_ip, network)
    if last < first:
        raise InvalidParameter("endip", f"{last} lies before startip {first}")
    return AddressRange(gateway=gateway, netmask=netmask, start_ip=str(first), end_ip=str(last))
