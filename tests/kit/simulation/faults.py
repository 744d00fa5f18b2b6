"""The alphabet of what can go wrong, and of what users do meanwhile.

Each letter draws its own details - where, how long - from the run's dice and becomes a `Happening`.  What an assumption of the design forbids
is not in the alphabet: clocks beyond rho, writes later than delta, a watchdog that says it is there and is not."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from mainstay_agent.drivers.simulated.bmc import Manner
from mainstay_agent.drivers.simulated.host import StorageCondition
from tests.kit.simulation import copies as copies_of_hosts
from tests.kit.simulation.database import Trouble
from tests.kit.simulation.leases import SlotTrouble
from tests.kit.simulation.loop import Process
from tests.kit.simulation.network import EVERYBODY, Weather
from tests.kit.simulation.plan import Happening

if TYPE_CHECKING:
    from tests.kit.simulation.cloud import SimulatedCloud
    from tests.kit.simulation.machines import Machine

POOL = "pool"
Do = Callable[["SimulatedCloud"], None]


@dataclass(frozen=True, slots=True)
class Scene:
    """What a letter may draw from."""

    chance: Random
    hosts: tuple[str, ...]
    controllers: tuple[str, ...]
    vms: tuple[str, ...]
    at: float
    pools: tuple[str, ...] = (POOL,)

    def host(self) -> str:
        return self.chance.choice(self.hosts)

    def controller(self) -> str:
        return self.chance.choice(self.controllers)

    def vm(self) -> str:
        return self.chance.choice(self.vms)

    def pool(self) -> str:
        return self.chance.choice(self.pools)

    def seconds(self, low: float, high: float) -> float:
        """Short ones as likely as long ones."""
        return low * math.exp(self.chance.random() * math.log(high / low))

    def lasts(self, name: str, begin: Do, end: Do, low: float = 1.0, high: float = 40.0) -> Happening:
        return Happening(at=self.at, name=name, begin=begin, end=end, seconds=self.seconds(low, high))

    def once(self, name: str, begin: Do) -> Happening:
        return Happening(at=self.at, name=name, begin=begin)


Letter = Callable[[Scene], Happening]


# --- the network --------------------------------------------------------------------------------------------------------


def _ways(
    name: str, ways: tuple[tuple[str, str], ...], scene: Scene, low: float = 1.0, high: float = 40.0
) -> Happening:
    def cut(cloud: SimulatedCloud) -> None:
        for source, target in ways:
            cloud.network.cut(source, target)

    def heal(cloud: SimulatedCloud) -> None:
        for source, target in ways:
            cloud.network.heal(source, target)

    return scene.lasts(name, cut, heal, low, high)


def host_cut_off(scene: Scene) -> Happening:
    host = scene.host()
    return _ways(f"{host} is cut off the network", ((host, EVERYBODY), (EVERYBODY, host)), scene)


def host_deaf(scene: Scene) -> Happening:
    host = scene.host()
    return _ways(f"nothing reaches {host}", ((EVERYBODY, host),), scene)


def host_mute(scene: Scene) -> Happening:
    host = scene.host()
    return _ways(f"nothing leaves {host}", ((host, EVERYBODY),), scene)


def way_cut(scene: Scene) -> Happening:
    ends = [scene.host(), scene.controller()]
    scene.chance.shuffle(ends)
    return _ways(f"nothing passes from {ends[0]} to {ends[1]}", ((ends[0], ends[1]),), scene)


def neighbours_cut(scene: Scene) -> Happening:
    one, other = scene.host(), scene.host()
    return _ways(f"{one} and {other} do not see each other", ((one, other), (other, one)), scene)


def controller_cut_off(scene: Scene) -> Happening:
    name = scene.controller()
    return _ways(f"{name} is cut off the hosts", ((name, EVERYBODY), (EVERYBODY, name)), scene)


def bad_weather(scene: Scene) -> Happening:
    loss = scene.chance.choice((0.02, 0.1, 0.3))
    seconds = scene.chance.choice((0.01, 0.1, 0.8))

    def begin(cloud: SimulatedCloud) -> None:
        cloud.network.weather = Weather(latency_seconds=0.001, jitter_seconds=seconds, loss=loss)

    def end(cloud: SimulatedCloud) -> None:
        cloud.network.weather = Weather()

    return scene.lasts(f"bad weather: {loss:.0%} lost, up to {seconds} s late", begin, end)


# --- storage ------------------------------------------------------------------------------------------------------------


def _storage(condition: StorageCondition, word: str, scene: Scene) -> Happening:
    host, pool = scene.host(), scene.pool()
    return scene.lasts(
        f"{pool} {word} for {host}",
        lambda cloud: cloud.host(host).set_storage(condition, pool),
        lambda cloud: cloud.host(host).set_storage(StorageCondition.OK, pool),
    )


def pool_hangs(scene: Scene) -> Happening:
    return _storage(StorageCondition.HANGS, "hangs", scene)


def pool_fails(scene: Scene) -> Happening:
    return _storage(StorageCondition.FAILS, "fails", scene)


def pool_stands_still(scene: Scene) -> Happening:
    pool = scene.pool()
    return scene.lasts(
        f"{pool} stands still for all", lambda cloud: cloud.world.still(pool), lambda cloud: cloud.world.move(pool)
    )


def pool_refuses_all(scene: Scene) -> Happening:
    pool = scene.pool()

    def set_all(cloud: SimulatedCloud, condition: StorageCondition) -> None:
        for machine in cloud.machines.values():
            machine.host.set_storage(condition, pool)

    return scene.lasts(
        f"{pool} fails for all",
        lambda cloud: set_all(cloud, StorageCondition.FAILS),
        lambda cloud: set_all(cloud, StorageCondition.OK),
    )


def _slots(name: str, trouble: SlotTrouble, scene: Scene) -> Happening:
    host = scene.host()

    def begin(cloud: SimulatedCloud) -> None:
        cloud.machines[host].slot_trouble = trouble

    def end(cloud: SimulatedCloud) -> None:
        cloud.machines[host].slot_trouble = SlotTrouble()

    return scene.lasts(f"{name} for {host}", begin, end, 3.0, 40.0)


def slow_slots(scene: Scene) -> Happening:
    seconds = scene.chance.choice((0.2, 1.0, 3.0))
    return _slots(f"slots answer after {seconds} s", SlotTrouble(slow_seconds=seconds), scene)


def slot_writes_fail(scene: Scene) -> Happening:
    share = scene.chance.choice((0.2, 0.6, 1.0))
    return _slots(f"{share:.0%} of slot writes err", SlotTrouble(write_errors=share), scene)


def no_slot_can_be_written(scene: Scene) -> Happening:
    """By anybody, while guests read and write their disks."""

    def set_all(cloud: SimulatedCloud, trouble: SlotTrouble) -> None:
        for machine in cloud.machines.values():
            machine.slot_trouble = trouble

    return scene.lasts(
        "no slot of the pool can be written",
        lambda cloud: set_all(cloud, SlotTrouble(write_errors=1.0)),
        lambda cloud: set_all(cloud, SlotTrouble()),
    )


def stale_slots(scene: Scene) -> Happening:
    seconds = scene.chance.choice((0.7, 3.0, 12.0))
    return _slots(f"slots read as {seconds} s ago", SlotTrouble(stale_seconds=seconds), scene)


def slots_acknowledge_late(scene: Scene) -> Happening:
    """So late that the next renewal is long due, and not so late that the lease runs out."""
    seconds = scene.chance.uniform(3.0, 4.5)
    return _slots(
        f"slot writes are acknowledged {seconds:.1f} s later", SlotTrouble(acknowledges_after_seconds=seconds), scene
    )


def slot_reads_freeze_for_all(scene: Scene) -> Happening:
    """As with a cache that is refreshed no more."""

    def set_all(cloud: SimulatedCloud, trouble: SlotTrouble) -> None:
        for machine in cloud.machines.values():
            machine.slot_trouble = trouble

    return scene.lasts(
        "all read the slots as they stand now",
        lambda cloud: set_all(cloud, SlotTrouble(reads_frozen=True)),
        lambda cloud: set_all(cloud, SlotTrouble()),
    )


def host_isolated(scene: Scene) -> Happening:
    """Both its networks: no controller, no storage."""
    host = scene.host()

    def begin(cloud: SimulatedCloud) -> None:
        cloud.network.cut(host, EVERYBODY)
        cloud.network.cut(EVERYBODY, host)
        cloud.host(host).set_storage(StorageCondition.HANGS, POOL)

    def end(cloud: SimulatedCloud) -> None:
        cloud.network.heal(host, EVERYBODY)
        cloud.network.heal(EVERYBODY, host)
        cloud.host(host).set_storage(StorageCondition.OK, POOL)

    return scene.lasts(f"{host} is cut off network and storage", begin, end, 2.0, 40.0)


# --- hypervisors and guests -----------------------------------------------------------------------------------------------


def daemon_hangs(scene: Scene) -> Happening:
    host = scene.host()
    return scene.lasts(
        f"the hypervisor's daemon of {host} hangs",
        lambda cloud: cloud.host(host).hang_daemon(),
        lambda cloud: cloud.host(host).wake_daemon(),
    )


def events_lost(scene: Scene) -> Happening:
    host = scene.host()

    def set_share(cloud: SimulatedCloud, lost: float, doubled: float) -> None:
        cloud.host(host).events_lost, cloud.host(host).events_doubled = lost, doubled

    return scene.lasts(
        f"events of {host} are lost and doubled",
        lambda cloud: set_share(cloud, 0.5, 0.5),
        lambda cloud: set_share(cloud, 0.0, 0.0),
        5.0,
        40.0,
    )


def starts_fail(scene: Scene) -> Happening:
    host, times = scene.host(), scene.chance.choice((1, 3, 8))

    def begin(cloud: SimulatedCloud) -> None:
        cloud.host(host).starts_to_fail = times

    def end(cloud: SimulatedCloud) -> None:
        cloud.host(host).starts_to_fail = 0

    return scene.lasts(f"{times} starts fail on {host}", begin, end, 10.0, 40.0)


def kills_hang(scene: Scene) -> Happening:
    host = scene.host()
    return scene.lasts(
        f"no guest of {host} can be killed",
        lambda cloud: cloud.host(host).kills_work.clear(),
        lambda cloud: cloud.host(host).kills_work.set(),
    )


def migration_acks_lost(scene: Scene) -> Happening:
    def set_lost(cloud: SimulatedCloud, lost: bool) -> None:
        cloud.world.migration_acks_lost = lost

    return scene.lasts(
        "migrations end without a word", lambda cloud: set_lost(cloud, True), lambda cloud: set_lost(cloud, False)
    )


def _guest(name: str, hurt: Callable[[SimulatedCloud, str], object], scene: Scene) -> Happening:
    vm = scene.vm()

    def begin(cloud: SimulatedCloud) -> None:
        if any(host.living(vm) for host in cloud.world.hosts.values()):
            hurt(cloud, vm)

    return scene.once(f"{vm} {name}", begin)


def guest_crashes(scene: Scene) -> Happening:
    return _guest("crashes", lambda cloud, vm: cloud.world.crash_guest(vm), scene)


def guest_shuts_down(scene: Scene) -> Happening:
    def shut_down(cloud: SimulatedCloud, vm: str) -> None:
        cloud.watch.excused.add(vm)
        cloud.world.shut_down_guest(vm)

    return _guest("shuts itself down", shut_down, scene)


def outsider_destroys(scene: Scene) -> Happening:
    return _guest("is destroyed by an outsider", lambda cloud, vm: cloud.world.destroy_by_outsider(vm), scene)


# --- machines and processes ---------------------------------------------------------------------------------------------


def power_lost(scene: Scene) -> Happening:
    host = scene.host()
    return scene.lasts(
        f"{host} loses power",
        lambda cloud: cloud.host(host).power_off(),
        lambda cloud: cloud.host(host).power_on(),
        0.5,
        60.0,
    )


def site_loses_power(scene: Scene) -> Happening:
    def switch(cloud: SimulatedCloud, on: bool) -> None:
        for machine in cloud.machines.values():
            machine.host.power_on() if on else machine.host.power_off()

    return scene.lasts("all hosts lose power", lambda cloud: switch(cloud, False), lambda cloud: switch(cloud, True))


def host_reset(scene: Scene) -> Happening:
    host = scene.host()
    return scene.once(f"{host} is reset", lambda cloud: cloud.host(host).reset())


def host_stalls(scene: Scene) -> Happening:
    host = scene.host()
    return scene.lasts(
        f"{host} stands still",
        lambda cloud: cloud.machines[host].stall(),
        lambda cloud: cloud.machines[host].go_on(),
    )


def _process(name: str, of: Callable[[Machine], Process | None], host: str, scene: Scene) -> Happening:
    stopped: list[Process] = []

    def stop(cloud: SimulatedCloud) -> None:
        process = of(cloud.machines[host])
        if process is not None and process.alive and not process.paused:
            process.pause()
            stopped.append(process)

    def go_on(cloud: SimulatedCloud) -> None:
        for process in stopped:
            if not cloud.host(host).is_stalled:
                process.resume()

    return scene.lasts(f"{name} of {host} is stopped", stop, go_on)


def agent_stopped(scene: Scene) -> Happening:
    return _process("the agent", lambda machine: machine.agent, scene.host(), scene)


def leased_stopped(scene: Scene) -> Happening:
    return _process("the lease daemon", lambda machine: machine.leased, scene.host(), scene)


def agent_killed(scene: Scene) -> Happening:
    host = scene.host()
    return scene.once(f"the agent of {host} is killed", lambda cloud: _kill(cloud.machines[host].agent))


def leased_killed(scene: Scene) -> Happening:
    host = scene.host()
    return scene.once(f"the lease daemon of {host} is killed", lambda cloud: _kill(cloud.machines[host].leased))


def _kill(process: Process | None) -> None:
    if process is not None and process.alive:
        process.kill()


def a_copy_comes(scene: Scene) -> Happening:
    """Of a host's disks, in another machine."""
    host = scene.host()
    copies: list[Process] = []
    return scene.lasts(
        f"a copy of {host} is booted",
        lambda cloud: copies.append(copies_of_hosts.begin(cloud, host)),
        lambda _cloud: copies.pop().kill(),
    )


