"""Networks, and what they stand on, as clients see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, TypeVar

from mainstay_controller.api.access import Caller
from mainstay_controller.api.views.related import by_ids, names_of
from mainstay_controller.domain.records import (
    FirewallRule,
    IpAddress,
    IpRange,
    Network,
    NetworkOffering,
    PhysicalNetwork,
    SecurityGroup,
    ServiceProvider,
    TrafficType,
)
from mainstay_controller.operations.cloud import Cloud


@dataclass(frozen=True, slots=True, kw_only=True)
class PhysicalNetworkView:
    wire_key: ClassVar[str] = "physicalnetwork"

    id: str
    name: str
    zone_id: str
    zone_name: str | None
    state: str
    vlan: str | None
    network_speed: str | None
    broadcast_domain_range: str
    isolation_methods: str
    tags: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficTypeView:
    wire_key: ClassVar[str] = "traffictype"

    id: str
    physical_network_id: str
    traffic_type: str
    kvm_network_label: str | None
    xen_network_label: str | None
    vmware_network_label: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceProviderView:
    wire_key: ClassVar[str] = "networkserviceprovider"

    id: str
    name: str
    physical_network_id: str
    state: str
    service_list: tuple[str, ...]
    can_enable_individual_service: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualRouterElementView:
    wire_key: ClassVar[str] = "virtualrouterelement"

    id: str
    nsp_id: str
    enabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NameView:
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceView:
    name: str
    provider: tuple[NameView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkOfferingView:
    wire_key: ClassVar[str] = "networkoffering"

    id: str
    name: str
    display_text: str
    created: datetime
    traffic_type: str
    guest_ip_type: str
    availability: str
    state: str
    is_default: bool
    specify_vlan: bool
    specify_ip_ranges: bool
    conserve_mode: bool
    is_persistent: bool
    egress_default_policy: bool
    for_vpc: bool
    tags: str
    domain_id: str | None
    zone_id: str | None
    service: tuple[ServiceView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkView:
    wire_key: ClassVar[str] = "network"

    id: str
    name: str
    display_text: str
    created: datetime
    state: str
    type: str
    traffic_type: str
    acl_type: str
    account: str | None
    domain_id: str
    domain: str | None
    zone_id: str
    zone_name: str | None
    physical_network_id: str | None
    network_offering_id: str
    network_offering_name: str | None
    network_offering_display_text: str | None
    network_offering_availability: str | None
    network_offering_conserve_mode: bool | None
    cidr: str | None
    gateway: str | None
    netmask: str | None
    vlan: str | None
    broadcast_domain_type: str
    broadcast_uri: str | None
    dns1: str | None
    dns2: str | None
    network_domain: str | None
    is_default: bool
    is_persistent: bool
    is_system: bool
    specify_ip_ranges: bool
    specify_vlan: bool
    can_use_for_deploy: bool
    restart_required: bool
    display_network: bool
    redundant_router: bool
    related: str
    service: tuple[ServiceView, ...]
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IpRangeView:
    wire_key: ClassVar[str] = "vlaniprange"

    id: str
    zone_id: str
    pod_id: str | None
    network_id: str | None
    physical_network_id: str | None
    vlan: str
    gateway: str
    netmask: str
    start_ip: str
    end_ip: str
    for_virtual_network: bool
    account: str | None
    domain_id: str | None
    domain: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewIpRangeView(IpRangeView):
    """CloudStack calls the same thing otherwise when it is new."""

    wire_key: ClassVar[str] = "vlan"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicAddressView:
    wire_key: ClassVar[str] = "publicipaddress"

    id: str
    ip_address: str
    allocated: datetime
    state: str
    account: str | None
    domain_id: str
    domain: str | None
    zone_id: str
    zone_name: str | None
    associated_network_id: str | None
    associated_network_name: str | None
    virtual_machine_id: str | None
    vlan_id: str | None
    is_source_nat: bool
    is_static_nat: bool
    is_system: bool
    for_virtual_network: bool
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FirewallRuleView:
    wire_key: ClassVar[str] = "firewallrule"

    id: str
    protocol: str
    start_port: int | None
    end_port: int | None
    icmp_type: int | None
    icmp_code: int | None
    cidr_list: str
    ip_address_id: str | None
    ip_address: str | None
    network_id: str | None
    state: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PortForwardingRuleView:
    wire_key: ClassVar[str] = "portforwardingrule"

    id: str
    protocol: str
    public_port: str
    public_end_port: str
    private_port: str
    private_end_port: str
    ip_address_id: str | None
    ip_address: str | None
    network_id: str | None
    virtual_machine_id: str | None
    virtual_machine_name: str | None
    cidr_list: str
    state: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityGroupView:
    wire_key: ClassVar[str] = "securitygroup"

    id: str
    name: str
    description: str
    account: str | None
    domain_id: str
    domain: str | None
    ingress_rule: tuple[str, ...] = ()
    egress_rule: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


RangeView = TypeVar("RangeView", bound=IpRangeView)


async def physical_networks(
    records: Sequence[PhysicalNetwork], _caller: Caller, cloud: Cloud
) -> list[PhysicalNetworkView]:
    zones = await names_of(cloud.store.zones, (network.zone_id for network in records))
    return [
        PhysicalNetworkView(
            id=network.id,
            name=network.name,
            zone_id=network.zone_id,
            zone_name=zones.get(network.zone_id),
            state=network.state,
            vlan=network.vlan or None,
            network_speed=network.speed or None,
            broadcast_domain_range=network.broadcast_domain_range,
            isolation_methods=",".join(network.isolation_methods),
            tags=",".join(network.tags),
        )
        for network in records
    ]


async def traffic_types(records: Sequence[TrafficType], _caller: Caller, _cloud: Cloud) -> list[TrafficTypeView]:
    return [
        TrafficTypeView(
            id=traffic.id,
            physical_network_id=traffic.physical_network_id,
            traffic_type=traffic.traffic_type,
            kvm_network_label=traffic.labels.get("kvm"),
            xen_network_label=traffic.labels.get("xen"),
            vmware_network_label=traffic.labels.get("vmware"),
        )
        for traffic in records
    ]


async def service_providers(
    records: Sequence[ServiceProvider], _caller: Caller, _cloud: Cloud
) -> list[ServiceProviderView]:
    return [
        ServiceProviderView(
            id=provider.id,
            name=provider.name,
            physical_network_id=provider.physical_network_id,
            state=provider.state,
            service_list=provider.services,
            can_enable_individual_service=True,
        )
        for provider in records
    ]


async def virtual_router_elements(
    records: Sequence[ServiceProvider], _caller: Caller, _cloud: Cloud
) -> list[VirtualRouterElementView]:
    """The element of a provider is the provider."""
    return [
        VirtualRouterElementView(id=provider.id, nsp_id=provider.id, enabled=provider.state == "Enabled")
        for provider in records
    ]


async def network_offerings(
    records: Sequence[NetworkOffering], _caller: Caller, _cloud: Cloud
) -> list[NetworkOfferingView]:
    return [
        NetworkOfferingView(
            id=offering.id,
            name=offering.name,
            display_text=offering.display_text,
            created=offering.created,
            traffic_type=offering.traffic_type,
            guest_ip_type=offering.guest_type,
            availability=offering.availability,
            state=offering.state,
            is_default=offering.is_default,
            specify_vlan=offering.specify_vlan,
            specify_ip_ranges=offering.specify_ip_ranges,
            conserve_mode=offering.conserve_mode,
            is_persistent=offering.is_persistent,
            egress_default_policy=offering.egress_default_allow,
            for_vpc=False,
            tags=",".join(offering.tags),
            domain_id=",".join(offering.domain_ids) or None,
            zone_id=",".join(offering.zone_ids) or None,
            service=_services(offering),
        )
        for offering in records
    ]


async def networks(records: Sequence[Network], _caller: Caller, cloud: Cloud) -> list[NetworkView]:
    store = cloud.store
    accounts = await names_of(store.accounts, (network.account_id for network in records))
    domains = await names_of(store.domains, (network.domain_id for network in records))
    zones = await names_of(store.zones, (network.zone_id for network in records))
    offerings = await by_ids(store.network_offerings, (network.offering_id for network in records))
    return [
        _network(
            network,
            offerings.get(network.offering_id),
            accounts.get(network.account_id),
            domains.get(network.domain_id),
            zones.get(network.zone_id),
        )
        for network in records
    ]


def _network(
    network: Network, offering: NetworkOffering | None, account: str | None, domain: str | None, zone: str | None
) -> NetworkView:
    return NetworkView(
        id=network.id,
        name=network.name,
        display_text=network.display_text,
        created=network.created,
        state=network.state,
        type=network.guest_type,
        traffic_type=network.traffic_type,
        acl_type=network.acl_type,
        account=account,
        domain_id=network.domain_id,
        domain=domain,
        zone_id=network.zone_id,
        zone_name=zone,
        physical_network_id=network.physical_network_id,
        network_offering_id=network.offering_id,
        network_offering_name=offering.name if offering else None,
        network_offering_display_text=offering.display_text if offering else None,
        network_offering_availability=offering.availability if offering else None,
        network_offering_conserve_mode=offering.conserve_mode if offering else None,
        cidr=network.cidr or None,
        gateway=network.gateway or None,
        netmask=network.netmask or None,
        vlan=network.vlan or None,
        broadcast_domain_type="Vlan",
        broadcast_uri=f"vlan://{network.vlan}" if network.vlan else None,
        dns1=network.dns1 or None,
        dns2=network.dns2 or None,
        network_domain=network.network_domain or None,
        is_default=False,
        is_persistent=offering.is_persistent if offering else False,
        is_system=network.is_system,
        specify_ip_ranges=offering.specify_ip_ranges if offering else False,
        specify_vlan=offering.specify_vlan if offering else False,
        can_use_for_deploy=True,
        restart_required=False,
        display_network=True,
        redundant_router=False,
        related=network.id,
        service=_services(offering) if offering else (),
    )


async def ip_ranges(records: Sequence[IpRange], _caller: Caller, cloud: Cloud) -> list[IpRangeView]:
    return await _ranges_shown_as(IpRangeView, records, cloud)


async def new_ip_ranges(records: Sequence[IpRange], _caller: Caller, cloud: Cloud) -> list[NewIpRangeView]:
    return await _ranges_shown_as(NewIpRangeView, records, cloud)


async def public_addresses(records: Sequence[IpAddress], _caller: Caller, cloud: Cloud) -> list[PublicAddressView]:
    accounts = await names_of(cloud.store.accounts, (address.account_id for address in records))
    domains = await names_of(cloud.store.domains, (address.domain_id for address in records))
    zones = await names_of(cloud.store.zones, (address.zone_id for address in records))
    networks = await names_of(cloud.store.networks, (address.network_id for address in records))
    return [
        PublicAddressView(
            id=address.id,
            ip_address=address.address,
            allocated=address.created,
            state=address.state,
            account=accounts.get(address.account_id),
            domain_id=address.domain_id,
            domain=domains.get(address.domain_id),
            zone_id=address.zone_id,
            zone_name=zones.get(address.zone_id),
            associated_network_id=address.network_id,
            associated_network_name=networks.get(address.network_id),
            virtual_machine_id=address.vm_id,
            vlan_id=address.range_id,
            is_source_nat=address.is_source_nat,
            is_static_nat=False,
            is_system=False,
            for_virtual_network=True,
        )
        for address in records
    ]


async def firewall_rules(records: Sequence[FirewallRule], _caller: Caller, cloud: Cloud) -> list[FirewallRuleView]:
    addresses = await by_ids(cloud.store.ip_addresses, (rule.ip_address_id for rule in records))
    return [
        FirewallRuleView(
            id=rule.id,
            protocol=rule.protocol,
            start_port=rule.start_port,
            end_port=rule.end_port,
            icmp_type=rule.icmp_type,
            icmp_code=rule.icmp_code,
            cidr_list=",".join(rule.cidrs),
            ip_address_id=rule.ip_address_id,
            ip_address=address.address if (address := addresses.get(rule.ip_address_id)) else None,
            network_id=rule.network_id,
            state=rule.state,
        )
        for rule in records
    ]


async def port_forwarding_rules(
    records: Sequence[FirewallRule], _caller: Caller, cloud: Cloud
) -> list[PortForwardingRuleView]:
    addresses = await by_ids(cloud.store.ip_addresses, (rule.ip_address_id for rule in records))
    vms = await names_of(cloud.store.vms, (rule.vm_id for rule in records))
    return [
        PortForwardingRuleView(
            id=rule.id,
            protocol=rule.protocol,
            public_port=str(rule.start_port),
            public_end_port=str(rule.end_port),
            private_port=str(rule.private_start_port),
            private_end_port=str(rule.private_end_port),
            ip_address_id=rule.ip_address_id,
            ip_address=address.address if (address := addresses.get(rule.ip_address_id)) else None,
            network_id=rule.network_id,
            virtual_machine_id=rule.vm_id,
            virtual_machine_name=vms.get(rule.vm_id),
            cidr_list=",".join(rule.cidrs),
            state=rule.state,
        )
        for rule in records
    ]


async def security_groups(records: Sequence[SecurityGroup], _caller: Caller, cloud: Cloud) -> list[SecurityGroupView]:
    accounts = await names_of(cloud.store.accounts, (group.account_id for group in records))
    domains = await names_of(cloud.store.domains, (group.domain_id for group in records))
    return [
        SecurityGroupView(
            id=group.id,
            name=group.name,
            description=group.description,
            account=accounts.get(group.account_id),
            domain_id=group.domain_id,
            domain=domains.get(group.domain_id),
        )
        for group in records
    ]


def _services(offering: NetworkOffering) -> tuple[ServiceView, ...]:
    return tuple(
        ServiceView(name=service, provider=(NameView(name=provider),))
        for service, provider in offering.services.items()
    )


async def _ranges_shown_as(kind: type[RangeView], records: Sequence[IpRange], cloud: Cloud) -> list[RangeView]:
    accounts = await names_of(cloud.store.accounts, (range_.account_id for range_ in records))
    domains = await names_of(cloud.store.domains, (range_.domain_id for range_ in records))
    return [
        kind(
            id=range_.id,
            zone_id=range_.zone_id,
            pod_id=range_.pod_id,
            network_id=range_.network_id,
            physical_network_id=range_.physical_network_id,
            vlan=range_.vlan,
            gateway=range_.gateway,
            netmask=range_.netmask,
            start_ip=range_.start_ip,
            end_ip=range_.end_ip,
            for_virtual_network=range_.for_virtual_network,
            account=accounts.get(range_.account_id),
            domain_id=range_.domain_id,
            domain=domains.get(range_.domain_id),
        )
        for range_ in records
    ]
