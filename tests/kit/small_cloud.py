"""A cloud on virtual time: rows in memory, the real fleet, hosts that do as they are told, and a job engine.

`async with a_cloud(hosts=3) as here:` gives a zone, a pod with addresses, a cluster, a pool, a template and an offering, all enabled and
connected.  `here.run(job)` works on jobs until that one ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from mainstay_controller.domain.ha.proof import PoweredOff, Proof, as_facts
from mainstay_controller.domain.ids import (
    AccountId,
    ClusterId,
    ControllerId,
    DomainId,
    HostId,
    IncidentId,
    OfferingId,
    PodId,
    PoolId,
    TemplateId,
    UserId,
    ZoneId,
)
from mainstay_controller.domain.records import (
    Cluster,
    Controller,
    Host,
    Incident,
    Job,
    Json,
    Pod,
    ServiceOffering,
    StoragePool,
    Template,
    Vm,
    Zone,
)
from mainstay_controller.domain.states import AllocationState, HostState, JobState
from mainstay_controller.fleet.fleet import Fleet
from mainstay_controller.fleet.gate import HostArrival, Orientation, TurnedAway
from mainstay_controller.loops.jobs import work_on_jobs
from mainstay_controller.operations.cloud import Cloud, ThisController
from mainstay_controller.operations.jobs import Asker, JobEngine, JobRun, Work
from mainstay_controller.operations.journal import Journal
from mainstay_controller.operations.maintenance import drain_host, storage_maintenance
from mainstay_controller.operations.settings import Settings
from mainstay_controller.operations.storage import extract_volume, move_volume, volumes
from mainstay_controller.operations.vms import (
    attach_iso,
    attach_volume,
    attend_vms,
    deploy_vm,
    destroy_vm,
    migrate_vm,
    reboot_vm,
    resize_volume,
    restore_vm,
    start_vm,
    stop_vm,
)
from mainstay_controller.store.port import Store
from mainstay_runtime.clock import Clock
from mainstay_runtime.tasks import background
from tests.kit.memory_store import MemoryStore, Rows
from tests.kit.told_hosts import ABILITIES, ToldHost, ToldWorld
from tests.kit.virtual_time import BEGINNING, SeededRng, VirtualClock

ZONE, POD, CLUSTER, POOL = ZoneId("zone"), PodId("pod"), ClusterId("cluster"), PoolId("pool")
OFFERING, TEMPLATE = OfferingId("offering"), TemplateId("template")
ANN = Asker(account_id=AccountId("ann"), user_id=UserId("ann-user"))
DOMAIN = DomainId("root")
MEMBERSHIP_SECONDS = 10.0
Before = Callable[[str], Awaitable[None]]
OpenStore = Callable[[Before | None], Store]
"""Makes a store on the site's one database; `Before` is awaited ahead of every call, where the store can do that."""


@dataclass(frozen=True, slots=True)
class OpenGate:
    async def admit(self, arrivals: tuple[HostArrival, ...]) -> Orientation | TurnedAway:
        return Orientation(profile="fast", mounts={}, lease_names=())


def shown(work: Callable[[JobRun], Awaitable[object]]) -> Work:
    """As the API renders a work's answer for its job."""

    async def rendered(run: JobRun) -> Mapping[str, Json]:
        answer = await work(run)
        return {"id": getattr(answer, "id", None), "url": getattr(answer, "url", None)}

    return rendered


WORKS: dict[str, Work] = {
    module.COMMAND: shown(module.work)
    for module in (
        attend_vms,
        deploy_vm,
        start_vm,
        stop_vm,
        reboot_vm,
        restore_vm,
        migrate_vm,
        drain_host,
        move_volume,
        extract_volume,
        storage_maintenance,
    )
} | {
    attach_iso.ATTACH: shown(attach_iso.work),
    attach_iso.DETACH: shown(attach_iso.work),
    attach_volume.ATTACH: shown(attach_volume.work),
    attach_volume.DETACH: shown(attach_volume.work),
    resize_volume.COMMAND: shown(resize_volume.work),
    destroy_vm.COMMAND: shown(destroy_vm.work),
    destroy_vm.EXPUNGE_COMMAND: shown(destroy_vm.work_expunge),
    volumes.DELETE_COMMAND: shown(volumes.work_delete),
}


def in_memory(clock: Clock) -> OpenStore:
    rows = Rows()
    return lambda before: MemoryStore(clock, rows, before)


@dataclass(slots=True)
class Site:
    """What outlives a controller: the database and the hosts."""

    clock: Clock
    rows: OpenStore
    world: ToldWorld
    hosts: list[ToldHost] = field(default_factory=list)

    @property
    def store(self) -> Any:
        """To look at rows with nobody in between."""
        return self.rows(None)


