"""The simulated cloud: put together from a plan, furnished, with guests running, and healed at the end."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import cast

from mainstay_agent.drivers.simulated.world import Pace
from mainstay_controller.domain.ids import HostId
from mainstay_controller.domain.lifecycle.vm import VmEvent
from mainstay_controller.domain.records import Vm, Volume
from mainstay_controller.domain.states import HostState
from mainstay_controller.fleet.outcome import Done
from mainstay_controller.fleet.power.port import PowerControllers
from mainstay_controller.operations.change_state import change_vm
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.orders.start_orders import order_start, raise_epoch
from mainstay_controller.store.port import Store
from mainstay_proto.messages import HostFacts
from tests.kit.simulated_power import SimulatedPower
from tests.kit.simulation.clocks import MachineClock, pause
from tests.kit.simulation.controllers import ADDRESS, ControllerHost
from tests.kit.simulation.database import Database, SimulatedStore, Trouble
from tests.kit.simulation.furniture import a_vm, a_volume, facts_of, furnish
from tests.kit.simulation.machines import Machine
from tests.kit.simulation.network import Network
from tests.kit.simulation.plan import Plan
from tests.kit.simulation.story import Story
from tests.kit.simulation.watch import Watch
from tests.kit.simulation.world import HarshHost, HarshWorld
from tests.kit.virtual_time import SeededRng

HOST_BOOT_SECONDS = 8.0
BEGIN_SECONDS = 60.0
BEGIN_ATTEMPTS_MAX = 5
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
        self.watch = Watch(self, harmless=plan.is_harmless)
        self.world.on_copy = self.watch.copy_changed
        self.world.on_end = self.watch.copy_ended
        self.world.on_violation = self.watch.written_twice
        self.world.on_removal = self.watch.file_removed
        self.network = Network(self.chance)
        self.database = Database(self.chance, truth, on_commit=self.watch.rows_changed)
        self.power = PowerControllers({"simulated": SimulatedPower(self.world)})
        rates = iter(plan.clock_rates)
        machines = self.machines_planned()
        names = [facts.host_id for facts in machines]
        controllers = [f"c{number}" for number in range(1, plan.controllers + 1)]
        addresses = tuple(ADDRESS.format(name) for name in controllers)
        self.machines = {
            facts.host_id: Machine(
                self.world,
                self.world.add_host(facts),
                self.network,
                clock=MachineClock(rate=next(rates, 1.0), began=self.chance.uniform(0, 1e6)),
                rng=rng,
                controllers=addresses,
                broke=self._broke,
            )
            for facts in machines
        }
        for machine in self.machines.values():
            machine.host.watchdog_rate = next(rates, 1.0)
            machine.host.has_watchdog = machine.host.host_id not in plan.without_watchdog
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

    # --- what a cloud of another shape has of its own ---

    def machines_planned(self) -> list[HostFacts]:
        return [facts_of(f"h{number}") for number in range(1, self.plan.hosts + 1)]

    async def furnish(self) -> None:
        await furnish(self.store, self.plan)

    async def run_guests(self) -> None:
        names = sorted(self.machines)
        for number in range(self.plan.vms):
            vm = a_vm(f"vm{number + 1}")
            await self.run_guest(vm, [a_volume(vm)], names[number % len(names)])

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
        await self.furnish()
        for controller in self.controllers.values():
            controller.meet(self.controllers)
            controller.start()
        for machine in self.machines.values():
            machine.boot(self.chance.uniform(0.1, 1.0))
        async with asyncio.timeout(BEGIN_SECONDS):
            while not await self._all_up():
                await pause(0.25)
        await pause(LEASES_TOLD_SECONDS)
        await self.run_guests()

    async def _all_up(self) -> bool:
        hosts = await self.store.hosts.find()
        return all(host.state is HostState.UP for host in hosts)

    async def run_guest(self, vm: Vm, volumes: Sequence[Volume], on: str) -> None:
        store = self.store
        vm = await store.vms.add(vm)
        for volume in volumes:
            await store.volumes.add(volume)
        host = await store.hosts.by_id(on)
        vm = await raise_epoch(
            store, vm, host, await store.clusters.by_id(host.cluster_id), await store.now(), "the run begins"
        )
        await self._start(vm, on)
        await change_vm(store, vm, VmEvent.OPERATION_SUCCEEDED, await store.now(), "the run begins")

    async def _start(self, vm: Vm, on: str) -> None:
        """A controller that only heard of the host through another may know its lease too late; then it is ordered again."""
        for attempt in itertools.count():
            clouds = (each.cloud for each in self.controllers.values() if each.cloud is not None)
            cloud = next(each for each in clouds if each.fleet.is_connected(HostId(on)))
            told = await order_start(vm, command_id=f"begin:{vm.id}:{attempt}", cloud=replace(cloud, store=self.store))
            if isinstance(told, Done):
                return
            assert attempt < BEGIN_ATTEMPTS_MAX, f"{vm.name} could not be started before the run began: {told}"
            await pause(LEASES_TOLD_SECONDS)

    def end(self) -> None:
        """Every process dies, so that its tasks unwind."""
        for machine in self.machines.values():
            machine.die()
        for controller in self.controllers.values():
            controller.switch(False)

    def heal(self) -> None:
        """Nothing is broken any more, and everything that was switched off is on."""
        self.network.heal_all()
        for controller in self.controllers.values():
            controller.switch(True)
        self.switch_on_hosts()

    def switch_on_hosts(self) -> None:
        for machine in self.machines.values():
            machine.host.power_on()