def controller_stopped(scene: Scene) -> Happening:
    name = scene.controller()
    stopped: list[Process] = []

    def stop(cloud: SimulatedCloud) -> None:
        process = cloud.controllers[name].process
        if process is not None and process.alive and not process.paused:
            process.pause()
            stopped.append(process)

    def go_on(_cloud: SimulatedCloud) -> None:
        for process in stopped:
            process.resume()

    return scene.lasts(f"{name} is stopped", stop, go_on)


def controller_killed(scene: Scene) -> Happening:
    name = scene.controller()
    return scene.once(f"{name} is killed", lambda cloud: _kill(cloud.controllers[name].process))


def controller_dies_at_a_call(scene: Scene) -> Happening:
    """Between two lines of whatever it is doing: at one of its next calls to the database, which is not carried out."""
    name, calls = scene.controller(), scene.chance.choice((1, 3, 10, 30, 100))

    def aim(cloud: SimulatedCloud) -> None:
        way = cloud.controllers[name].way_to_database
        way.die = lambda: _kill(cloud.controllers[name].process)
        way.fatal_call = calls

    def spare(cloud: SimulatedCloud) -> None:
        cloud.controllers[name].way_to_database.fatal_call = 0

    return scene.lasts(f"{name} dies at call {calls} to the database", aim, spare, 5.0, 20.0)


