"""The cloud of a story on virtual time: the simulation's machines and controllers, furnished as its cloud.yaml says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from mainstay_controller.domain.ids import (
    AccountId,
    AffinityGroupId,
    ClusterId,
    HostId,
    OfferingId,
    PodId,
    PoolId,
    VolumeId,
    ZoneId,
)
from mainstay_controller.domain.records import (
    AffinityGroup,
    Cluster,
    Host,
    OutOfBand,
    Pod,
    ServiceOffering,
    StoragePool,
    Vm,
    Volume,
    Zone,
)
from mainstay_controller.domain.states import AllocationState
from mainstay_controller.main import assembly
from mainstay_controller.operations.beginning.first_admin import ADMIN_ACCOUNT_ID, ROOT_DOMAIN_ID
from mainstay_controller.store.port import Store
from mainstay_proto.messages import HostFacts
from tests.kit.scenario.cloud_file import CloudSpec, GuestSpec, HostSpec
from tests.kit.scenario.telling import Telling
from tests.kit.simulation.cloud import SimulatedCloud
from tests.kit.simulation.furniture import a_vm, a_volume, facts_of, furnish_office
from tests.kit.simulation.plan import Plan
from tests.kit.virtual_time import BEGINNING

POOL_BYTES = 1 << 44
LOCAL = "local"


class StoryCloud(SimulatedCloud):
    def __init__(self, spec: CloudSpec, seed: int) -> None:
        self.spec = spec
        names = list(spec.hosts)
        super().__init__(
            Plan(
                seed=seed,
                controllers=spec.controllers,
                clock_rates=tuple(host.clock_rate for host in spec.hosts.values()),
                without_watchdog=frozenset(name for name in names if not spec.hosts[name].watchdog),
                settings=spec.settings,
            )
        )
        self.telling = Telling(self)
        self.database.on_commit = self._rows_changed
        for controller in self.controllers.values():
            controller.loops = partial(assembly.loops, send=self.telling.letter)

    def _rows_changed(self) -> None:
        self.watch.rows_changed()
        self.telling.rows_changed()

    def machines_planned(self) -> list[HostFacts]:
        return [
            replace(facts_of(name), ip=f"10.0.0.{number}", memory_mib=host.memory_mib, cpus=host.cpus)
            for number, (name, host) in enumerate(self.spec.hosts.items(), start=1)
        ]

    # --- furniture ----------------------------------------------------------------------------------------------------

    async def furnish(self) -> None:
        store = self.store
        await furnish_office(store, self.spec.settings)
        for zone in self.spec.zones:
            await self._furnish_zone(store, zone)
        for name, cluster in self.spec.clusters.items():
            await store.clusters.add(
                Cluster(
                    id=ClusterId(name),
                    zone_id=ZoneId(cluster.zone),
                    pod_id=pod_of(cluster.zone),
                    name=name,
                    hypervisor="Simulator",
                    created=BEGINNING,
                    lease_profile=cluster.lease_profile,
                    fence_policy=cluster.fence_policy,
                )
            )
        for pool in self._pools():
            await store.pools.add(pool)
        for name, host in self.spec.hosts.items():
            await self._furnish_host(store, name, host)
        for offering in self._offerings():
            await store.service_offerings.add(offering)
        for name in sorted({guest.apart for guest in self.spec.guests.values()} - {""}):
            await store.affinity_groups.add(an_anti_affinity_group(name))

    async def _furnish_zone(self, store: Store, name: str) -> None:
        enabled = AllocationState.ENABLED
        await store.zones.add(
            Zone(id=ZoneId(name), name=name, created=BEGINNING, allocation_state=enabled, local_storage_enabled=True)
        )
        await store.pods.add(
            Pod(
                id=pod_of(name),
                zone_id=ZoneId(name),
                name=pod_of(name),
                created=BEGINNING,
                gateway="10.1.0.1",
                netmask="255.255.255.0",
                start_ip="10.1.0.10",
                end_ip="10.1.0.200",
            )
        )

    def _pools(self) -> Iterator[StoragePool]:
        for name, pool in self.spec.pools.items():
            cluster = self.spec.clusters[pool.cluster] if pool.cluster else None
            zone = cluster.zone if cluster else pool.zone
            yield StoragePool(
                id=PoolId(name),
                zone_id=ZoneId(zone),
                pod_id=pod_of(zone) if cluster else None,
                cluster_id=ClusterId(pool.cluster) if cluster else None,
                scope="CLUSTER" if cluster else "ZONE",
                name=name,
                created=BEGINNING,
                path=f"/{name}",
                has_leases=pool.leases,
                capacity_bytes=POOL_BYTES,
            )
        for host in sorted({guest.on for guest in self.spec.guests.values() if LOCAL in guest.pools}):
            yield StoragePool(
                id=local_pool_of(host),
                zone_id=ZoneId(self._zone_of(host)),
                host_id=HostId(host),
                scope="HOST",
                name=local_pool_of(host),
                created=BEGINNING,
                path="/local",
                has_leases=False,
                capacity_bytes=POOL_BYTES,
            )

    async def _furnish_host(self, store: Store, name: str, host: HostSpec) -> None:
        zone = self._zone_of(name)
        await store.hosts.add(
            Host(
                id=HostId(name),
                zone_id=ZoneId(zone),
                pod_id=pod_of(zone),
                cluster_id=ClusterId(host.cluster),
                name=name,
                hypervisor="Simulator",
                created=BEGINNING,
                tags=host.tags,
            )
        )
        if host.bmc:
            await store.out_of_band.add(
                OutOfBand(id=HostId(name), created=BEGINNING, driver="simulated", address=f"bmc-{name}")
            )

    def _zone_of(self, host: str) -> str:
        return self.spec.clusters[self.spec.hosts[host].cluster].zone

    def _offerings(self) -> Iterator[ServiceOffering]:
        for name, offering in self.spec.offerings.items():
            yield ServiceOffering(
                id=OfferingId(name),
                name=name,
                display_text=name,
                created=BEGINNING,
                offer_ha=offering.ha,
                restart_after_guest_shutdown=offering.restart_after_guest_shutdown,
                cpus=offering.cpus,
                cpu_mhz=offering.cpu_mhz,
                memory_mib=offering.memory_mib,
                priority=offering.priority,
                host_tags=offering.host_tags,
            )

    # --- guests -------------------------------------------------------------------------------------------------------

    async def run_guests(self) -> None:
        for name, guest in self.spec.guests.items():
            vm = self._vm(name, guest)
            await self.run_guest(vm, list(self._volumes(vm, guest)), guest.on)

    def _vm(self, name: str, guest: GuestSpec) -> Vm:
        offering = self.spec.offerings[guest.offering]
        return replace(
            a_vm(name),
            zone_id=ZoneId(self._zone_of(guest.on)),
            service_offering_id=OfferingId(guest.offering),
            type=guest.type,
            ha_enabled=offering.ha,
            restart_after_guest_shutdown=offering.restart_after_guest_shutdown,
            priority=offering.priority,
            cpus=offering.cpus,
            cpu_mhz=offering.cpu_mhz,
            memory_mib=offering.memory_mib,
            affinity_group_ids=(guest.apart,) if guest.apart else (),
        )

    def _volumes(self, vm: Vm, guest: GuestSpec) -> Iterator[Volume]:
        for number, pool in enumerate(guest.pools):
            yield replace(
                a_volume(vm),
                id=VolumeId(f"{vm.id}-{number}"),
                name=f"{vm.name}-{number}",
                type="DATADISK" if number else "ROOT",
                device_id=number,
                path=f"{vm.id}-{number}.qcow2",
                pool_id=local_pool_of(guest.on) if pool == LOCAL else PoolId(pool),
            )


def pod_of(zone: str) -> PodId:
    return PodId(f"pod of {zone}")


def local_pool_of(host: str) -> PoolId:
    return PoolId(f"local-{host}")


def an_anti_affinity_group(name: str) -> AffinityGroup:
    return AffinityGroup(
        id=AffinityGroupId(name),
        name=name,
        type="host anti-affinity",
        account_id=AccountId(ADMIN_ACCOUNT_ID),
        domain_id=ROOT_DOMAIN_ID,
        created=BEGINNING,
    )
