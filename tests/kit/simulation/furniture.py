"""What stands in a simulated cloud before a run begins: an administrator, a zone with one cluster on one shared pool, an offering and a template."""

from __future__ import annotations

from mainstay_controller.domain.ids import (
    ClusterId,
    HostId,
    OfferingId,
    PodId,
    PoolId,
    TemplateId,
    VmId,
    VolumeId,
    ZoneId,
)
from mainstay_controller.domain.records import (
    Account,
    Cluster,
    DomainRecord,
    Host,
    OutOfBand,
    Pod,
    ServiceOffering,
    Setting,
    StoragePool,
    Template,
    User,
    Vm,
    Volume,
    Zone,
)
from mainstay_controller.domain.roles import Role
from mainstay_controller.domain.states import AllocationState, VmState, VolumeState
from mainstay_controller.domain.tunable import Scope, written
from mainstay_controller.operations.beginning.first_admin import ADMIN_ACCOUNT_ID, ADMIN_USER_ID, ROOT_DOMAIN_ID
from mainstay_controller.operations.settings import Settings, declared
from mainstay_controller.store.port import Store
from mainstay_proto.messages import HostFacts
from tests.kit.simulation.plan import Plan
from tests.kit.virtual_time import BEGINNING

ZONE, POD, CLUSTER = ZoneId("zone"), PodId("pod"), ClusterId("cluster")
POOL, DATA_POOL = PoolId("pool"), PoolId("data")
DATA_VOLUMES = tuple(VolumeId(f"d{number}") for number in range(1, 4))
OFFERING, TEMPLATE = OfferingId("offering"), TemplateId("template")


def facts_of(name: str) -> HostFacts:
    return HostFacts(
        host_id=name,
        name=name,
        hypervisor="Simulator",
        boot_id=f"{name}-boot-1",
        ip=f"10.0.0.{name.removeprefix('h')}",
        cpu_sockets=1,
        cpus=8,
        cpu_mhz=2000,
        memory_mib=16384,
        url=f"sim://{name}",
        machine_id=f"machine of {name}",
    )


def a_vm(name: str) -> Vm:
    return Vm(
        id=VmId(name),
        name=name,
        created=BEGINNING,
        account_id=ADMIN_ACCOUNT_ID,
        domain_id=ROOT_DOMAIN_ID,
        zone_id=ZONE,
        service_offering_id=OFFERING,
        template_id=TEMPLATE,
        hypervisor="Simulator",
        state=VmState.STOPPED,
        wanted_running=True,
        ha_enabled=True,
        cpus=1,
        cpu_mhz=1000,
        memory_mib=1024,
    )


def a_volume(vm: Vm) -> Volume:
    return Volume(
        id=VolumeId(f"{vm.id}-root"),
        name=f"{vm.name}-root",
        zone_id=ZONE,
        created=BEGINNING,
        account_id=vm.account_id,
        domain_id=vm.domain_id,
        vm_id=vm.id,
        pool_id=POOL,
        state=VolumeState.READY,
        size_bytes=1 << 30,
    )


def a_data_volume(volume_id: VolumeId) -> Volume:
    """Made, and no VM's yet."""
    return Volume(
        id=volume_id,
        name=volume_id,
        zone_id=ZONE,
        created=BEGINNING,
        account_id=ADMIN_ACCOUNT_ID,
        domain_id=ROOT_DOMAIN_ID,
        pool_id=DATA_POOL,
        type="DATADISK",
        state=VolumeState.READY,
        size_bytes=1 << 30,
    )


def a_pool(pool_id: PoolId) -> StoragePool:
    return StoragePool(
        id=pool_id,
        zone_id=ZONE,
        pod_id=POD,
        cluster_id=CLUSTER,
        name=pool_id,
        created=BEGINNING,
        path=f"/{pool_id}",
        capacity_bytes=1 << 44,
    )


async def furnish_office(store: Store, settings: Settings) -> None:
    """An administrator in the root domain, a template for whatever he deploys, and the settings as he would have made them."""
    for each in declared().values():
        value = getattr(settings, each.field)
        if value != each.default:
            name = each.tunable.name
            row = Setting(id=f"{Scope.GLOBAL}::{name}", name=name, value=written(value), created=BEGINNING)
            await store.settings.add(row)
    await store.domains.add(DomainRecord(id=ROOT_DOMAIN_ID, name="ROOT", path="/", created=BEGINNING))
    await store.accounts.add(
        Account(id=ADMIN_ACCOUNT_ID, name="admin", domain_id=ROOT_DOMAIN_ID, role=Role.ROOT_ADMIN, created=BEGINNING)
    )
    await store.users.add(
        User(
            id=ADMIN_USER_ID,
            account_id=ADMIN_ACCOUNT_ID,
            domain_id=ROOT_DOMAIN_ID,
            username="admin",
            created=BEGINNING,
        )
    )
    await store.templates.add(
        Template(
            id=TEMPLATE,
            name="debian",
            display_text="Debian",
            created=BEGINNING,
            account_id=ADMIN_ACCOUNT_ID,
            domain_id=ROOT_DOMAIN_ID,
            url="file:///images/debian.qcow2",
            hypervisor="Simulator",
            size_bytes=1 << 30,
            is_ready=True,
        )
    )


async def furnish(store: Store, plan: Plan) -> None:
    """A zone with one cluster of the plan's hosts on one shared pool, or on two, of which the second is for data disks."""
    await furnish_office(store, plan.settings)
    await store.zones.add(Zone(id=ZONE, name="zone", created=BEGINNING, allocation_state=AllocationState.ENABLED))
    await store.pods.add(
        Pod(
            id=POD,
            zone_id=ZONE,
            name="pod",
            created=BEGINNING,
            gateway="10.1.0.1",
            netmask="255.255.255.0",
            start_ip="10.1.0.10",
            end_ip="10.1.0.200",
        )
    )
    await store.clusters.add(
        Cluster(
            id=CLUSTER,
            zone_id=ZONE,
            pod_id=POD,
            name="cluster",
            hypervisor="Simulator",
            created=BEGINNING,
            lease_profile=plan.profile,
            fence_policy=plan.fence_policy,
        )
    )
    await store.pools.add(a_pool(POOL))
    if plan.has_data_disks:
        await store.pools.add(a_pool(DATA_POOL))
        for volume_id in DATA_VOLUMES:
            await store.volumes.add(a_data_volume(volume_id))
    await store.service_offerings.add(
        ServiceOffering(
            id=OFFERING,
            name="small",
            display_text="small",
            created=BEGINNING,
            offer_ha=True,
            cpus=1,
            cpu_mhz=1000,
            memory_mib=1024,
        )
    )
    for number in range(1, plan.hosts + 1):
        await store.hosts.add(
            Host(
                id=HostId(f"h{number}"),
                zone_id=ZONE,
                pod_id=POD,
                cluster_id=CLUSTER,
                name=f"h{number}",
                hypervisor="Simulator",
                created=BEGINNING,
            )
        )
        if plan.bmcs:
            await store.out_of_band.add(
                OutOfBand(id=HostId(f"h{number}"), created=BEGINNING, driver="simulated", address=f"bmc-h{number}")
            )