def controller_away(scene: Scene) -> Happening:
    """Killed, and not started again for a while."""
    name = scene.controller()
    return scene.lasts(
        f"{name} is down",
        lambda cloud: cloud.controllers[name].switch(False),
        lambda cloud: cloud.controllers[name].switch(True),
    )


def wall_clock_jumps(scene: Scene) -> Happening:
    who = scene.chance.choice((scene.host(), scene.controller()))
    seconds = scene.chance.choice((-86400.0, -60.0, 60.0, 86400.0))

    def jump(cloud: SimulatedCloud) -> None:
        machine = cloud.machines[who] if who in cloud.machines else cloud.controllers[who]
        machine.clock.wall_error_seconds += seconds

    return scene.once(f"the wall clock of {who} jumps by {seconds:g} s", jump)


# --- power controllers ----------------------------------------------------------------------------------------------------


def bmc_manner(scene: Scene) -> Happening:
    host, manner = scene.host(), scene.chance.choice([each for each in Manner if each is not Manner.HONEST])

    def set_manner(cloud: SimulatedCloud, manner: Manner) -> None:
        cloud.world.bmcs[host].manner = manner

    return scene.lasts(
        f"the BMC of {host} is {manner}",
        lambda cloud: set_manner(cloud, manner),
        lambda cloud: set_manner(cloud, Manner.HONEST),
        10.0,
        60.0,
    )


