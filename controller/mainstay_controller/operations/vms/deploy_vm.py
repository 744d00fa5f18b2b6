"""Deploy a VM: its row, its disks and its NIC with the request; the rest is a start, tried on one host after the other.

What was refused leaves nothing behind.  What could not be started anywhere is left as Error, without its disks and with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from mainstay_controller.domain.capacity.usage import total
from mainstay_controller.domain.ids import (
    AccountId,
    DiskOfferingId,
    DomainId,
    NetworkId,
    OfferingId,
    TemplateId,
    UserDataId,
    VmId,
    VolumeId,
    ZoneId,
)
from mainstay_controller.domain.lifecycle.vm import VmEvent
from mainstay_controller.domain.placement.request import Purpose
from mainstay_controller.domain.records import Job, KeyPair, Nic, ServiceOffering, Template, Vm, Volume, Zone
from mainstay_controller.domain.states import AllocationState, VmState
from mainstay_controller.operations.checks import a_host_label, a_name, a_number, in_base64
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import (
    InsufficientCapacity,
    InvalidParameter,
    OperationError,
    PermissionDenied,
    ResourceUnavailable,
)
from mainstay_controller.operations.jobs import JOBS, Asker, JobRun, new_job
from mainstay_controller.operations.journal import Level
from mainstay_controller.operations.living import (
    living_cluster,
    living_host,
    living_offering,
    living_pod,
    living_template,
    living_zone,
)
from mainstay_controller.operations.networking.addresses import a_nic
from mainstay_controller.operations.networking.networks import nic_in
from mainstay_controller.operations.orders.choose_host import Wish
from mainstay_controller.operations.orders.screen_passwords import fresh_screen_password
from mainstay_controller.operations.storage.make_volumes import format_from, remove_volumes
from mainstay_controller.operations.storage.upload_volume import IMAGE_TYPE
from mainstay_controller.operations.vms.guest_passwords import with_password
from mainstay_controller.operations.vms.key_pairs import given
from mainstay_controller.operations.vms.start_vm import (
    NotWanted,
    bring_up,
    give_up,
    want_running,
    wish_in_words,
    wish_of,
)
from mainstay_controller.operations.vms.vm_jobs import INSTANCE_TYPE, add_vm_job, living_vm, tell_end
from mainstay_controller.store.port import LIVE, Conflict, Stale, Store, eq

COMMAND, EVENT = "deployVirtualMachine", "VM.CREATE"
GIB = 1 << 30
DISK_GIB_MAX = 64 * 1024
ADDRESS_ATTEMPTS_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVm:
    """`wish.by_root`: the caller is the root administrator, who alone may name a place or use a Disabled zone."""

    zone_id: ZoneId
    service_offering_id: OfferingId
    template_id: TemplateId
    account_id: AccountId
    domain_id: DomainId
    name: str = ""
    display_name: str = ""
    hypervisor: str = ""
    wish: Wish = field(default_factory=Wish)
    start: bool = True
    ip: str = ""
    network_ids: tuple[NetworkId, ...] = ()
    ips: Mapping[NetworkId, str] = field(default_factory=dict)
    root_disk_gib: int | None = None
    data_disk_gib: int | None = None
    data_disk_offering_id: DiskOfferingId | None = None
    user_data: str = ""
    user_data_id: UserDataId | None = None  # under which name it is kept
    user_data_details: Mapping[str, str] = field(default_factory=dict)
    key_pairs: tuple[KeyPair, ...] = ()
    group: str = ""
    affinity_group_ids: tuple[str, ...] = ()
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What the request names, found and fit."""

    zone: Zone
    offering: ServiceOffering
    template: Template


async def begin(new: NewVm, asker: Asker, cloud: Cloud) -> Job:
    """The job's `instance_id` is the VM's id."""
    found = await checked(new, cloud)
    now = await cloud.store.now()
    for _ in range(ADDRESS_ATTEMPTS_MAX):
        try:
            return await _write(new, found, asker, now, cloud)
        except (Stale, Conflict):
            continue  # another guest took an address in the same moment
    raise ResourceUnavailable("Too many guests are deployed at once; try again")


async def work(run: JobRun) -> Vm:
    vm = await living_vm(VmId(run.job.instance_id), run.cloud.store)
    if vm.state is VmState.ERROR:  # an earlier run of this job gave up, and was cut off
        await clear_away(vm, run)
        raise InsufficientCapacity(vm.stop_reason)
    if run.job.parameters.get("startvm") != "False":
        vm = await _start(await want_running(vm.id, True, run), run)
    await tell_end(EVENT, f"VM {vm.name} is deployed", vm, run, run.cloud.store)
    return vm


