"""Public addresses, and what is let through to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mainstay_controller.api.access import EVERYBODY, USERS, Caller, owner_named
from mainstay_controller.api.answers import Success
from mainstay_controller.api.instant import instant_job
from mainstay_controller.api.listing import ScopedListing, listing
from mainstay_controller.api.parameters import AllAre, Between, Filter, NothingHas
from mainstay_controller.api.views import networks as views
from mainstay_controller.api.views import one
from mainstay_controller.domain.ids import (
    DomainId,
    FirewallRuleId,
    IpAddressId,
    IpRangeId,
    NetworkId,
    PhysicalNetworkId,
    VmId,
    ZoneId,
)
from mainstay_controller.domain.records import FirewallRule
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter
from mainstay_controller.operations.networking import public_addresses
from mainstay_controller.store.port import Where, any_of, eq

Port = Between(1, 65535)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPublicIpAddresses(ScopedListing):
    """Lists public addresses that were given out."""

    id: Annotated[IpAddressId | None, "the ID of the address", Filter()] = None
    ip_address: Annotated[str | None, "the address", Filter("address")] = None
    zone_id: Annotated[ZoneId | None, "the ID of the zone", Filter()] = None
    associated_network_id: Annotated[NetworkId | None, "the network it belongs to", Filter("network_id")] = None
    is_source_nat: Annotated[bool | None, "whether it is a source NAT address", Filter()] = None
    vlan_id: Annotated[IpRangeId | None, "the range it is of", Filter("range_id")] = None
    physical_network_id: Annotated[PhysicalNetworkId | None, "the physical network it is on"] = None
    network_id: Annotated[NetworkId | None, "the network its range belongs to"] = None
    state: Annotated[str | None, "the state of the address: those given out are Allocated", Filter()] = None
    is_static_nat: Annotated[bool | None, "whether it is one VM's as a whole: none is", AllAre(value=False)] = None
    for_virtual_network: Annotated[bool | None, "whether it is public: all are", AllAre(value=True)] = None
    for_load_balancing: Annotated[bool | None, "whether it balances loads: none does", AllAre(value=False)] = None
    for_system_vms: Annotated[bool | None, "whether it is kept for system VMs: none is", AllAre(value=False)] = None
    vpc_id: Annotated[str | None, "a VPC: there is none", NothingHas()] = None
    for_display: Annotated[bool | None, "whether it is shown: all are", AllAre(value=True)] = None
    allocated_only: Annotated[bool, "taken for true: an address that is free has no row"] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociateIpAddress:
    zone_id: Annotated[ZoneId | None, "the ID of the zone"] = None
    network_id: Annotated[NetworkId | None, "the network it is for"] = None
    account: Annotated[str | None, "for this account, with domainid; administrators only"] = None
    domain_id: Annotated[DomainId | None, "the domain of the account"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DisassociateIpAddress:
    id: Annotated[IpAddressId, "the ID of the address"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFirewallRules(ScopedListing):
    """Lists what is let in to public addresses."""

    id: Annotated[FirewallRuleId | None, "the ID of the rule", Filter()] = None
    ip_address_id: Annotated[IpAddressId | None, "the ID of the address", Filter()] = None
    network_id: Annotated[NetworkId | None, "the ID of the network", Filter()] = None
    for_display: Annotated[bool | None, "whether it is shown: all are", AllAre(value=True)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListEgressFirewallRules(ListFirewallRules):
    """Lists what is let out of networks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPortForwardingRules(ListFirewallRules):
    """Lists ports that are forwarded to virtual machines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortsAndNetworks:
    protocol: Annotated[str, "tcp, udp, icmp or all"]
    start_port: Annotated[int | None, "the first port", Port] = None
    end_port: Annotated[int | None, "the last port", Port] = None
    icmp_type: Annotated[int | None, "the ICMP type", Between(-1, 255)] = None
    icmp_code: Annotated[int | None, "the ICMP code", Between(-1, 255)] = None
    cidr_list: Annotated[tuple[str, ...], "the networks it is for"] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateFirewallRule(PortsAndNetworks):
    ip_address_id: Annotated[IpAddressId, "the ID of the address"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateEgressFirewallRule(PortsAndNetworks):
    network_id: Annotated[NetworkId, "the ID of the network"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatePortForwardingRule:
    ip_address_id: Annotated[IpAddressId, "the ID of the address"]
    protocol: Annotated[str, "tcp or udp"]
    public_port: Annotated[int, "the first public port", Port]
    private_port: Annotated[int, "the first port of the virtual machine", Port]
    virtual_machine_id: Annotated[VmId, "the ID of the virtual machine"]
    public_end_port: Annotated[int | None, "the last public port", Port] = None
    private_end_port: Annotated[int | None, "the last port of the virtual machine", Port] = None
    cidr_list: Annotated[tuple[str, ...], "the networks it is for"] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteRule:
    id: Annotated[FirewallRuleId, "the ID of the rule"]


async def _of_ranges(request: ListPublicIpAddresses, _caller: Caller, cloud: Cloud) -> list[Where]:
    """Addresses whose range is on that physical network, or of that network."""
    asked = {"physical_network_id": request.physical_network_id, "network_id": request.network_id}
    named = [eq(field, value) for field, value in asked.items() if value is not None]
    if not named:
        return []
    return [any_of("range_id", [each.id for each in await cloud.store.ip_ranges.find(*named)])]


list_addresses = listing(
    "listPublicIpAddresses",
    request=ListPublicIpAddresses,
    rows=lambda store: store.ip_addresses,
    view=views.public_addresses,
    roles=EVERYBODY,
    keyword=("address",),
    order_by="address",
    fixed=(eq("is_public", True),),
    where=_of_ranges,
)

list_firewall_rules = listing(
    "listFirewallRules",
    request=ListFirewallRules,
    rows=lambda store: store.firewall_rules,
    view=views.firewall_rules,
    roles=EVERYBODY,
    keyword=("protocol",),
    order_by="created",
    fixed=(eq("purpose", "Firewall"),),
)

list_egress_rules = listing(
    "listEgressFirewallRules",
    request=ListEgressFirewallRules,
    rows=lambda store: store.firewall_rules,
    view=views.firewall_rules,
    roles=EVERYBODY,
    keyword=("protocol",),
    order_by="created",
    fixed=(eq("purpose", "Egress"),),
)

list_port_forwarding_rules = listing(
    "listPortForwardingRules",
    request=ListPortForwardingRules,
    rows=lambda store: store.firewall_rules,
    view=views.port_forwarding_rules,
    roles=EVERYBODY,
    keyword=("protocol",),
    order_by="created",
    fixed=(eq("purpose", "PortForwarding"),),
)


@instant_job("associateIpAddress", roles=USERS, creates=True)
async def associate(request: AssociateIpAddress, caller: Caller, cloud: Cloud) -> views.PublicAddressView:
    """Acquires a public address."""
    network = await cloud.store.networks.by_id(request.network_id) if request.network_id else None
    zone_id = network.zone_id if network else request.zone_id
    if zone_id is None:
        raise InvalidParameter("zoneid", "name the zone, or the network")
    owner = await owner_named(caller, request.account, request.domain_id, cloud.store)
    address = await public_addresses.acquire_address(zone_id, request.network_id, owner, cloud)
    return await one(views.public_addresses, address, caller, cloud)


@instant_job("disassociateIpAddress", roles=USERS)
async def disassociate(request: DisassociateIpAddress, _caller: Caller, cloud: Cloud) -> Success:
    """Gives a public address back, and with it what was let through to it."""
    await public_addresses.release_address(await cloud.store.ip_addresses.by_id(request.id), cloud)
    return Success()


@instant_job("createFirewallRule", roles=USERS, creates=True)
async def create_firewall_rule(request: CreateFirewallRule, caller: Caller, cloud: Cloud) -> views.FirewallRuleView:
    """Lets ports in to a public address."""
    address = await cloud.store.ip_addresses.by_id(request.ip_address_id)
    new = _rule("Firewall", request, ip_address_id=address.id, network_id=address.network_id)
    owner = await cloud.store.accounts.by_id(address.account_id)
    return await one(views.firewall_rules, await public_addresses.create_rule(new, owner, cloud), caller, cloud)


@instant_job("createEgressFirewallRule", roles=USERS, creates=True)
async def create_egress_rule(request: CreateEgressFirewallRule, caller: Caller, cloud: Cloud) -> views.FirewallRuleView:
    """Lets ports out of a network."""
    network = await cloud.store.networks.by_id(request.network_id)
    new = _rule("Egress", request, ip_address_id=None, network_id=network.id)
    owner = await cloud.store.accounts.by_id(network.account_id)
    return await one(views.firewall_rules, await public_addresses.create_rule(new, owner, cloud), caller, cloud)


@instant_job("createPortForwardingRule", roles=USERS, creates=True)
async def create_port_forwarding_rule(
    request: CreatePortForwardingRule, caller: Caller, cloud: Cloud
) -> views.PortForwardingRuleView:
    """Forwards ports of a public address to a virtual machine."""
    address = await cloud.store.ip_addresses.by_id(request.ip_address_id)
    new = public_addresses.NewRule(
        purpose="PortForwarding",
        protocol=request.protocol,
        ip_address_id=address.id,
        network_id=address.network_id,
        start_port=request.public_port,
        end_port=request.public_end_port,
        private_start_port=request.private_port,
        private_end_port=request.private_end_port,
        cidrs=request.cidr_list,
        vm_id=request.virtual_machine_id,
    )
    owner = await cloud.store.accounts.by_id(address.account_id)
    rule = await public_addresses.create_rule(new, owner, cloud)
    return await one(views.port_forwarding_rules, rule, caller, cloud)


@instant_job("deleteFirewallRule", roles=USERS)
async def delete_firewall_rule(request: DeleteRule, _caller: Caller, cloud: Cloud) -> Success:
    """Deletes what was let in."""
    return await _delete("Firewall", request, cloud)


@instant_job("deleteEgressFirewallRule", roles=USERS)
async def delete_egress_rule(request: DeleteRule, _caller: Caller, cloud: Cloud) -> Success:
    """Deletes what was let out."""
    return await _delete("Egress", request, cloud)


@instant_job("deletePortForwardingRule", roles=USERS)
async def delete_port_forwarding_rule(request: DeleteRule, _caller: Caller, cloud: Cloud) -> Success:
    """Forwards ports no more."""
    return await _delete("PortForwarding", request, cloud)


async def _delete(purpose: str, request: DeleteRule, cloud: Cloud) -> Success:
    rule: FirewallRule = await cloud.store.firewall_rules.by_id(request.id)
    if rule.purpose != purpose:
        raise InvalidParameter("id", f"that is a rule of another kind: {rule.purpose}")
    await cloud.store.firewall_rules.remove(rule.id)
    return Success()


def _rule(
    purpose: str, request: PortsAndNetworks, *, ip_address_id: IpAddressId | None, network_id: NetworkId | None
) -> public_addresses.NewRule:
    return public_addresses.NewRule(
        purpose=purpose,
        protocol=request.protocol,
        ip_address_id=ip_address_id,
        network_id=network_id,
        start_port=request.start_port,
        end_port=request.end_port,
        icmp_type=request.icmp_type,
        icmp_code=request.icmp_code,
        cidrs=request.cidr_list,
    )


COMMANDS = (
    list_addresses,
    associate,
    disassociate,
    list_firewall_rules,
    create_firewall_rule,
    delete_firewall_rule,
    list_egress_rules,
    create_egress_rule,
    delete_egress_rule,
    list_port_forwarding_rules,
    create_port_forwarding_rule,
    delete_port_forwarding_rule,
)