def bmc_of_another(scene: Scene) -> Happening:
    """Cabled to the wrong machine: it tells of that one's power, and switches that one off."""
    host, other = scene.host(), scene.host()

    def swap(cloud: SimulatedCloud) -> None:
        bmcs = cloud.world.bmcs
        bmcs[host], bmcs[other] = bmcs[other], bmcs[host]

    return scene.lasts(f"the BMCs of {host} and {other} are swapped", swap, swap, 10.0, 60.0)


def bmc_slow(scene: Scene) -> Happening:
    host, seconds = scene.host(), scene.chance.choice((2.0, 8.0))

    def set_delay(cloud: SimulatedCloud, seconds: float) -> None:
        cloud.world.bmcs[host].delay_seconds = seconds

    return scene.lasts(
        f"the BMC of {host} takes {seconds} s",
        lambda cloud: set_delay(cloud, seconds),
        lambda cloud: set_delay(cloud, 0.0),
        10.0,
        60.0,
    )


# --- the database -----------------------------------------------------------------------------------------------------------


def _database(
    name: str,
    at: Callable[[SimulatedCloud], Trouble],
    trouble: Trouble,
    scene: Scene,
    low: float = 1.0,
    high: float = 40.0,
) -> Happening:
    def set_trouble(cloud: SimulatedCloud, trouble: Trouble) -> None:
        place = at(cloud)
        place.away, place.latency_seconds = trouble.away, trouble.latency_seconds
        place.lost_acknowledgements = trouble.lost_acknowledgements

    calm = Trouble()
    return scene.lasts(
        name, lambda cloud: set_trouble(cloud, trouble), lambda cloud: set_trouble(cloud, calm), low, high
    )


