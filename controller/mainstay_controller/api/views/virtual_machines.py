"""Virtual machines as clients see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from mainstay_controller.api.access import Caller
from mainstay_controller.api.answers import Worked
from mainstay_controller.api.views.groups import TagView, tags_of
from mainstay_controller.api.views.related import by_ids, names_of
from mainstay_controller.domain.records import AffinityGroup, Nic, Template, User, Vm
from mainstay_controller.domain.roles import Role
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.vms.guest_passwords import password_of

Names = Mapping[str | None, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class NicView:
    id: str
    network_id: str | None
    network_name: str | None
    ip_address: str | None
    netmask: str | None
    gateway: str | None
    mac_address: str
    is_default: bool
    traffic_type: str
    type: str
    device_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupOfVmView:
    id: str
    name: str
    type: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VmView(Worked):
    """`stop_reason` and `epoch` are ours: why it does not run, and how often it was ordered to start."""

    wire_key: ClassVar[str] = "virtualmachine"
    secrets: ClassVar[tuple[str, ...]] = ("password",)

    name: str
    display_name: str
    instance_name: str | None
    account: str | None
    user_id: str | None
    username: str | None
    user_data_id: str | None
    user_data_name: str | None
    user_data_details: str | None
    user_data_policy: str | None
    domain_id: str
    domain: str | None
    state: str
    created: datetime
    last_updated: datetime | None
    ha_enable: bool
    zone_id: str
    zone_name: str | None
    host_id: str | None
    host_name: str | None
    template_id: str | None
    template_name: str | None
    template_display_text: str | None
    template_format: str | None
    iso_id: str | None
    iso_name: str | None
    password_enabled: bool
    service_offering_id: str
    service_offering_name: str | None
    cpu_number: int
    cpu_speed: int
    memory: int
    hypervisor: str
    vm_type: str
    ip_address: str | None
    root_device_id: int
    root_device_type: str
    display_vm: bool
    is_dynamically_scalable: bool
    delete_protection: bool
    key_pairs: str | None
    group: str | None
    details: dict[str, str]
    nic: tuple[NicView, ...]
    security_group: tuple[str, ...] = ()
    affinity_group: tuple[GroupOfVmView, ...]
    tags: tuple[TagView, ...]
    stop_reason: str | None
    epoch: int | None
    password: str | None = None
    user_data: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Names:
    zones: Names
    hosts: Names
    offerings: Names
    accounts: Names
    domains: Names
    user_data: Names
    users: Mapping[str | None, User]
    templates: Mapping[str | None, Template]
    groups: Mapping[str | None, AffinityGroup]
    tags: Mapping[str, tuple[TagView, ...]]


async def virtual_machines(records: Sequence[Vm], caller: Caller, cloud: Cloud) -> list[VmView]:
    store = cloud.store
    names = _Names(
        zones=await names_of(store.zones, (vm.zone_id for vm in records)),
        hosts=await names_of(store.hosts, (vm.host_id for vm in records)),
        offerings=await names_of(store.service_offerings, (vm.service_offering_id for vm in records)),
        accounts=await names_of(store.accounts, (vm.account_id for vm in records)),
        domains=await names_of(store.domains, (vm.domain_id for vm in records)),
        users=await by_ids(store.users, (vm.user_id for vm in records)),
        user_data=await names_of(store.user_data, (vm.user_data_id for vm in records)),
        templates=await by_ids(store.templates, (each for vm in records for each in (vm.template_id, vm.iso_id))),
        groups=await by_ids(store.affinity_groups, (group for vm in records for group in vm.affinity_group_ids)),
        tags=await tags_of((vm.id for vm in records), caller, cloud),
    )
    return [_virtual_machine(vm, names, with_host=caller.role is not Role.USER) for vm in records]


async def virtual_machines_with_user_data(records: Sequence[Vm], caller: Caller, cloud: Cloud) -> list[VmView]:
    shown = await virtual_machines(records, caller, cloud)
    return [replace(view, user_data=vm.user_data or None) for view, vm in zip(shown, records, strict=True)]


async def virtual_machines_with_passwords(records: Sequence[Vm], caller: Caller, cloud: Cloud) -> list[VmView]:
    """For the one answer that shows a new password."""
    shown = await virtual_machines(records, caller, cloud)
    return [replace(view, password=password_of(vm, cloud)) for view, vm in zip(shown, records, strict=True)]


def _in_braces(details: Mapping[str, str] | None) -> str | None:
    """As CloudStack shows a map where it has text."""
    return "{" + ", ".join(f"{name}={value}" for name, value in sorted(details.items())) + "}" if details else None


def _virtual_machine(vm: Vm, names: _Names, *, with_host: bool) -> VmView:
    """Which host it runs on is told to administrators only."""
    template, iso = names.templates.get(vm.template_id), names.templates.get(vm.iso_id)
    return VmView(
        id=vm.id,
        name=vm.name,
        display_name=vm.display_name or vm.name,
        instance_name=(vm.instance_name or None) if with_host else None,
        account=names.accounts.get(vm.account_id),
        user_id=vm.user_id,
        username=user.username if (user := names.users.get(vm.user_id)) else None,
        user_data_id=vm.user_data_id,
        user_data_name=names.user_data.get(vm.user_data_id),
        user_data_details=_in_braces(vm.user_data_details),
        user_data_policy=template.user_data_policy if template else None,
        domain_id=vm.domain_id,
        domain=names.domains.get(vm.domain_id),
        state=vm.state,
        created=vm.created,
        last_updated=vm.state_since,
        ha_enable=vm.ha_enabled,
        zone_id=vm.zone_id,
        zone_name=names.zones.get(vm.zone_id),
        host_id=vm.host_id if with_host else None,
        host_name=names.hosts.get(vm.host_id) if with_host else None,
        template_id=vm.template_id,
        template_name=template.name if template else None,
        template_display_text=template.display_text if template else None,
        template_format=template.format if template else None,
        iso_id=vm.iso_id,
        iso_name=iso.name if iso else None,
        password_enabled=template.password_enabled if template else False,
        service_offering_id=vm.service_offering_id,
        service_offering_name=names.offerings.get(vm.service_offering_id),
        cpu_number=vm.cpus,
        cpu_speed=vm.cpu_mhz,
        memory=vm.memory_mib,
        hypervisor=vm.hypervisor,
        vm_type=vm.type,
        ip_address=next((nic.ip for nic in vm.nics if nic.is_default and nic.ip), None),
        root_device_id=0,
        root_device_type="ROOT",
        display_vm=True,
        is_dynamically_scalable=False,
        delete_protection=vm.delete_protection,
        key_pairs=vm.key_pair or None,
        group=vm.group or None,
        details=vm.details,
        nic=tuple(_nic(nic) for nic in vm.nics),
        affinity_group=tuple(_group(names.groups[each]) for each in vm.affinity_group_ids if each in names.groups),
        tags=names.tags.get(vm.id, ()),
        stop_reason=vm.stop_reason or None,
        epoch=vm.epoch if with_host else None,
    )


def _group(group: AffinityGroup) -> GroupOfVmView:
    return GroupOfVmView(id=group.id, name=group.name, type=group.type, description=group.description)


def _nic(nic: Nic) -> NicView:
    return NicView(
        id=nic.id,
        network_id=nic.network_id or None,
        network_name=nic.network_name or None,
        ip_address=nic.ip or None,
        netmask=nic.netmask or None,
        gateway=nic.gateway or None,
        mac_address=nic.mac,
        is_default=nic.is_default,
        traffic_type=nic.traffic_type,
        type=nic.type,
        device_id=str(nic.device_id),
    )
