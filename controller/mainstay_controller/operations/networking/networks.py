"""Guest networks and the addresses in them.

An address that was given out is a row that is unique in its network, so none is given twice, whoever asks at once.  Hosts connect guests by
the bridge that a network names; the router that serves isolated networks is not here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network

from mainstay_controller.domain.ids import (
    AccountId,
    DomainId,
    IpAddressId,
    NetworkId,
    NetworkOfferingId,
    NicId,
    PhysicalNetworkId,
    VmId,
    ZoneId,
)
from mainstay_controller.domain.records import IpAddress, Network, NetworkOffering, Nic, PhysicalNetwork, Vm
from mainstay_controller.operations.changes import with_changes
from mainstay_controller.operations.checks import a_name, a_network, an_address_in, one_of
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InsufficientCapacity, InvalidParameter, ResourceInUse
from mainstay_controller.operations.networking.addresses import a_mac
from mainstay_controller.operations.networking.physical_networks import vlans_of
from mainstay_controller.store.port import LIVE, Store, eq
from mainstay_runtime.clock import Rng

GUEST_CIDR = "10.1.1.0/24"
ACL_TYPES = ("Account", "Domain")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNetwork:
    zone_id: ZoneId
    offering_id: NetworkOfferingId
    account_id: AccountId
    domain_id: DomainId
    name: str
    display_text: str = ""
    physical_network_id: PhysicalNetworkId | None = None
    acl_type: str = ""
    gateway: str = ""
    netmask: str = ""
    start_ip: str = ""
    end_ip: str = ""
    vlan: str = ""
    bridge: str = ""
    network_domain: str = ""
    dns1: str = ""
    dns2: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkChange:
    """What is None stays as it is."""

    name: str | None = None
    display_text: str | None = None
    network_domain: str | None = None
    dns1: str | None = None
    dns2: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressRange:
    cidr: str = ""
    gateway: str = ""
    netmask: str = ""
    start_ip: str = ""
    end_ip: str = ""


async def create_network(new: NewNetwork, cloud: Cloud) -> Network:
    store = cloud.store
    offering = await store.network_offerings.by_id(new.offering_id)
    if offering.state != "Enabled":
        raise InvalidParameter("networkofferingid", f"network offering {offering.name} is {offering.state}")
    physical = await _physical_network(new, store)
    span = await address_range(new, offering, store)
    network = Network(
        id=NetworkId(cloud.rng.uuid()),
        zone_id=new.zone_id,
        offering_id=offering.id,
        account_id=new.account_id,
        domain_id=new.domain_id,
        name=a_name("name", new.name),
        created=await store.now(),
        physical_network_id=physical.id if physical else None,
        display_text=a_name("displaytext", new.display_text or new.name),
        guest_type=offering.guest_type,
        acl_type=one_of("acltype", new.acl_type or _usual_acl(offering), ACL_TYPES),
        cidr=span.cidr,
        gateway=span.gateway,
        netmask=span.netmask,
        start_ip=span.start_ip,
        end_ip=span.end_ip,
        vlan=await _vlan(new, offering, physical, store),
        bridge=new.bridge,
        network_domain=new.network_domain,
        dns1=new.dns1,
        dns2=new.dns2,
    )
    return await store.networks.add(network)


async def update_network(network: Network, change: NetworkChange, cloud: Cloud) -> Network:
    changed = with_changes(network, change, {"name": a_name, "display_text": a_name})
    return await cloud.store.networks.swap(network, changed)


async def delete_network(network: Network, cloud: Cloud) -> None:
    async with cloud.store.transaction() as store:
        users = [vm.name for vm in await store.vms.find(eq("zone_id", network.zone_id), LIVE) if is_in(vm, network)]
        if users:
            raise ResourceInUse(f"Network {network.name} is used by {', '.join(sorted(users))}")
        for address in await store.ip_addresses.find(eq("network_id", network.id)):
            await store.ip_addresses.remove(address.id)
        await store.networks.swap(network, replace(network, removed=await store.now(), state="Destroy"))


async def nic_in(network: Network, vm: Vm, device_id: int, wanted: str, store: Store, rng: Rng) -> Nic:
    """With an address of the network.  In the transaction that writes the VM; Conflict if somebody took it in the same moment."""
    nic_id = NicId(rng.uuid())
    ip = await _take_address(network, vm, nic_id, wanted, store, rng) if network.start_ip else ""
    return Nic(
        id=nic_id,
        mac=a_mac(rng),
        ip=ip,
        netmask=network.netmask,
        gateway=network.gateway,
        network_id=network.id,
        network_name=network.name,
        type=network.guest_type,
        is_default=device_id == 0,
        bridge=network.bridge or None,
        device_id=device_id,
    )


async def release_addresses(vm_id: VmId, store: Store) -> None:
    """Those of a VM that is no more.  In the caller's transaction."""
    for address in await store.ip_addresses.find(eq("vm_id", vm_id), eq("is_public", False)):
        await store.ip_addresses.remove(address.id)