def database_away(scene: Scene) -> Happening:
    return _database("the database is away", lambda cloud: cloud.database.trouble, Trouble(away=True), scene)


def database_slow(scene: Scene) -> Happening:
    seconds = scene.chance.choice((0.05, 0.5, 2.0))
    trouble = Trouble(latency_seconds=seconds)
    return _database(f"the database takes {seconds} s", lambda cloud: cloud.database.trouble, trouble, scene)


def database_crawls(scene: Scene) -> Happening:
    """So slow that controllers come close to losing their places, and some do."""
    seconds = scene.chance.uniform(1.5, 4.0)
    trouble = Trouble(latency_seconds=seconds)
    return _database(f"the database takes up to {seconds:.1f} s", lambda cloud: cloud.database.trouble, trouble, scene)


def commits_unacknowledged(scene: Scene) -> Happening:
    share = scene.chance.choice((0.1, 0.5))
    trouble = Trouble(lost_acknowledgements=share)
    return _database(
        f"{share:.0%} of commits are not acknowledged", lambda cloud: cloud.database.trouble, trouble, scene
    )


def database_fails_over(scene: Scene) -> Happening:
    """Some seconds of nothing, and whoever was committing when it began or ended is not told."""
    return _database(
        "the database fails over",
        lambda cloud: cloud.database.trouble,
        Trouble(away=True, lost_acknowledgements=1.0),
        scene,
        low=2.0,
        high=12.0,
    )


def controller_without_database(scene: Scene) -> Happening:
    name = scene.controller()
    return _database(
        f"{name} is cut off the database",
        lambda cloud: cloud.controllers[name].way_to_database,
        Trouble(away=True),
        scene,
    )
