"""System VMs and routers as clients see them: rows like those of users' machines, in other words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, TypeVar

from mainstay_controller.api.access import Caller
from mainstay_controller.api.answers import Worked
from mainstay_controller.api.views.related import names_of
from mainstay_controller.domain.ids import NicId
from mainstay_controller.domain.records import Nic, Vm
from mainstay_controller.domain.states import HostState
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.store.port import any_of

WIRE_TYPES: Mapping[str, str] = {"ConsoleProxy": "consoleproxy", "SecondaryStorageVm": "secondarystoragevm"}
NO_NIC = Nic(id=NicId(""), mac="")


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineView(Worked):
    """What is told of every machine that serves the cloud: its state, and where it is."""

    name: str
    state: str
    created: datetime
    zone_id: str
    zone_name: str | None
    pod_id: str | None
    pod_name: str | None
    host_id: str | None
    host_name: str | None
    hypervisor: str
    template_id: str | None
    service_offering_id: str
    service_offering_name: str | None
    public_ip: str | None
    gateway: str | None
    link_local_ip: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemVmView(MachineView):
    wire_key: ClassVar[str] = "systemvm"

    system_vm_type: str
    agent_state: str
    public_netmask: str | None
    public_mac_address: str | None
    private_ip: str | None
    private_netmask: str | None
    private_mac_address: str | None
    active_viewer_sessions: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterView(MachineView):
    wire_key: ClassVar[str] = "router"

    role: str = "VIRTUAL_ROUTER"
    account: str | None
    domain_id: str
    domain: str | None
    guest_network_id: str | None
    guest_network_name: str | None
    guest_ip_address: str | None
    guest_netmask: str | None
    is_redundant_router: bool = False
    requires_upgrade: bool = False


M = TypeVar("M", bound=MachineView)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Names:
    zones: Mapping[str | None, str]
    pods: Mapping[str | None, str]
    hosts: Mapping[str | None, str]
    offerings: Mapping[str | None, str]
    accounts: Mapping[str | None, str]
    domains: Mapping[str | None, str]
    up: frozenset[str]


async def system_vms(records: Sequence[Vm], _caller: Caller, cloud: Cloud) -> list[SystemVmView]:
    names = await _names(records, cloud)
    return [_system_vm(vm, names) for vm in records]


async def routers(records: Sequence[Vm], _caller: Caller, cloud: Cloud) -> list[RouterView]:
    names = await _names(records, cloud)
    return [_router(vm, names) for vm in records]


async def _names(records: Sequence[Vm], cloud: Cloud) -> _Names:
    store = cloud.store
    hosts = await store.hosts.find(any_of("id", sorted({vm.host_id for vm in records if vm.host_id})))
    return _Names(
        zones=await names_of(store.zones, (vm.zone_id for vm in records)),
        pods=await names_of(store.pods, (vm.pod_id for vm in records)),
        hosts={host.id: host.name for host in hosts},
        offerings=await names_of(store.service_offerings, (vm.service_offering_id for vm in records)),
        accounts=await names_of(store.accounts, (vm.account_id for vm in records)),
        domains=await names_of(store.domains, (vm.domain_id for vm in records)),
        up=frozenset(host.id for host in hosts if host.state is HostState.UP),
    )


def _machine(kind: Callable[..., M], vm: Vm, names: _Names, **own: object) -> M:
    public, control = _nic(vm, "Public"), _nic(vm, "Control")
    return kind(
        id=vm.id,
        name=vm.name,
        state=vm.state,
        created=vm.created,
        zone_id=vm.zone_id,
        zone_name=names.zones.get(vm.zone_id),
        pod_id=vm.pod_id,
        pod_name=names.pods.get(vm.pod_id),
        host_id=vm.host_id,
        host_name=names.hosts.get(vm.host_id),
        hypervisor=vm.hypervisor,
        template_id=vm.template_id,
        service_offering_id=vm.service_offering_id,
        service_offering_name=names.offerings.get(vm.service_offering_id),
        public_ip=public.ip or None,
        gateway=public.gateway or None,
        link_local_ip=control.ip or None,
        **own,
    )


def _system_vm(vm: Vm, names: _Names) -> SystemVmView:
    public, private = _nic(vm, "Public"), _nic(vm, "Management")
    return _machine(
        SystemVmView,
        vm,
        names,
        system_vm_type=WIRE_TYPES.get(vm.type, vm.type.lower()),
        agent_state="Up" if vm.host_id in names.up and vm.state == "Running" else "Down",
        public_netmask=public.netmask or None,
        public_mac_address=public.mac or None,
        private_ip=private.ip or None,
        private_netmask=private.netmask or None,
        private_mac_address=private.mac or None,
    )


def _router(vm: Vm, names: _Names) -> RouterView:
    guest = _nic(vm, "Guest")
    return _machine(
        RouterView,
        vm,
        names,
        account=names.accounts.get(vm.account_id),
        domain_id=vm.domain_id,
        domain=names.domains.get(vm.domain_id),
        guest_network_id=guest.network_id or None,
        guest_network_name=guest.network_name or None,
        guest_ip_address=guest.ip or None,
        guest_netmask=guest.netmask or None,
    )


def _nic(vm: Vm, traffic: str) -> Nic:
    return next((nic for nic in vm.nics if nic.traffic_type == traffic), NO_NIC)