def is_in(vm: Vm, network: Network) -> bool:
    return any(nic.network_id == network.id for nic in vm.nics)


async def address_range(new: NewNetwork, offering: NetworkOffering, store: Store) -> AddressRange:
    """What was said, or for an isolated network the zone's guest CIDR; an L2 network has none."""
    if offering.guest_type == "L2":
        return AddressRange()
    if not new.gateway:
        if offering.guest_type == "Shared":
            raise InvalidParameter("gateway", "a shared network needs gateway, netmask, startip and endip")
        cidr = IPv4Network((await store.zones.by_id(new.zone_id)).guest_cidr or GUEST_CIDR, strict=False)
        return _span(cidr, str(cidr[1]), new)
    return _span(a_network(new.gateway, new.netmask), new.gateway, new)


def _span(cidr: IPv4Network, gateway: str, new: NewNetwork) -> AddressRange:
    hosts = list(cidr.hosts()) if cidr.prefixlen >= 16 else []
    if not hosts:
        raise InvalidParameter("netmask", f"{cidr} is too large for a guest network: at most a /16")
    first = an_address_in("startip", new.start_ip or str(hosts[0]), cidr)
    last = an_address_in("endip", new.end_ip or (new.start_ip or str(hosts[-1])), cidr)
    if last < first:
        raise InvalidParameter("endip", f"{last} lies before startip {first}")
    return AddressRange(
        cidr=str(cidr), gateway=gateway, netmask=str(cidr.netmask), start_ip=str(first), end_ip=str(last)
    )


async def _take_address(network: Network, vm: Vm, nic_id: NicId, wanted: str, store: Store, rng: Rng) -> str:
    taken = {address.address for address in await store.ip_addresses.find(eq("space", network.id))}
    address = _wanted_or_free(network, wanted, taken)
    await store.ip_addresses.add(
        IpAddress(
            id=IpAddressId(rng.uuid()),
            space=network.id,
            address=address,
            zone_id=network.zone_id,
            account_id=vm.account_id,
            domain_id=vm.domain_id,
            created=vm.created,
            network_id=network.id,
            vm_id=vm.id,
            nic_id=nic_id,
        )
    )
    return address


def _wanted_or_free(network: Network, wanted: str, taken: set[str]) -> str:
    if wanted:
        address = str(an_address_in("ipaddress", wanted, IPv4Network(network.cidr)))
        if address in taken or address == network.gateway:
            raise InvalidParameter("ipaddress", f"{address} is taken in network {network.name}")
        return address
    for address in _addresses(network.start_ip, network.end_ip):
        if address not in taken and address != network.gateway:
            return address
    raise InsufficientCapacity(f"All addresses of network {network.name} are taken")


def _addresses(first: str, last: str) -> Iterator[str]:
    for number in range(int(IPv4Address(first)), int(IPv4Address(last)) + 1):
        yield str(IPv4Address(number))


async def _physical_network(new: NewNetwork, store: Store) -> PhysicalNetwork | None:
    """The one that is named, or the zone's only one."""
    if new.physical_network_id is not None:
        return await store.physical_networks.by_id(new.physical_network_id)
    found = await store.physical_networks.find(LIVE, eq("zone_id", new.zone_id))
    return found[0] if len(found) == 1 else None


async def _vlan(new: NewNetwork, offering: NetworkOffering, physical: PhysicalNetwork | None, store: Store) -> str:
    """The one that is named, where the offering has it named, or a free one of the physical network; without a range there is none."""
    if offering.specify_vlan and not new.vlan:
        raise InvalidParameter("vlan", f"offering {offering.name} wants the VLAN to be named")
    if physical is None:
        return new.vlan
    used = {each.vlan for each in await store.networks.find(LIVE, eq("physical_network_id", physical.id))}
    if new.vlan:
        if new.vlan in used:
            raise InvalidParameter(
                "vlan", f"there is a network with VLAN {new.vlan} on physical network {physical.name}"
            )
        return new.vlan
    offered = [str(vlan) for vlan in vlans_of(physical)]
    free = next((vlan for vlan in offered if vlan not in used), None)
    if free is None and offered:
        raise InsufficientCapacity(f"All VLANs of physical network {physical.name} are taken")
    return free or ""


def _usual_acl(offering: NetworkOffering) -> str:
    return "Domain" if offering.guest_type == "Shared" else "Account"
