"""Ranges of addresses, and public addresses given out from them to accounts; what is let through to them.  Bookkeeping for the router."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from mainstay_controller.domain.ids import (
    FirewallRuleId,
    IpAddressId,
    IpRangeId,
    NetworkId,
    PhysicalNetworkId,
    PodId,
    VmId,
    ZoneId,
)
from mainstay_controller.domain.records import Account, FirewallRule, IpAddress, IpRange
from mainstay_controller.domain.resource_types import ResourceType
from mainstay_controller.operations.checks import a_network, a_number, an_address_in, one_of
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InsufficientCapacity, InvalidParameter, ResourceInUse
from mainstay_controller.operations.resource_limits import check_limits
from mainstay_controller.store.port import Conflict, Store, eq

PROTOCOLS = ("tcp", "udp", "icmp", "all")
ADDRESSES_MAX = 65536
ATTEMPTS_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class NewIpRange:
    zone_id: ZoneId
    gateway: str
    netmask: str
    start_ip: str
    end_ip: str = ""
    vlan: str = "untagged"
    physical_network_id: PhysicalNetworkId | None = None
    network_id: NetworkId | None = None
    pod_id: PodId | None = None
    for_virtual_network: bool = True
    owner: Account | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRule:
    """`purpose`: Firewall | Egress | PortForwarding."""

    purpose: str
    protocol: str
    ip_address_id: IpAddressId | None = None
    network_id: NetworkId | None = None
    start_port: int | None = None
    end_port: int | None = None
    private_start_port: int | None = None
    private_end_port: int | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None
    cidrs: tuple[str, ...] = ()
    vm_id: VmId | None = None


async def create_ip_range(new: NewIpRange, cloud: Cloud) -> IpRange:
    cidr = a_network(new.gateway, new.netmask)
    first = an_address_in("startip", new.start_ip, cidr)
    last = an_address_in("endip", new.end_ip or new.start_ip, cidr)
    if not 0 <= int(last) - int(first) < ADDRESSES_MAX:
        raise InvalidParameter("endip", f"{first} to {last} is no range of 1 to {ADDRESSES_MAX} addresses")
    made = IpRange(
        id=IpRangeId(cloud.rng.uuid()),
        zone_id=new.zone_id,
        start_ip=str(first),
        end_ip=str(last),
        created=await cloud.store.now(),
        physical_network_id=new.physical_network_id,
        network_id=new.network_id,
        pod_id=new.pod_id,
        vlan=new.vlan,
        gateway=new.gateway,
        netmask=new.netmask,
        for_virtual_network=new.for_virtual_network,
        account_id=new.owner.id if new.owner else None,
        domain_id=new.owner.domain_id if new.owner else None,
    )
    async with cloud.store.transaction() as store:
        for other in await store.ip_ranges.find(eq("zone_id", new.zone_id), eq("vlan", new.vlan)):
            if IPv4Address(other.start_ip) <= last and first <= IPv4Address(other.end_ip):
                raise InvalidParameter("startip", f"it overlaps the range {other.start_ip} to {other.end_ip}")
        return await store.ip_ranges.add(made)


async def delete_ip_range(range_: IpRange, cloud: Cloud) -> None:
    async with cloud.store.transaction() as store:
        given = await store.ip_addresses.count(eq("range_id", range_.id))
        if given:
            raise ResourceInUse(f"{given} addresses of the range {range_.start_ip} to {range_.end_ip} are in use")
        await store.ip_ranges.remove(range_.id)


async def acquire_address(zone_id: ZoneId, network_id: NetworkId | None, owner: Account, cloud: Cloud) -> IpAddress:
    await check_limits(owner, {ResourceType.PUBLIC_IP: 1}, cloud)
    for _ in range(ATTEMPTS_MAX):
        try:
            return await _acquire_once(zone_id, network_id, owner, cloud)
        except Conflict:
            continue  # somebody took it in the same moment
    raise InsufficientCapacity("Too many addresses are acquired at once; try again")


async def release_address(address: IpAddress, cloud: Cloud) -> None:
    """With what was let through to it."""
    async with cloud.store.transaction() as store:
        for rule in await store.firewall_rules.find(eq("ip_address_id", address.id)):
            await store.firewall_rules.remove(rule.id)
        await store.ip_addresses.remove(address.id)


async def create_rule(new: NewRule, owner: Account, cloud: Cloud) -> FirewallRule:
    protocol = one_of("protocol", new.protocol, PROTOCOLS)
    start, end = _ports("startport", new.start_port, new.end_port, protocol)
    return await cloud.store.firewall_rules.add(
        FirewallRule(
            id=FirewallRuleId(cloud.rng.uuid()),
            purpose=new.purpose,
            account_id=owner.id,
            domain_id=owner.domain_id,
            created=await cloud.store.now(),
            ip_address_id=new.ip_address_id,
            network_id=new.network_id,
            protocol=protocol,
            start_port=start,
            end_port=end,
            private_start_port=new.private_start_port,
            private_end_port=new.private_end_port or new.private_start_port,
            icmp_type=new.icmp_type,
            icmp_code=new.icmp_code,
            cidrs=tuple(_a_cidr(each) for each in new.cidrs),
            vm_id=new.vm_id,
        )
    )


async def _acquire_once(zone_id: ZoneId, network_id: NetworkId | None, owner: Account, cloud: Cloud) -> IpAddress:
    async with cloud.store.transaction() as store:
        range_, address = await _a_free_address(zone_id, store)
        return await store.ip_addresses.add(
            IpAddress(
                id=IpAddressId(cloud.rng.uuid()),
                space=range_.id,
                address=address,
                zone_id=zone_id,
                account_id=owner.id,
                domain_id=owner.domain_id,
                created=await store.now(),
                range_id=range_.id,
                network_id=network_id,
                is_public=True,
            )
        )


async def _a_free_address(zone_id: ZoneId, store: Store) -> tuple[IpRange, str]:
    ranges = await store.ip_ranges.find(eq("zone_id", zone_id), eq("for_virtual_network", True))
    for range_ in ranges:
        taken = {address.address for address in await store.ip_addresses.find(eq("space", range_.id))}
        for number in range(int(IPv4Address(range_.start_ip)), int(IPv4Address(range_.end_ip)) + 1):
            if (address := str(IPv4Address(number))) not in taken:
                return range_, address
    raise InsufficientCapacity(f"None of the {len(ranges)} public IP ranges of that zone has a free address")


def _ports(field: str, start: int | None, end: int | None, protocol: str) -> tuple[int | None, int | None]:
    if protocol not in ("tcp", "udp"):
        return None, None
    if start is None:
        return None, None
    first = a_number(field, start, least=1, most=65535)
    last = a_number("endport", end if end is not None else first, least=first, most=65535)
    return first, last


def _a_cidr(text: str) -> str:
    try:
        return str(IPv4Network(text, strict=False))
    except ValueError:
        raise InvalidParameter("cidrlist", f"{text!r} is no IPv4 network") from None
