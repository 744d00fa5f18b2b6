"""deployVirtualMachine: the one command that says everything at once, and in CloudStack's ways says it twice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from mainstay_controller.api.access import USERS, Caller, may_use, owner_named
from mainstay_controller.api.answers import Accepted, accepted_to_create
from mainstay_controller.api.errors import not_permitted
from mainstay_controller.api.parameters import Length
from mainstay_controller.api.placing import wish_of
from mainstay_controller.api.registry import command, job_of
from mainstay_controller.api.views import virtual_machines as views
from mainstay_controller.domain.ids import (
    AffinityGroupId,
    ClusterId,
    DiskOfferingId,
    DomainId,
    HostId,
    NetworkId,
    OfferingId,
    PodId,
    ProjectId,
    TemplateId,
    UserDataId,
    ZoneId,
)
from mainstay_controller.domain.placement.request import Purpose
from mainstay_controller.domain.records import Account
from mainstay_controller.domain.resource_types import ResourceType
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter
from mainstay_controller.operations.offerings.disk_offerings import GIB
from mainstay_controller.operations.resource_limits import check_limits
from mainstay_controller.operations.vms import deploy_vm
from mainstay_controller.operations.vms.key_pairs import key_pairs_named
from mainstay_controller.operations.vms.user_data import NOTHING, Asked, told_by
from mainstay_controller.store.port import eq


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployVirtualMachine:
    zone_id: Annotated[ZoneId, "the ID of the zone"]
    service_offering_id: Annotated[OfferingId, "the ID of the service offering"]
    template_id: Annotated[TemplateId, "the ID of the template, or of an ISO to boot from"]
    name: Annotated[str, "the host name of the virtual machine"] = ""
    display_name: Annotated[str, "the name shown for it"] = ""
    hypervisor: Annotated[str, "the hypervisor it is for"] = ""
    start_vm: Annotated[bool, "start it at once"] = True
    host_id: Annotated[HostId | None, "start it on this host; root administrators only"] = None
    cluster_id: Annotated[ClusterId | None, "start it in this cluster; root administrators only"] = None
    pod_id: Annotated[PodId | None, "start it in this pod; root administrators only"] = None
    account: Annotated[str | None, "deploy it for this account, with domainid; administrators only"] = None
    domain_id: Annotated[DomainId | None, "the domain of the account"] = None
    project_id: Annotated[ProjectId | None, "deploy it for this project"] = None
    network_ids: Annotated[tuple[NetworkId, ...], "the IDs of its networks, the default one first"] = ()
    ip_to_network_list: Annotated[
        tuple[dict[str, str], ...], "its networks with its addresses, instead: iptonetworklist[0].networkid, .ip"
    ] = ()
    ip_address: Annotated[str, "the address it is given in the first network"] = ""
    root_disk_size: Annotated[int | None, "the size of the root disk in GiB"] = None
    disk_offering_id: Annotated[
        DiskOfferingId | None, "the ID of the disk offering of a data disk; of the root disk with an ISO"
    ] = None
    size: Annotated[int | None, "the size of a data disk in GiB, where its offering has none"] = None
    user_data: Annotated[str | None, "user data, in Base64", Length(32768)] = None
    user_data_id: Annotated[UserDataId | None, "the ID of registered user data, instead"] = None
    user_data_details: Annotated[dict[str, str] | None, "values of the variables in it", Length(4096)] = None
    key_pair: Annotated[str, "the name of an SSH key pair"] = ""
    key_pairs: Annotated[tuple[str, ...], "the names of SSH key pairs, where it is to have several"] = ()
    group: Annotated[str, "the group it is shown in"] = ""
    affinity_group_ids: Annotated[tuple[AffinityGroupId, ...], "the IDs of affinity groups"] = ()
    affinity_group_names: Annotated[tuple[str, ...], "the names of affinity groups, instead"] = ()
    details: Annotated[dict[str, str] | None, "details", Length(4096)] = None


@command("deployVirtualMachine", roles=USERS, job=job_of(deploy_vm.work, views.virtual_machines_with_passwords))
async def deploy_virtual_machine(request: DeployVirtualMachine, caller: Caller, cloud: Cloud) -> Accepted:
    """Creates a virtual machine and, unless told otherwise, starts it."""
    wish = wish_of(caller, request.pod_id, request.cluster_id, request.host_id)
    owner = await owner_named(caller, request.account, request.domain_id, cloud.store, project_id=request.project_id)
    offering = await cloud.store.service_offerings.by_id(request.service_offering_id)
    disk = await _data_disk(request, cloud)
    size = {ResourceType.INSTANCE: 1, ResourceType.CPU: offering.cpus, ResourceType.MEMORY: offering.memory_mib}
    await check_limits(owner, size | await _disks(request, disk, cloud), cloud)
    asked = Asked(content=request.user_data, data_id=request.user_data_id, details=request.user_data_details or {})
    told = await told_by(asked, await cloud.store.templates.by_id(request.template_id), cloud) or NOTHING
    job = await deploy_vm.begin(
        deploy_vm.NewVm(
            zone_id=request.zone_id,
            service_offering_id=request.service_offering_id,
            template_id=request.template_id,
            account_id=owner.id,
            domain_id=owner.domain_id,
            name=request.name,
            display_name=request.display_name,
            hypervisor=request.hypervisor,
            wish=replace(wish, purpose=Purpose.DEPLOY),
            start=request.start_vm,
            ip=request.ip_address,
            network_ids=await _networks(request, caller, cloud),
            ips=_addresses(request),
            root_disk_gib=request.root_disk_size,
            data_disk_gib=disk,
            data_disk_offering_id=request.disk_offering_id,
            user_data=told.content,
            user_data_id=told.id,
            user_data_details=told.details,
            key_pairs=await key_pairs_named((request.key_pair, *request.key_pairs), owner, cloud, "keypair"),
            group=request.group,
            affinity_group_ids=await _groups(request, owner, cloud),
            details=request.details or {},
        ),
        caller.asker,
        cloud,
    )
    return accepted_to_create(job)


async def _data_disk(request: DeployVirtualMachine, cloud: Cloud) -> int | None:
    """Its size in GiB: the offering's, or what is said."""
    if request.disk_offering_id is None:
        return request.size
    offering = await cloud.store.disk_offerings.by_id(request.disk_offering_id)
    if not offering.is_customized:
        return offering.size_bytes // GIB
    if request.size is None:
        raise InvalidParameter("size", f"disk offering {offering.name} leaves it to you")
    return request.size


