"""The simulated cloud: put together from a plan, furnished, with guests running, and healed at the end."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import cast

from mainstay_agent.drivers.simulated.world import Pace
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
from mainstay_controller.domain.lifecycle.vm import VmEvent
from mainstay_controller.domain.records import (
    Account,
    Cluster,
    DomainRecord,
    Host,
    OutOfBand,
    Pod,
    ServiceOffering,
    StoragePool,
    Template,
    User,
    Vm,
    Volume,
    Zone,
)
from mainstay_controller.domain.roles import Role
from mainstay_controller.domain.states import AllocationState, HostState, VmState, VolumeState
from mainstay_controller.fleet.outcome import Done
from mainstay_controller.fleet.power.port import PowerControllers
from mainstay_controller.operations.change_state import change_vm
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.first_admin import ADMIN_ACCOUNT_ID, ADMIN_USER_ID, ROOT_DOMAIN_ID
from mainstay_controller.operations.start_orders import order_start, raise_epoch
from mainstay_controller.store.port import Store
from mainstay_proto.messages import HostFacts
from tests.kit.simulated_power import SimulatedPower
from tests.kit.simulation.clocks import MachineClock, pause
from tests.kit.simulation.controllers import ADDRESS, ControllerHost
from tests.kit.simulation.database import Database, SimulatedStore, Trouble
from tests.kit.simulation.machines import Machine
from tests.kit.simulation.network import Network
from tests.kit.simulation.plan import Plan
from tests.kit.simulation.story import Story
from tests.kit.simulation.world import HarshHost, HarshWorld
from tests.kit.virtual_time import BEGINNING, SeededRng

ZONE, POD, CLUSTER, POOL = ZoneId("zone"), PodId("pod"), ClusterId("cluster"), PoolId("pool")
OFFERING, TEMPLATE = OfferingId("offering"), TemplateId("template")
HOST_BOOT_SECONDS = 8.0
LEASES_TOLD_SECONDS = 1.5  # with the heartbeat after the first renewal
PACE = Pace(boot_seconds=1.0, host_boot_seconds=HOST_BOOT_SECONDS, migration_mib_per_second=256.0)


class SimulatedCloud:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.chance = Random(plan.seed * 7 + 1)
        self.story = Story()
        self.broken: list[str] = []
        truth = MachineClock()
        rng = SeededRng(plan.seed)
        self.world = HarshWorld(truth, rng, self.chance, PACE)
        self.world.tell = self.story.tell
        self.world.on_power = self._power_changed
        self.network = Network(self.chance)
        self.database = Database(self.chance, truth)
        self.power = PowerControllers({"simulated": SimulatedPower(self.world)})
        rates = iter(plan.clock_rates)
        names = [f"h{number}" for number in range(1, plan.hosts + 1)]
        controllers = [f"c{number}" for number in range(1, plan.controllers + 1)]
        addresses = tuple(ADDRESS.format(name) for name in controllers)
        self.machines = {
            name: Machine(
                self.world,
                self.world.add_host(facts_of(name)),
                self.network,
                clock=MachineClock(rate=next(rates, 1.0), began=self.chance.uniform(0, 1e6)),
                rng=rng,
                controllers=addresses,
                broke=self._broke,
            )
            for name in names
        }
        for machine in self.machines.values():
            machine.host.watchdog_rate = next(rates, 1.0)
        self.controllers = {
            name: ControllerHost(
                name,
                self.network,
                self.database,
                clock=MachineClock(rate=next(rates, 1.0), began=self.chance.uniform(0, 1e6)),
                rng=rng,
                settings=plan.settings,
                power=self.power,
                agents=tuple(names),
                broke=self._broke,
            )
            for name in controllers
        }

    @property
    def store(self) -> Store:
        """Of somebody outside, without trouble."""
        calm = Database(self.chance, self.database.clock, rows=self.database.rows, on_commit=self.database.on_commit)
        return cast(Store, SimulatedStore(calm, Trouble()))

    def living_cloud(self) -> Cloud | None:
        return next((each.cloud for each in self.controllers.values() if each.lives()), None)

    def host(self, name: str) -> HarshHost:
        return self.machines[name].host

    def _broke(self, name: str, error: BaseException) -> None:
        self.broken.append(f"{name} broke: {error!r}")
        self.story.tell(name, f"BROKE: {error!r}")

    def _power_changed(self, host: HarshHost) -> None:
        machine = self.machines[host.host_id]
        on = host.powered.is_set()
        if on:
            machine.boot(HOST_BOOT_SECONDS)
        else:
            machine.die()
        self.network.power(machine.node, on)

    # --- life ---

    async def begin(self) -> None:
        """Everybody up and in session, and the guests of the plan running."""
        await furnish(self.store, self.plan)
        for controller in self.controllers.values():
            controller.start()
        for machine in self.machines.values():
            machine.boot(self.chance.uniform(0.1, 1.0))
        while not await self._all_up():
            await pause(0.25)
        await pause(LEASES_TOLD_SECONDS)
        names = sorted(self.machines)
        for number in range(self.plan.vms):
            await self._run_guest(f"vm{number + 1}", names[number % len(names)])

    async def _all_up(self) -> bool:
        hosts = await self.store.hosts.find()
        return all(host.state is HostState.UP for host in hosts)

    async def _run_guest(self, name: str, on: str) -> None:
        store = self.store
        vm = await store.vms.add(a_vm(name))
        await store.volumes.add(a_volume(vm))
        host = await store.hosts.by_id(on)
        vm = await raise_epoch(
            store, vm, host, await store.clusters.by_id(CLUSTER), await store.now(), "the run begins"
        )
        cloud = next(
            each.cloud for each in self.controllers.values() if each.cloud and each.cloud.fleet.is_connected(host.id)
        )
        told = await order_start(vm, command_id=f"begin:{vm.id}", cloud=replace(cloud, store=store))
        assert isinstance(told, Done), told
        await change_vm(store, vm, VmEvent.OPERATION_SUCCEEDED, await store.now(), "the run begins")


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
        path=f"{vm.id}.qcow2",
        size_bytes=1 << 30,
    )


async def furnish(store: Store, plan: Plan) -> None:
    """A zone with one cluster of the plan's hosts on one shared pool."""
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
    await store.pools.add(
        StoragePool(
            id=POOL,
            zone_id=ZONE,
            pod_id=POD,
            cluster_id=CLUSTER,
            name="pool",
            created=BEGINNING,
            path="/pool",
            capacity_bytes=1 << 44,
        )
    )
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
