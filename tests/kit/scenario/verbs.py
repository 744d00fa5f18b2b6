"""The deeds a script may name: sentences, and what each does to the cloud."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from mainstay_agent.drivers.simulated.bmc import Manner
from mainstay_agent.drivers.simulated.host import StorageCondition
from mainstay_controller.domain.ids import ClusterId, ControllerId, HostId, OfferingId, VmId, ZoneId
from mainstay_controller.domain.lifecycle.resource import ResourceEvent
from mainstay_controller.domain.states import AllocationState
from mainstay_controller.operations.beginning.first_admin import ADMIN_ACCOUNT_ID, ROOT_DOMAIN_ID
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.hosts.set_allocation_state import set_host_allocation
from mainstay_controller.operations.maintenance import drain_host, prepare_shutdown
from mainstay_controller.operations.orders.choose_host import Wish
from mainstay_controller.operations.places.update_places import ClusterChange, update_cluster
from mainstay_controller.operations.vms import deploy_vm, destroy_vm, migrate_vm, reboot_vm, start_vm, stop_vm
from tests.kit.scenario.cloud import StoryCloud
from tests.kit.scenario.telling import Kind
from tests.kit.simulation.database import Trouble
from tests.kit.simulation.furniture import TEMPLATE
from tests.kit.simulation.leases import SlotTrouble
from tests.kit.simulation.loop import Process, sim_loop
from tests.kit.simulation.machines import Machine
from tests.kit.simulation.network import EVERYBODY, Weather
from tests.kit.simulation.users import NO, USER

Names = Sequence[str]
Deed = Callable[..., None]
Request = Callable[[Cloud], Awaitable[object]]

VERBS: dict[str, Deed] = {}
TWIN_SECONDS = 1.0  # between its renewals


def verb(form: str) -> Callable[[Deed], Deed]:
    def known(deed: Deed) -> Deed:
        VERBS[form] = deed
        return deed

    return known


# --- power ------------------------------------------------------------------------------------------------------------


@verb("power off {hosts}")
def power_off(cloud: StoryCloud, hosts: Names) -> None:
    for host in hosts:
        cloud.host(host).power_off()


@verb("power on {hosts}")
def power_on(cloud: StoryCloud, hosts: Names) -> None:
    for host in hosts:
        cloud.host(host).power_on()


@verb("reset {hosts}")
def reset(cloud: StoryCloud, hosts: Names) -> None:
    for host in hosts:
        cloud.host(host).reset()


@verb("let {hosts} stand still")
def stand_still(cloud: StoryCloud, hosts: Names) -> None:
    for host in hosts:
        cloud.machines[host].stall()


@verb("let {hosts} go on")
def go_on(cloud: StoryCloud, hosts: Names) -> None:
    for host in hosts:
        cloud.machines[host].go_on()


@verb("make the BMC of {hosts} {manner}")
def bmc_manner(cloud: StoryCloud, hosts: Names, manner: str) -> None:
    for host in hosts:
        cloud.world.bmcs[host].manner = Manner(manner)


@verb("let the BMC of {hosts} take {seconds} s")
def bmc_delay(cloud: StoryCloud, hosts: Names, seconds: float) -> None:
    for host in hosts:
        cloud.world.bmcs[host].delay_seconds = seconds


@verb("wire the BMC of {host} to {other}")
def bmc_wired(cloud: StoryCloud, host: str, other: str) -> None:
    cloud.world.bmcs[host] = cloud.world.bmcs[other]


# --- the network ------------------------------------------------------------------------------------------------------


@verb("cut {machines} off the network")
def cut_off(cloud: StoryCloud, machines: Names) -> None:
    for machine in machines:
        cloud.network.cut(machine, EVERYBODY)
        cloud.network.cut(EVERYBODY, machine)


@verb("bring {machines} back to the network")
def bring_back(cloud: StoryCloud, machines: Names) -> None:
    for machine in machines:
        cloud.network.heal(machine, EVERYBODY)
        cloud.network.heal(EVERYBODY, machine)


@verb("cut {machine} from {peer}")
def cut_between(cloud: StoryCloud, machine: str, peer: str) -> None:
    cloud.network.cut(machine, peer)
    cloud.network.cut(peer, machine)


@verb("join {machine} with {peer}")
def join(cloud: StoryCloud, machine: str, peer: str) -> None:
    cloud.network.heal(machine, peer)
    cloud.network.heal(peer, machine)


@verb("lose what {machine} sends")
def mute(cloud: StoryCloud, machine: str) -> None:
    cloud.network.cut(machine, EVERYBODY)


@verb("let through what {machine} sends")
def unmute(cloud: StoryCloud, machine: str) -> None:
    cloud.network.heal(machine, EVERYBODY)


@verb("lose {percent} % on the network, {seconds} s late")
def weather(cloud: StoryCloud, percent: float, seconds: float) -> None:
    cloud.network.weather = Weather(latency_seconds=0.001, jitter_seconds=seconds, loss=percent / 100)


@verb("clear the network")
def clear_weather(cloud: StoryCloud) -> None:
    cloud.network.weather = Weather()


# --- storage ----------------------------------------------------------------------------------------------------------


@verb("hang {pool} for {hosts}")
def hang_pool(cloud: StoryCloud, pool: str, hosts: Names) -> None:
    for host in hosts:
        cloud.host(host).set_storage(StorageCondition.HANGS, pool)


@verb("break {pool} for {hosts}")
def break_pool(cloud: StoryCloud, pool: str, hosts: Names) -> None:
    for host in hosts:
        cloud.host(host).set_storage(StorageCondition.FAILS, pool)


@verb("mend {pool} for {hosts}")
def mend_pool(cloud: StoryCloud, pool: str, hosts: Names) -> None:
    for host in hosts:
        cloud.host(host).set_storage(StorageCondition.OK, pool)


@verb("stop {pool} itself")
def still_pool(cloud: StoryCloud, pool: str) -> None:
    cloud.world.still(pool)


@verb("start {pool} itself")
def move_pool(cloud: StoryCloud, pool: str) -> None:
    cloud.world.move(pool)


@verb("show {hosts} lease slots {seconds} s old")
def stale_slots(cloud: StoryCloud, hosts: Names, seconds: float) -> None:
    for host in hosts:
        cloud.machines[host].slot_trouble = SlotTrouble(stale_seconds=seconds)


@verb("show {hosts} lease slots as they are")
def true_slots(cloud: StoryCloud, hosts: Names) -> None:
    for host in hosts:
        cloud.machines[host].slot_trouble = SlotTrouble()


@verb("let a twin of {host} write its lease slots")
def twin(cloud: StoryCloud, host: str, sequence: int = 1) -> None:
    """Another machine that was given the same name renews where {host} renews, from now on."""
    for place, slot in list(cloud.world.slots.items()):
        if slot.owner is not None and slot.owner.host_id == host:
            owner = replace(slot.owner, boot_id=f"twin of {host}", sequence=sequence)
            cloud.world.slots[place] = replace(slot, owner=owner)
    sim_loop().of_nobody_later(TWIN_SECONDS, twin, cloud, host, sequence + 1)


# --- hypervisors and guests -------------------------------------------------------------------------------------------


@verb("hang the hypervisor of {hosts}")
def hang_hypervisor(cloud: StoryCloud, hosts: Names) -> None:
    for host in hosts:
        cloud.host(host).hang_daemon()


@verb("wake the hypervisor of {hosts}")
def wake_hypervisor(cloud: StoryCloud, hosts: Names) -> None:
    for host in hosts:
        cloud.host(host).wake_daemon()


@verb("let {count} starts fail on {hosts}")
def starts_fail(cloud: StoryCloud, count: float, hosts: Names) -> None:
    for host in hosts:
        cloud.host(host).starts_to_fail = int(count)


@verb("lose {percent} % of the events of {hosts}")
def lose_events(cloud: StoryCloud, percent: float, hosts: Names) -> None:
    for host in hosts:
        cloud.host(host).events_lost = percent / 100


@verb("lose the last word of migrations")
def lose_migration_acks(cloud: StoryCloud) -> None:
    cloud.world.migration_acks_lost = True


@verb("let no guest of {hosts} be killed")
def kills_hang(cloud: StoryCloud, hosts: Names) -> None:
    for host in hosts:
        cloud.host(host).kills_work.clear()


@verb("let guests of {hosts} be killed")
def kills_work(cloud: StoryCloud, hosts: Names) -> None:
    for host in hosts:
        cloud.host(host).kills_work.set()


@verb("crash {guests}")
def crash(cloud: StoryCloud, guests: Names) -> None:
    for guest in guests:
        cloud.world.crash_guest(guest)


@verb("shut {guests} down from inside")
def shut_down(cloud: StoryCloud, guests: Names) -> None:
    for guest in guests:
        cloud.watch.excused.add(guest)
        cloud.world.shut_down_guest(guest)


@verb("destroy {guest} behind our back")
def destroy_behind(cloud: StoryCloud, guest: str) -> None:
    cloud.world.destroy_by_outsider(guest)


@verb("hang {guest}")
def hang_guest(cloud: StoryCloud, guest: str) -> None:
    cloud.world.hang_guest(guest)


@verb("wake {guest}")
def wake_guest(cloud: StoryCloud, guest: str) -> None:
    cloud.world.wake_guest(guest)


# --- processes --------------------------------------------------------------------------------------------------------


def _agent(machine: Machine) -> Process | None:
    return machine.agent


def _leased(machine: Machine) -> Process | None:
    return machine.leased


def _alive(of: Callable[[Machine], Process | None], cloud: StoryCloud, hosts: Names) -> list[Process]:
    found = [of(cloud.machines[host]) for host in hosts]
    return [process for process in found if process is not None and process.alive]


@verb("stop the agent of {hosts}")
def stop_agent(cloud: StoryCloud, hosts: Names) -> None:
    for process in _alive(_agent, cloud, hosts):
        process.pause()


@verb("continue the agent of {hosts}")
def continue_agent(cloud: StoryCloud, hosts: Names) -> None:
    for process in _alive(_agent, cloud, hosts):
        process.resume()


@verb("kill the agent of {hosts}")
def kill_agent(cloud: StoryCloud, hosts: Names) -> None:
    for process in _alive(_agent, cloud, hosts):
        process.kill()


@verb("stop the lease daemon of {hosts}")
def stop_leased(cloud: StoryCloud, hosts: Names) -> None:
    for process in _alive(_leased, cloud, hosts):
        process.pause()


@verb("continue the lease daemon of {hosts}")
def continue_leased(cloud: StoryCloud, hosts: Names) -> None:
    for process in _alive(_leased, cloud, hosts):
        process.resume()


@verb("kill the lease daemon of {hosts}")
def kill_leased(cloud: StoryCloud, hosts: Names) -> None:
    for process in _alive(_leased, cloud, hosts):
        process.kill()


@verb("turn the wall clock of {machines} by {seconds} s")
def turn_clock(cloud: StoryCloud, machines: Names, seconds: float) -> None:
    for name in machines:
        machine = cloud.machines[name] if name in cloud.machines else cloud.controllers[name]
        machine.clock.wall_error_seconds += seconds


# --- controllers ------------------------------------------------------------------------------------------------------


@verb("kill {controllers}")
def kill_controller(cloud: StoryCloud, controllers: Names) -> None:
    """Its service manager starts it again."""
    for name in controllers:
        process = cloud.controllers[name].process
        if process is not None and process.alive:
            process.kill()


@verb("switch off {controllers}")
def switch_off(cloud: StoryCloud, controllers: Names) -> None:
    for name in controllers:
        cloud.controllers[name].switch(False)


@verb("switch on {controllers}")
def switch_on(cloud: StoryCloud, controllers: Names) -> None:
    for name in controllers:
        cloud.controllers[name].switch(True)


@verb("pause {controllers}")
def pause_controller(cloud: StoryCloud, controllers: Names) -> None:
    for name in controllers:
        process = cloud.controllers[name].process
        if process is not None and process.alive:
            process.pause()


@verb("resume {controllers}")
def resume_controller(cloud: StoryCloud, controllers: Names) -> None:
    for name in controllers:
        process = cloud.controllers[name].process
        if process is not None and process.paused:
            process.resume()


# --- the database -----------------------------------------------------------------------------------------------------


def _trouble(place: Trouble, trouble: Trouble) -> None:
    place.away, place.latency_seconds = trouble.away, trouble.latency_seconds
    place.lost_acknowledgements = trouble.lost_acknowledgements


@verb("take the database away")
def database_away(cloud: StoryCloud) -> None:
    _trouble(cloud.database.trouble, Trouble(away=True))


@verb("bring the database back")
def database_back(cloud: StoryCloud) -> None:
    _trouble(cloud.database.trouble, Trouble())


@verb("lose {percent} % of the acknowledgements of commits")
def lose_acknowledgements(cloud: StoryCloud, percent: float) -> None:
    _trouble(cloud.database.trouble, Trouble(lost_acknowledgements=percent / 100))


@verb("cut {controllers} off the database")
def cut_off_database(cloud: StoryCloud, controllers: Names) -> None:
    for name in controllers:
        _trouble(cloud.controllers[name].way_to_database, Trouble(away=True))


@verb("bring {controllers} back to the database")
def back_to_database(cloud: StoryCloud, controllers: Names) -> None:
    for name in controllers:
        _trouble(cloud.controllers[name].way_to_database, Trouble())


# --- people -----------------------------------------------------------------------------------------------------------


def ask(cloud: StoryCloud, request: Request, controller: str = "") -> None:
    """Of that controller, or of the first that lives; whoever gets no answer is told so."""
    asked = next((each for each in cloud.controllers.values() if each.lives() and controller in ("", each.name)), None)
    if asked is None or asked.cloud is None or asked.process is None:
        cloud.telling.tell(Kind.USER, "", "no controller answers")
        return
    asked.process.spawn(_asked(cloud, asked.cloud, request))


async def _asked(cloud: StoryCloud, at: Cloud, request: Request) -> None:
    try:
        await request(at)
    except NO as error:
        cloud.telling.tell(Kind.USER, "", f"is told: {type(error).__name__}: {error}")


@verb("user stops {guests}")
def stops(cloud: StoryCloud, guests: Names) -> None:
    for guest in guests:
        ask(cloud, lambda at, vm=guest: stop_vm.begin(VmId(vm), USER, at))  # type: ignore[misc]


@verb("user forces {guest} to stop")
def forces(cloud: StoryCloud, guest: str) -> None:
    ask(cloud, lambda at: stop_vm.begin(VmId(guest), USER, at, forced=True))


@verb("user starts {guest}")
def starts(cloud: StoryCloud, guest: str) -> None:
    ask(cloud, lambda at: start_vm.begin(VmId(guest), Wish(by_root=True), USER, at))


@verb("user reboots {guest}")
def reboots(cloud: StoryCloud, guest: str) -> None:
    ask(cloud, lambda at: reboot_vm.begin(VmId(guest), USER, at))


@verb("user destroys {guest}")
def destroys(cloud: StoryCloud, guest: str) -> None:
    ask(cloud, lambda at: destroy_vm.begin(VmId(guest), USER, at, expunge=True))


@verb("user deploys {name} of {offering}")
def deploys(cloud: StoryCloud, name: str, offering: str) -> None:
    new = deploy_vm.NewVm(
        name=name,
        zone_id=ZoneId(cloud.spec.zones[0]),
        service_offering_id=OfferingId(offering),
        template_id=TEMPLATE,
        account_id=ADMIN_ACCOUNT_ID,
        domain_id=ROOT_DOMAIN_ID,
    )
    ask(cloud, lambda at: deploy_vm.begin(new, USER, at))


@verb("operator migrates {guest} to {host}")
def migrates(cloud: StoryCloud, guest: str, host: str) -> None:
    ask(cloud, lambda at: migrate_vm.begin(VmId(guest), USER, at, host_id=HostId(host)))


@verb("operator puts {host} into maintenance")
def maintains(cloud: StoryCloud, host: str) -> None:
    ask(cloud, lambda at: drain_host.begin(HostId(host), USER, at))


@verb("operator ends the maintenance of {host}")
def ends_maintenance(cloud: StoryCloud, host: str) -> None:
    ask(cloud, lambda at: drain_host.cancel(HostId(host), at))


@verb("operator disables the cluster {cluster}")
def disables_cluster(cloud: StoryCloud, cluster: str) -> None:
    ask(cloud, _cluster_becomes(cluster, AllocationState.DISABLED))


@verb("operator enables the cluster {cluster}")
def enables_cluster(cloud: StoryCloud, cluster: str) -> None:
    ask(cloud, _cluster_becomes(cluster, AllocationState.ENABLED))


@verb("operator disables {host}")
def disables(cloud: StoryCloud, host: str) -> None:
    ask(cloud, lambda at: set_host_allocation(HostId(host), ResourceEvent.DISABLE, at))


@verb("operator enables {host}")
def enables(cloud: StoryCloud, host: str) -> None:
    ask(cloud, lambda at: set_host_allocation(HostId(host), ResourceEvent.ENABLE, at))


def _cluster_becomes(name: str, state: AllocationState) -> Request:
    async def change(at: Cloud) -> object:
        cluster = await at.store.clusters.by_id(ClusterId(name))
        return await update_cluster(cluster, ClusterChange(allocation_state=state), at)

    return change


@verb("operator drains controller {controller}")
def drains_controller(cloud: StoryCloud, controller: str) -> None:
    ask(cloud, lambda at: prepare_shutdown.prepare(ControllerId(controller), at))


@verb("operator acknowledges all alerts")
def acknowledges(cloud: StoryCloud) -> None:
    async def all_of_them(at: Cloud) -> object:
        for alert in await at.store.alerts.find():
            if alert.state == "Open":
                await at.store.alerts.swap(alert, replace(alert, state="Acknowledged"))
        return None

    ask(cloud, all_of_them)
