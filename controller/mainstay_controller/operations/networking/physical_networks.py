"""Physical networks of a zone: what they carry, and who serves on them.  Bookkeeping; hosts bring their own bridges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from mainstay_controller.domain.ids import PhysicalNetworkId, ServiceProviderId, TrafficTypeId, ZoneId
from mainstay_controller.domain.records import PhysicalNetwork, ServiceProvider, TrafficType
from mainstay_controller.operations.changes import with_changes
from mainstay_controller.operations.checks import a_name, one_of, tags
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter, ResourceInUse
from mainstay_controller.store.port import LIVE, Store, eq

TRAFFIC_TYPES = ("Management", "Guest", "Public", "Storage")
STATES = ("Enabled", "Disabled")
ISOLATION_METHODS = ("VLAN", "VXLAN", "GRE", "L3")
SERVICES = (
    "Dhcp",
    "Dns",
    "UserData",
    "Firewall",
    "SourceNat",
    "StaticNat",
    "PortForwarding",
    "Lb",
    "Vpn",
    "SecurityGroup",
)
PROVIDERS: Mapping[str, tuple[str, ...]] = {
    "VirtualRouter": SERVICES[:-2],
    "ConfigDrive": ("Dhcp", "Dns", "UserData"),
    "SecurityGroupProvider": ("SecurityGroup",),
}
"""Who may serve on a physical network, and what; they begin Disabled, as in CloudStack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPhysicalNetwork:
    zone_id: ZoneId
    name: str
    vlan: str = ""
    speed: str = ""
    isolation_methods: tuple[str, ...] = ("VLAN",)
    broadcast_domain_range: str = "ZONE"
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PhysicalNetworkChange:
    """What is None stays as it is."""

    state: str | None = None
    vlan: str | None = None
    speed: str | None = None
    tags: tuple[str, ...] | None = None


async def create_physical_network(new: NewPhysicalNetwork, cloud: Cloud) -> PhysicalNetwork:
    now = await cloud.store.now()
    network = PhysicalNetwork(
        id=PhysicalNetworkId(cloud.rng.uuid()),
        zone_id=new.zone_id,
        name=a_name("name", new.name),
        created=now,
        vlan=a_vlan_range("vlan", new.vlan),
        speed=new.speed,
        isolation_methods=tuple(one_of("isolationmethods", each, ISOLATION_METHODS) for each in new.isolation_methods),
        broadcast_domain_range=one_of("broadcastdomainrange", new.broadcast_domain_range, ("ZONE", "POD")),
        tags=tags("tags", new.tags),
    )
    async with cloud.store.transaction() as store:
        if await store.physical_networks.find(LIVE, eq("zone_id", new.zone_id), eq("name", network.name), limit=1):
            raise InvalidParameter("name", f"a physical network {network.name} exists in that zone")
        await store.physical_networks.add(network)
        await store.service_providers.add_all(
            [
                ServiceProvider(
                    id=ServiceProviderId(cloud.rng.uuid()),
                    physical_network_id=network.id,
                    name=name,
                    services=services,
                    created=now,
                )
                for name, services in PROVIDERS.items()
            ]
        )
    return network


async def update_physical_network(
    network: PhysicalNetwork, change: PhysicalNetworkChange, cloud: Cloud
) -> PhysicalNetwork:
    changed = with_changes(network, change, {"state": _a_state, "vlan": a_vlan_range, "tags": tags})
    return await cloud.store.physical_networks.swap(network, changed)


async def delete_physical_network(network: PhysicalNetwork, cloud: Cloud) -> None:
    async with cloud.store.transaction() as store:
        await _check_unused(network, store)
        for traffic in await store.traffic_types.find(eq("physical_network_id", network.id)):
            await store.traffic_types.remove(traffic.id)
        for provider in await store.service_providers.find(eq("physical_network_id", network.id)):
            await store.service_providers.remove(provider.id)
        await store.physical_networks.swap(network, replace(network, removed=await store.now()))


async def add_traffic_type(
    network: PhysicalNetwork, traffic_type: str, labels: Mapping[str, str], cloud: Cloud
) -> TrafficType:
    """`labels`: by hypervisor, the bridge or port group that carries it."""
    kind = one_of("traffictype", traffic_type, TRAFFIC_TYPES)
    traffic = TrafficType(
        id=TrafficTypeId(cloud.rng.uuid()),
        physical_network_id=network.id,
        traffic_type=kind,
        created=await cloud.store.now(),
        labels=dict(labels),
    )
    async with cloud.store.transaction() as store:
        here = eq("physical_network_id", network.id)
        if await store.traffic_types.find(here, eq("traffic_type", kind), limit=1):
            raise InvalidParameter("traffictype", f"physical network {network.name} carries {kind} traffic already")
        return await store.traffic_types.add(traffic)


async def update_provider(
    provider: ServiceProvider, state: str | None, services: tuple[str, ...] | None, cloud: Cloud
) -> ServiceProvider:
    changed = replace(
        provider,
        state=provider.state if state is None else _a_state("state", state),
        services=provider.services
        if services is None
        else tuple(one_of("servicelist", each, SERVICES) for each in services),
    )
    return await cloud.store.service_providers.swap(provider, changed)


def a_vlan_range(field: str, text: str) -> str:
    """Empty, one VLAN, or several ranges such as 100-200,300-310."""
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        if not (first.isdigit() and (last or first).isdigit() and 0 < int(first) <= int(last or first) < 4095):
            raise InvalidParameter(field, f"{part!r} is no range of VLANs between 1 and 4094")
    return text


def vlans_of(network: PhysicalNetwork) -> list[int]:
    found: list[int] = []
    for part in filter(None, network.vlan.split(",")):
        first, _, last = part.partition("-")
        found.extend(range(int(first), int(last or first) + 1))
    return found


async def _check_unused(network: PhysicalNetwork, store: Store) -> None:
    guests = await store.networks.count(LIVE, eq("physical_network_id", network.id))
    ranges = await store.ip_ranges.count(eq("physical_network_id", network.id))
    if guests or ranges:
        raise ResourceInUse(f"Physical network {network.name} still has {guests} networks and {ranges} IP ranges")


def _a_state(field: str, state: str) -> str:
    return one_of(field, state, STATES)
