"""Network offerings: the kinds in which guest networks come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mainstay_controller.domain.ids import NetworkOfferingId
from mainstay_controller.domain.records import NetworkOffering
from mainstay_controller.operations.changes import Check, with_changes
from mainstay_controller.operations.checks import a_name, one_of, tags
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter, ResourceInUse
from mainstay_controller.operations.networking.physical_networks import PROVIDERS, SERVICES, STATES
from mainstay_controller.store.port import LIVE, eq

GUEST_TYPES = ("Isolated", "Shared", "L2")
AVAILABILITIES = ("Optional", "Required")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNetworkOffering:
    name: str
    display_text: str
    guest_type: str
    traffic_type: str = "Guest"
    services: Mapping[str, str] = field(default_factory=dict)
    availability: str = "Optional"
    is_enabled: bool = False
    specify_vlan: bool = False
    specify_ip_ranges: bool = False
    conserve_mode: bool = True
    is_persistent: bool = False
    egress_default_allow: bool = False
    tags: tuple[str, ...] = ()
    domain_ids: tuple[str, ...] = ()
    zone_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkOfferingChange:
    """What is None stays as it is."""

    name: str | None = None
    display_text: str | None = None
    availability: str | None = None
    state: str | None = None
    tags: tuple[str, ...] | None = None


async def create_network_offering(new: NewNetworkOffering, cloud: Cloud) -> NetworkOffering:
    if await cloud.store.network_offerings.find(LIVE, eq("name", new.name.strip()), limit=1):
        raise InvalidParameter("name", f"a network offering {new.name} exists")
    return await cloud.store.network_offerings.add(
        NetworkOffering(
            id=NetworkOfferingId(cloud.rng.uuid()),
            name=a_name("name", new.name),
            display_text=a_name("displaytext", new.display_text or new.name),
            created=await cloud.store.now(),
            traffic_type=one_of("traffictype", new.traffic_type, ("Guest",)),
            guest_type=one_of("guestiptype", new.guest_type, GUEST_TYPES),
            services=checked_services(new.services),
            availability=one_of("availability", new.availability, AVAILABILITIES),
            state="Enabled" if new.is_enabled else "Disabled",
            specify_vlan=new.specify_vlan,
            specify_ip_ranges=new.specify_ip_ranges,
            conserve_mode=new.conserve_mode,
            is_persistent=new.is_persistent,
            egress_default_allow=new.egress_default_allow,
            tags=tags("tags", new.tags),
            domain_ids=new.domain_ids,
            zone_ids=new.zone_ids,
        )
    )


async def update_network_offering(
    offering: NetworkOffering, change: NetworkOfferingChange, cloud: Cloud
) -> NetworkOffering:
    checks: dict[str, Check] = {
        "name": a_name,
        "display_text": a_name,
        "availability": lambda name, value: one_of(name, value, AVAILABILITIES),
        "state": lambda name, value: one_of(name, value, STATES),
        "tags": tags,
    }
    return await cloud.store.network_offerings.swap(offering, with_changes(offering, change, checks))


async def delete_network_offering(offering: NetworkOffering, cloud: Cloud) -> None:
    if offering.is_default:
        raise InvalidParameter("id", f"network offering {offering.name} is one of the default ones and stays")
    networks = await cloud.store.networks.count(LIVE, eq("offering_id", offering.id))
    if networks:
        raise ResourceInUse(f"Network offering {offering.name} is used by {networks} networks")
    await cloud.store.network_offerings.swap(offering, replace(offering, removed=cloud.clock.now()))


def checked_services(services: Mapping[str, str]) -> dict[str, str]:
    """Each known, and served by somebody who can."""
    checked = {}
    for service, provider in services.items():
        known = one_of("supportedservices", service, SERVICES)
        server = one_of("serviceproviderlist", provider, tuple(PROVIDERS))
        if known not in PROVIDERS[server]:
            raise InvalidParameter("serviceproviderlist", f"{server} does not serve {known}")
        checked[known] = server
    return checked