@dataclass(slots=True)
class Here:
    """One controller at a site."""

    site: Site
    cloud: Cloud
    engine: JobEngine

    @property
    def world(self) -> ToldWorld:
        return self.site.world

    def host(self, number: int) -> ToldHost:
        return self.site.hosts[number - 1]

    async def vm(self, vm_id: str) -> Vm:
        return await self.cloud.store.vms.by_id(vm_id)

    async def run(self, job: Job, within_seconds: float = 7200.0) -> Job:
        """Work on jobs until this one has ended."""
        async with background(self.work_for_ever):
            return await self.ended(job, within_seconds)

    async def ended(self, job: Job, within_seconds: float = 7200.0) -> Job:
        ends_at = self.site.clock.monotonic() + within_seconds
        while True:
            row: Job = await self.site.store.jobs.by_id(job.id)
            if row.state is not JobState.PENDING:
                return row
            assert self.site.clock.monotonic() < ends_at, f"{row.command} still is {row.phase!r}"
            await self.site.clock.sleep(0.1)

    async def work_for_ever(self) -> None:
        await work_on_jobs(self.engine)

    async def prove_dead(self, host: ToldHost, proof: Proof | None = None) -> None:
        """What recovery writes once it has proof; without one named, its power controller's word."""
        row = await self.cloud.store.hosts.by_id(host.host_id)
        down = replace(row, state=HostState.DOWN, proven_dead_boot_id=row.boot_id)
        await self.cloud.store.hosts.swap(row, down)
        await self.cloud.store.incidents.add(
            Incident(
                id=IncidentId(f"incident-{host.name}"),
                created=await self.cloud.store.now(),
                host_id=row.id,
                host_boot_id=row.boot_id,
                evidence=(as_facts(proof or PoweredOff(address="bmc")),),
            )
        )
        self.cloud.fleet.give_up_orders(HostId(host.host_id), "proven dead")

    async def back_up(self, host: ToldHost, boot_id: str) -> None:
        """It said Hello."""
        row = await self.cloud.store.hosts.by_id(host.host_id)
        await self.cloud.store.hosts.swap(row, replace(row, state=HostState.UP, boot_id=boot_id))


async def a_controller(
    site: Site,
    name: str = "c1",
    epoch: int = 1,
    before: Before | None = None,
    **settings: Any,
) -> Here:
    """Its store and fleet are its own; every living host connects to it.  `before`: awaited ahead of every call to its store."""
    store = site.rows(before)
    rng = SeededRng(sum(name.encode()) + epoch)
    me = ThisController(id=ControllerId(name), epoch=epoch)
    fleet = Fleet(controller_id=me.id, clock=site.clock, rng=rng)
    fleet.open_to_agents(OpenGate())
    fleet.lead_until(float("inf"))
    cloud = Cloud(
        store=store,
        fleet=fleet,
        clock=site.clock,
        rng=rng,
        settings=Settings(**settings),
        journal=Journal(site.clock, rng),
        me=me,
    )
    await _join(site, me)
    for host in site.hosts:
        if host.alive:
            await host.connect(fleet)
    return Here(site, cloud, JobEngine(cloud, WORKS))


async def a_site(hosts: int = 2, clock: Clock | None = None, rows: OpenStore | None = None) -> Site:
    """In memory and on virtual time, if nothing else is given."""
    clock = clock or VirtualClock()
    site = Site(clock, rows or in_memory(clock), ToldWorld())
    here = await a_controller(site, "furnisher")
    await _furnish(here.cloud)
    for number in range(1, hosts + 1):
        await add_host(here, number)
    return site


@asynccontextmanager
async def a_cloud(hosts: int = 2, **settings: Any) -> AsyncIterator[Here]:
    site = await a_site(hosts)
    yield await a_controller(site, **settings)
    assert site.world.double_runs == []


async def add_host(here: Here, number: int, **other: Any) -> ToldHost:
    told = here.world.add(f"h{number}", f"h{number}")
    row = Host(
        id=HostId(told.host_id),
        zone_id=ZONE,
        pod_id=POD,
        cluster_id=CLUSTER,
        name=told.name,
        hypervisor="KVM",
        created=BEGINNING + timedelta(seconds=number),
        state=HostState.UP,
        boot_id=told.boot_id,
        url=f"http://{told.name}",
        cpus=told.facts["cpus"],
        cpu_mhz=told.facts["cpu_mhz"],
        memory_mib=told.facts["memory_mib"],
        capabilities=ABILITIES,
    )
    await here.cloud.store.hosts.add(replace(row, **other))
    here.site.hosts.append(told)
    await told.connect(here.cloud.fleet)
    return told


async def _join(site: Site, me: ThisController) -> None:
    now = await site.store.now()
    expires = now + timedelta(seconds=MEMBERSHIP_SECONDS)
    await site.store.controllers.add(
        Controller(id=me.id, name=me.id, address=f"{me.id}:8250", created=now, expires=expires, epoch=me.epoch)
    )


async def _furnish(cloud: Cloud) -> None:
    enabled = AllocationState.ENABLED
    store = cloud.store
    await store.zones.add(Zone(id=ZONE, name="z", created=BEGINNING, allocation_state=enabled))
    await store.pods.add(
        Pod(
            id=POD,
            zone_id=ZONE,
            name="p",
            created=BEGINNING,
            gateway="10.1.0.1",
            netmask="255.255.255.0",
            start_ip="10.1.0.10",
            end_ip="10.1.0.200",
        )
    )
    await store.clusters.add(
        Cluster(id=CLUSTER, zone_id=ZONE, pod_id=POD, name="c", hypervisor="KVM", created=BEGINNING)
    )
    await store.pools.add(
        StoragePool(
            id=POOL,
            zone_id=ZONE,
            pod_id=POD,
            cluster_id=CLUSTER,
            name="primary",
            created=BEGINNING,
            path="/pool",
            capacity_bytes=1 << 40,
        )
    )
    await store.templates.add(
        Template(
            id=TEMPLATE,
            name="debian",
            display_text="Debian",
            created=BEGINNING,
            account_id=ANN.account_id,
            domain_id=DOMAIN,
            url="file:///images/debian.qcow2",
            size_bytes=1 << 30,
            is_ready=True,
        )
    )
    await store.service_offerings.add(
        ServiceOffering(
            id=OFFERING, name="small", display_text="small", created=BEGINNING, cpus=1, cpu_mhz=1000, memory_mib=1024
        )
    )