async def _start(vm: Vm, run: JobRun) -> Vm:
    try:
        return await bring_up(vm.id, wish_of(run.job, Purpose.DEPLOY), run)
    except NotWanted:
        raise  # the stop that is next in line finishes it
    except OperationError as error:
        vm = await give_up(vm.id, run, VmEvent.OPERATION_FAILED_TO_ERROR, str(error))
        if vm.state is VmState.ERROR:
            await clear_away(vm, run)
        raise


async def clear_away(vm: Vm, run: JobRun) -> None:
    """A disk that cannot be removed now is removed when the VM is expunged."""
    why = f"VM {vm.name} is not deployed: {vm.stop_reason}"
    try:
        await remove_volumes(vm, run)
    except ResourceUnavailable as error:
        why = f"{why}; {error}"
    await tell_end(EVENT, why, vm, run, run.cloud.store, level=Level.ERROR)


# --- what the request says --------------------------------------------------------------------------------------------


async def checked(new: NewVm, cloud: Cloud) -> Checked:
    store = cloud.store
    zone = await living_zone(new.zone_id, store)
    if zone.allocation_state is AllocationState.DISABLED and not new.wish.by_root:
        raise PermissionDenied(f"Cannot perform this operation, zone {zone.name} is currently disabled")
    offering = await _offering(new, zone, store)
    template = await _template(new, zone, store)
    await _check_place(new, zone, store)
    await _check_size(new, offering, store)
    if new.name:
        a_host_label("name", new.name)
    if new.display_name:
        a_name("displayname", new.display_name)
    least = 1 if template.is_iso else -(-template.size_bytes // GIB) or 1
    if new.root_disk_gib is not None:
        a_number("rootdisksize", new.root_disk_gib, least=least, most=DISK_GIB_MAX, unit="GiB")
    if new.data_disk_gib is not None:
        a_number("size", new.data_disk_gib, least=1, most=DISK_GIB_MAX, unit="GiB")
    return Checked(zone=zone, offering=offering, template=template)


async def _offering(new: NewVm, zone: Zone, store: Store) -> ServiceOffering:
    offering = await living_offering(new.service_offering_id, store)
    if offering.is_system:
        raise InvalidParameter("serviceofferingid", f"offering {offering.name} is for system VMs")
    if offering.zone_ids and zone.id not in offering.zone_ids:
        raise InvalidParameter("serviceofferingid", f"offering {offering.name} is not for zone {zone.name}")
    return offering


async def _template(new: NewVm, zone: Zone, store: Store) -> Template:
    template = await living_template(new.template_id, store)
    if template.type == IMAGE_TYPE:
        raise InvalidParameter("templateid", f"{template.name} is the image of a data disk")
    if template.is_iso and not template.bootable:
        raise InvalidParameter(
            "templateid", f"ISO {template.name} is not bootable: deploy from a template and attach it"
        )
    if template.is_iso and not (new.data_disk_gib or new.root_disk_gib):
        raise InvalidParameter("diskofferingid", f"{template.name} is an ISO: say how large the disk shall be")
    if not template.is_ready:
        raise InvalidParameter("templateid", f"template {template.name} is not ready: {template.status or 'no image'}")
    if template.zone_id not in (None, zone.id):
        raise InvalidParameter("templateid", f"template {template.name} is not in zone {zone.name}")
    if new.hypervisor and new.hypervisor.lower() != template.hypervisor.lower():
        raise InvalidParameter("hypervisor", f"template {template.name} is for {template.hypervisor}")
    return template


async def _check_place(new: NewVm, zone: Zone, store: Store) -> None:
    wish = new.wish
    if wish.pod_id is not None:
        await living_pod(wish.pod_id, zone, store)
    if wish.cluster_id is not None and (await living_cluster(wish.cluster_id, store)).zone_id != zone.id:
        raise InvalidParameter("clusterid", f"that cluster is not in zone {zone.name}")
    if wish.host_id is not None and (await living_host(wish.host_id, store, "hostid")).zone_id != zone.id:
        raise InvalidParameter("hostid", f"that host is not in zone {zone.name}")


async def _check_size(new: NewVm, offering: ServiceOffering, store: Store) -> None:
    """An offering that no host could hold even when empty is a mistake, not a shortage."""
    hosts = await store.hosts.find(eq("zone_id", new.zone_id), LIVE)
    ratios = {cluster.id: cluster for cluster in await store.clusters.find(eq("zone_id", new.zone_id), LIVE)}
    offered = [(total(host, ratios[host.cluster_id]).memory_mib, host.name) for host in hosts]
    if offered and offering.memory_mib > max(offered)[0]:
        most, name = max(offered)
        reason = f"it needs {offering.memory_mib} MiB of memory; the largest host, {name}, offers {most} MiB"
        raise InvalidParameter("serviceofferingid", reason)


# --- what is written --------------------------------------------------------------------------------------------------


async def _write(new: NewVm, found: Checked, asker: Asker, now: datetime, cloud: Cloud) -> Job:
    vm_id = VmId(cloud.rng.uuid())
    said = {**wish_in_words(new.wish), "startvm": str(new.start)}
    job = new_job(cloud, COMMAND, asker, now, instance_type=INSTANCE_TYPE, instance_id=vm_id, parameters=said)
    async with cloud.store.transaction() as store:
        vm = _vm(vm_id, new, found, now, cloud)
        vm = with_password(replace(vm, user_id=asker.user_id), found.template, cloud)
        vm = await store.vms.add(replace(vm, nics=await _nics(vm, new, store, cloud)))
        await store.volumes.add_all(_volumes(vm, new, found.template, cloud))
        job = await add_vm_job(job, EVENT, vm, store, cloud)
    cloud.fleet.bells.ring(JOBS)
    return job


async def _nics(vm: Vm, new: NewVm, store: Store, cloud: Cloud) -> tuple[Nic, ...]:
    """One in each network that is named, the first of them the default; without any, one with an address of the pod."""
    if not new.network_ids:
        return (await a_nic(new.zone_id, new.wish.pod_id, new.ip, store, cloud.rng),)
    nics: list[Nic] = []
    for network_id in new.network_ids:
        network = await store.networks.get(network_id)
        if network is None or network.removed is not None:
            raise InvalidParameter("networkids", f"there is no network {network_id}")
        if network.zone_id != new.zone_id:
            raise InvalidParameter("networkids", f"network {network.name} is in another zone")
        wanted = new.ips.get(network_id, "" if nics else new.ip)
        nics.append(await nic_in(network, vm, len(nics), wanted, store, cloud.rng))
    return tuple(nics)


def _vm(vm_id: VmId, new: NewVm, found: Checked, now: datetime, cloud: Cloud) -> Vm:
    offering, name = found.offering, new.name or f"VM-{vm_id}"
    return Vm(
        id=vm_id,
        name=name,
        created=now,
        account_id=new.account_id,
        domain_id=new.domain_id,
        zone_id=found.zone.id,
        service_offering_id=offering.id,
        template_id=found.template.id,
        iso_id=found.template.id if found.template.is_iso else None,
        display_name=new.display_name or name,
        instance_name=f"i-{vm_id[:8]}-VM",
        hypervisor=found.template.hypervisor,
        state_since=now,
        wanted_running=new.start,
        ha_enabled=offering.offer_ha,
        restart_after_guest_shutdown=offering.restart_after_guest_shutdown,
        priority=offering.priority,
        cpus=offering.cpus,
        cpu_mhz=offering.cpu_mhz,
        memory_mib=offering.memory_mib,
        user_data=in_base64("userdata", new.user_data),
        user_data_id=new.user_data_id,
        user_data_details=dict(new.user_data_details) or None,
        vnc_secret=fresh_screen_password(vm_id, cloud),
        affinity_group_ids=new.affinity_group_ids,
        group=new.group,
        details=dict(new.details),
        **given(new.key_pairs),
    )


def _volumes(vm: Vm, new: NewVm, template: Template, cloud: Cloud) -> list[Volume]:
    root_bytes = new.root_disk_gib * GIB if new.root_disk_gib else template.size_bytes
    root = Volume(
        id=VolumeId(cloud.rng.uuid()),
        name=f"ROOT-{vm.instance_name}",
        zone_id=vm.zone_id,
        created=vm.created,
        account_id=vm.account_id,
        domain_id=vm.domain_id,
        vm_id=vm.id,
        template_id=template.id,
        size_bytes=root_bytes,
        format=format_from(template),
    )
    if (
        template.is_iso and new.data_disk_gib is not None
    ):  # it brings no disk: the offering is the root disk's, as in CloudStack
        return [replace(root, disk_offering_id=new.data_disk_offering_id, size_bytes=new.data_disk_gib * GIB)]
    if new.data_disk_gib is None:
        return [root]
    data = replace(
        root,
        id=VolumeId(cloud.rng.uuid()),
        name=f"DATA-{vm.instance_name}",
        type="DATADISK",
        device_id=1,
        template_id=None,
        disk_offering_id=new.data_disk_offering_id,
        size_bytes=new.data_disk_gib * GIB,
    )
    return [root, data]