async def _disks(request: DeployVirtualMachine, data_gib: int | None, cloud: Cloud) -> dict[ResourceType, int]:
    """What it takes of its owner's; with an ISO the one disk is of the offering."""
    template = await cloud.store.templates.by_id(request.template_id)
    if template.is_iso:
        return {ResourceType.VOLUME: 1, ResourceType.PRIMARY_STORAGE: data_gib or 0}
    root_gib = request.root_disk_size or template.size_bytes // GIB
    number = 1 if data_gib is None else 2
    return {ResourceType.VOLUME: number, ResourceType.PRIMARY_STORAGE: root_gib + (data_gib or 0)}


async def _networks(request: DeployVirtualMachine, caller: Caller, cloud: Cloud) -> tuple[NetworkId, ...]:
    """Those named in a list of maps are judged here: the gate sees only text in it."""
    if not request.ip_to_network_list:
        return request.network_ids
    if request.network_ids or request.ip_address:
        raise InvalidParameter("iptonetworklist", "name networks there, or by networkids and ipaddress")
    if not all("networkid" in each for each in request.ip_to_network_list):
        raise InvalidParameter("iptonetworklist", "each is iptonetworklist[N].networkid and, if it matters, .ip")
    named = tuple(NetworkId(each["networkid"]) for each in request.ip_to_network_list)
    for network_id in named:
        network = await cloud.store.networks.get(network_id)
        if network is None or network.removed is not None:
            raise InvalidParameter("iptonetworklist", f"there is no network {network_id}")
        if not await may_use(caller, network, cloud.store):
            raise not_permitted(caller.account.name)
    return named


def _addresses(request: DeployVirtualMachine) -> dict[NetworkId, str]:
    return {NetworkId(each["networkid"]): each["ip"] for each in request.ip_to_network_list if each.get("ip")}


async def _groups(request: DeployVirtualMachine, owner: Account, cloud: Cloud) -> tuple[AffinityGroupId, ...]:
    found = list(request.affinity_group_ids)
    for name in request.affinity_group_names:
        groups = await cloud.store.affinity_groups.find(eq("account_id", owner.id), eq("name", name), limit=1)
        if not groups:
            raise InvalidParameter("affinitygroupnames", f"there is no affinity group {name} in account {owner.name}")
        found.append(groups[0].id)
    return tuple(dict.fromkeys(found))


COMMANDS = (deploy_virtual_machine,)
