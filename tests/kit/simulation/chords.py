"""Letters that hurt only together, drawn in step: which host, when and for how long is still the dice's to say.

A rule of the survival protocol is seldom needed by one fault alone: that a lease ends too late shows only where a host is cut off *and* its
guests cannot be killed.  Letters drawn one by one meet in such a way once in thousands of runs; a chord makes them meet in every run, or nearly.
Each is named after the situation it makes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random

from tests.kit.simulation import faults, users
from tests.kit.simulation.faults import Letter, Scene
from tests.kit.simulation.furniture import DATA_POOL
from tests.kit.simulation.plan import Happening, Plan
from tests.kit.simulation.schedule import rate

HOSTS, GUESTS = 5, (5, 9)
EARLIEST_AT, LATEST_AT = 27.0, 45.0
"""Holds that a controller cannot know are over some 25 s after it began; all is healed at 90 s."""

Draw = Callable[[Scene], Iterator[Happening]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chord:
    """`draw` is given the whole cloud and the moment of the first letter."""

    draw: Draw
    controllers: tuple[int, ...] = (1, 1, 2)
    profiles: tuple[str, ...] = ("fast",)
    fence_policies: tuple[str, ...] = ("keep",)
    bmcs: bool = False
    watchdogs: bool = True
    has_data_disks: bool = False  # to be attached, on a pool of their own
    is_harmless: bool = False  # no guest may die of it


def plan_of(seed: int, chord: Chord | None = None) -> Plan:
    """Of that chord; if none is named, each has its turn."""
    chord = chord or tuple(CHORDS.values())[seed % len(CHORDS)]
    chance = Random(seed)
    controllers, vms = chance.choice(chord.controllers), chance.randint(*GUESTS)
    scene = Scene(
        chance=chance,
        hosts=tuple(f"h{number}" for number in range(1, HOSTS + 1)),
        controllers=tuple(f"c{number}" for number in range(1, controllers + 1)),
        vms=tuple(f"vm{number}" for number in range(1, vms + 1)),
        at=chance.uniform(EARLIEST_AT, LATEST_AT),
    )
    return Plan(
        seed=seed,
        hosts=HOSTS,
        controllers=controllers,
        vms=vms,
        profile=chance.choice(chord.profiles),
        fence_policy=chance.choice(chord.fence_policies),
        bmcs=chord.bmcs,
        has_data_disks=chord.has_data_disks,
        clock_rates=tuple(rate(chance) for _ in range(2 * HOSTS + controllers)),
        without_watchdog=frozenset() if chord.watchdogs else frozenset(scene.hosts),
        is_harmless=chord.is_harmless,
        happenings=tuple(sorted(chord.draw(scene), key=lambda each: each.at)),
    )


# --- how a chord is put together ------------------------------------------------------------------------------------------


def after(scene: Scene, low: float, high: float) -> Scene:
    return replace(scene, at=scene.at + scene.chance.uniform(low, high))


def struck(letter: Letter, scene: Scene, low: float | None = None, high: float | None = None) -> Happening:
    """`low`, `high`: how long it lasts, if not as the letter itself draws it."""
    happening = replace(letter(scene), kind=letter.__name__)
    return happening if low is None or high is None else replace(happening, seconds=scene.chance.uniform(low, high))


def about(scene: Scene, host: str) -> Scene:
    """That host alone, and the guests that begin on it."""
    first = int(host[1:])
    return replace(scene, hosts=(host,), vms=tuple(vm for vm in scene.vms if (int(vm[2:]) - first) % HOSTS == 0))


def others(scene: Scene, host: str) -> tuple[str, ...]:
    return tuple(each for each in scene.hosts if each != host)


# --- one host between life and death --------------------------------------------------------------------------------------


def cut_off_with_guests_that_cannot_be_killed(scene: Scene) -> Iterator[Happening]:
    """Only its watchdog ends them, and not before its lease does."""
    host = about(scene, scene.host())
    yield struck(faults.kills_hang, after(host, -3, 1), 45, 50)
    yield struck(faults.host_isolated, host, 28, 40)


def slots_answer_late_then_cut_off(scene: Scene) -> Iterator[Happening]:
    """Renewals land at once, and are acknowledged seconds later."""
    host = about(scene, scene.host())
    yield struck(faults.kills_hang, after(host, -3, 1), 45, 50)
    yield struck(faults.slots_acknowledge_late, after(host, -8, -5), 45, 50)
    yield struck(faults.host_isolated, host, 28, 40)


def cut_off_and_its_processes_die(scene: Scene) -> Iterator[Happening]:
    host = about(scene, scene.host())
    yield struck(faults.agent_stopped, after(host, -1, 0), 30, 40)
    yield struck(faults.host_isolated, host, 28, 40)
    yield struck(faults.leased_killed, after(host, 0, 3))


def agent_stopped_while_its_pool_hangs(scene: Scene) -> Iterator[Happening]:
    """Its guests are killed by the lease daemon and started elsewhere; then storage returns, and after it an agent that heard of nothing."""
    host = about(scene, scene.host())
    yield struck(faults.agent_stopped, host, 40, 45)
    yield struck(faults.pool_hangs, after(host, -1, 2), 14, 18)
    yield struck(faults.agent_killed, after(host, 21, 28))


def stands_still(scene: Scene) -> Iterator[Happening]:
    host = about(scene, scene.host())
    yield struck(faults.host_stalls, host, 18, 32)


def cut_off_for_seconds(scene: Scene) -> Iterator[Happening]:
    for host in scene.chance.sample(scene.hosts, scene.chance.choice((1, 1, 2))):
        yield struck(faults.host_cut_off, after(about(scene, host), 0, 5), 14, 35)


def cut_off_and_its_power_controller_lies(scene: Scene) -> Iterator[Happening]:
    host = about(scene, scene.host())
    yield struck(faults.host_cut_off, host, 14, 35)
    yield struck(faults.bmc_manner, after(host, -5, 5), 40, 50)


def poisoned_while_its_agent_stands_still(scene: Scene) -> Iterator[Happening]:
    """Whoever proves it dead does not always learn that his commit was done, and the agent goes on in the session that it had."""
    yield struck(faults.agent_stopped, about(scene, scene.host()), 22, 34)
    yield struck(faults.commits_unacknowledged, after(scene, 8.5, 11), 3, 8)


def poisoned_and_without_storage(scene: Scene) -> Iterator[Happening]:
    """It hears of its poison after its guests were killed, while what they wrote last is on its way."""
    host = about(scene, scene.host())
    yield struck(faults.host_cut_off, host, 30, 40)
    yield struck(faults.pool_hangs, after(host, 7.5, 8.5), 5.0, 6.0)


def a_controller_dies_in_mid_recovery(scene: Scene) -> Iterator[Happening]:
    yield struck(faults.power_lost, about(scene, scene.host()), 5, 40)
    yield struck(faults.controller_away, after(scene, 3, 16), 20, 40)


def agents_pause_for_seconds(scene: Scene) -> Iterator[Happening]:
    """Too long for a heartbeat, and not for a guest."""
    for host in scene.chance.sample(scene.hosts, 3):
        yield struck(faults.agent_stopped, after(about(scene, host), 0, 20), 3.2, 5)


def agents_dial_a_controller_that_stands_still(scene: Scene) -> Iterator[Happening]:
    """Having paused, they leave the session in which they heard nothing, and wait at the wrong door."""
    for host in scene.chance.sample(scene.hosts, 3):
        yield struck(faults.agent_stopped, after(about(scene, host), 0, 1), 4.2, 5)
    paused, stands = scene.chance.sample(scene.controllers, 2)
    yield struck(faults.controller_stopped, replace(after(scene, -4, -3), controllers=(paused,)), 3.5, 5)
    yield struck(faults.controller_stopped, replace(after(scene, 2, 4), controllers=(stands,)), 8, 10)


def a_copy_comes_as_its_host_is_not_heard(scene: Scene) -> Iterator[Happening]:
    """Whose guests run on."""
    host = about(scene, scene.host())
    yield struck(scene.chance.choice((faults.host_cut_off, faults.agent_stopped)), host, 8, 20)
    yield struck(faults.a_copy_comes, after(host, -3, 5), 15, 25)


# --- storage --------------------------------------------------------------------------------------------------------------


def pool_hangs_for_some(scene: Scene) -> Iterator[Happening]:
    """In reach of the controllers: they say that their guests are gone."""
    for host in scene.chance.sample(scene.hosts, 2):
        yield struck(faults.pool_hangs, after(about(scene, host), 0, 20), 5.5, 12)


def pool_fails_for_a_moment(scene: Scene) -> Iterator[Happening]:
    """Guests are paused, and their leases outlast it."""
    for host in scene.chance.sample(scene.hosts, 2):
        yield struck(faults.pool_fails, after(about(scene, host), 0, 10), 0.5, 3)


def the_pool_stands_still_for_all(scene: Scene) -> Iterator[Happening]:
    """And nothing else is amiss: guests live by holds."""
    yield struck(faults.pool_stands_still, scene, 8, 35)


def the_pool_stands_still_soon_after_a_guest_ended(scene: Scene) -> Iterator[Happening]:
    """What it wrote last was on its way, and younger than a renewal that was acknowledged in between."""
    there = about(scene, scene.host())
    hangs_seconds = scene.chance.uniform(3.0, 3.6)
    yield replace(struck(faults.pool_hangs, there), seconds=hangs_seconds)
    for vm in there.vms:
        yield struck(faults.outsider_destroys, after(replace(there, vms=(vm,)), 2.7, hangs_seconds))
    yield struck(faults.pool_stands_still, after(scene, hangs_seconds + 0.1, hangs_seconds + 0.6), 8, 16)


def held_then_cut_off(scene: Scene) -> Iterator[Happening]:
    """The pool stands still for all, so that holds are given; it moves again, but not for a host that is cut off meanwhile."""
    host = about(scene, scene.host())
    yield struck(faults.kills_hang, host, 45, 50)
    yield struck(faults.pool_stands_still, scene, 5, 6)
    yield struck(faults.host_isolated, after(host, 4.2, 4.8), 36, 40)


def held_then_cut_off_as_the_controller_dies(scene: Scene) -> Iterator[Happening]:
    """Of the hold only the host knows."""
    yield from held_then_cut_off(scene)
    yield struck(faults.controller_killed, after(scene, 5, 7))


def a_host_dies_while_the_pool_stands_still(scene: Scene) -> Iterator[Happening]:
    """What its guests wrote last is kept by the pool, until it moves."""
    yield struck(faults.pool_stands_still, scene, 25, 38)
    yield struck(faults.host_reset, after(scene, 2, 8))


def a_host_dies_just_before_the_pool_stands_still(scene: Scene) -> Iterator[Happening]:
    """It boots, and is heard, while the pool still keeps what its guests wrote last, and others may still be told to start them."""
    yield struck(faults.host_reset, scene)
    yield struck(faults.pool_stands_still, after(scene, 0.02, 1.2), 11, 16)


def the_way_is_gone_as_a_guest_ends(scene: Scene) -> Iterator[Happening]:
    """For so short a time that no renewal is late."""
    for host in scene.chance.sample(scene.hosts, 3):
        there = after(about(scene, host), 0, 10)
        yield struck(faults.pool_hangs, there, 0.8, 1.6)
        yield struck(faults.outsider_destroys, after(there, 0.2, 0.7))


def cut_off_while_reads_are_frozen(scene: Scene) -> Iterator[Happening]:
    """Whoever looks sees nobody renew, himself included."""
    yield struck(faults.slot_reads_freeze_for_all, scene, 30, 40)
    yield struck(faults.host_cut_off, after(about(scene, scene.host()), -3, 8), 20, 30)


# --- starts and stops -----------------------------------------------------------------------------------------------------


def agents_stop_as_starts_are_ordered(scene: Scene) -> Iterator[Happening]:
    """A host boots, and its guests are due; those who are told to start them hear it much later."""
    host = scene.host()
    yield struck(faults.host_reset, about(scene, host))
    for other in _most_others(scene, host):
        yield struck(faults.agent_stopped, _as_starts_are_ordered(scene, other), 18, 26)


def _most_others(scene: Scene, host: str) -> list[str]:
    """Somebody is left who sees the pool move."""
    return scene.chance.sample(others(scene, host), HOSTS - 2)


def _as_starts_are_ordered(scene: Scene, host: str) -> Scene:
    """After a reset: its agent is heard 8 s later, and its guests are due with somebody's next renewal."""
    return after(about(scene, host), 7, 10)


def the_controller_dies_as_starts_are_ordered(scene: Scene) -> Iterator[Happening]:
    """The next one finds nobody in session who could say what became of the orders."""
    yield from agents_stop_as_starts_are_ordered(scene)
    yield struck(faults.controller_killed, after(scene, 9.6, 13))


def told_to_start_and_then_without_storage(scene: Scene) -> Iterator[Happening]:
    """A start order lies in an agent's post until the lease it was given under is over, and the guest runs elsewhere."""
    host = scene.host()
    yield struck(faults.host_reset, about(scene, host))
    for other in _most_others(scene, host):
        yield struck(faults.agent_stopped, _as_starts_are_ordered(scene, other), 36, 40)
        yield struck(faults.pool_hangs, after(about(scene, other), 11.5, 13), 18, 21)


def stopped_while_their_start_is_in_the_post(scene: Scene) -> Iterator[Happening]:
    """Both orders wait for the agent to go on, which may take either first."""
    host = scene.host()
    there = about(scene, host)
    yield struck(faults.host_reset, there)
    for other in _most_others(scene, host):
        yield struck(faults.agent_stopped, _as_starts_are_ordered(scene, other), 18, 26)
    for vm in there.vms:
        yield struck(users.stops, after(replace(there, vms=(vm,)), 11, 17))


def users_stop_what_cannot_be_reached(scene: Scene) -> Iterator[Happening]:
    for host in scene.chance.sample(scene.hosts, 2):
        there = about(scene, host)
        hurt = scene.chance.choice((faults.host_cut_off, faults.host_deaf, faults.daemon_hangs))
        yield struck(hurt, there, 20, 35)
        for vm in there.vms:
            yield struck(users.stops, after(replace(there, vms=(vm,)), -0.5, 3))


def users_stop_what_waits_to_be_restarted(scene: Scene) -> Iterator[Happening]:
    host = scene.host()
    there = about(scene, host)
    yield struck(faults.power_lost, there, 40, 50)
    for other in others(scene, host):
        yield struck(faults.starts_fail, after(about(scene, other), 5, 8), 30, 38)
    for vm in there.vms:
        yield struck(users.stops, after(replace(there, vms=(vm,)), 14, 24))


def guests_end_while_the_database_is_away(scene: Scene) -> Iterator[Happening]:
    yield struck(faults.database_away, scene, 1.5, 5)
    for _ in range(3):
        yield struck(scene.chance.choice((faults.guest_shuts_down, faults.outsider_destroys)), after(scene, 0, 3))


def guests_shut_themselves_down(scene: Scene) -> Iterator[Happening]:
    for _ in range(3):
        yield struck(faults.guest_shuts_down, after(scene, 0, 30))


def a_crash_then_a_daemon_that_hangs(scene: Scene) -> Iterator[Happening]:
    """The host's own restart waits in a daemon that wakes long after the host's lease is over."""
    host = about(scene, scene.host())
    yield struck(faults.leased_stopped, host, 1.1, 1.5)
    yield struck(faults.guest_crashes, after(host, 0.05, 0.5))
    yield struck(faults.daemon_hangs, after(host, 0.6, 1.0), 26, 32)
    yield struck(faults.host_isolated, after(host, 2, 4), 19, 22)


# --- migrations -----------------------------------------------------------------------------------------------------------


def migrations_without_a_last_word(scene: Scene) -> Iterator[Happening]:
    yield struck(faults.migration_acks_lost, scene, 30, 40)
    for _ in range(5):
        yield struck(users.migrates, after(scene, 0, 25))


def migrations_in_trouble(scene: Scene) -> Iterator[Happening]:
    for _ in range(5):
        moment = after(scene, 0, 25)
        yield struck(users.migrates, moment)
        yield struck(
            scene.chance.choice((faults.way_cut, faults.agent_killed, faults.host_reset, faults.host_cut_off)),
            after(moment, 0, 4),
        )


def guests_come_to_a_daemon_that_hangs_and_crash(scene: Scene) -> Iterator[Happening]:
    """When it wakes it shows their end, and never showed that they came."""
    target = scene.host()
    for vm in scene.chance.sample(scene.vms, 3):
        yield struck(users.migrates, after(replace(scene, hosts=(target,), vms=(vm,)), 0, 0.5))
        yield struck(faults.guest_crashes, after(replace(scene, vms=(vm,)), 7, 12))
    yield struck(faults.daemon_hangs, after(about(scene, target), 1, 4), 14, 25)


def a_host_is_emptied_while_guests_come_to_it(scene: Scene) -> Iterator[Happening]:
    host = scene.host()
    there = replace(scene, hosts=(host,))
    yield struck(users.empties, there, 35, 45)
    for _ in range(4):
        yield struck(users.migrates, after(there, -2, 0.5))
    yield struck(users.starts, after(scene, 0, 20))
    trouble = (faults.migration_acks_lost, faults.controller_killed, faults.way_cut, faults.agent_killed)
    yield struck(scene.chance.choice(trouble), after(there, -1, 10))


# --- disks ----------------------------------------------------------------------------------------------------------------


def _with_disks(scene: Scene, number: int) -> Iterator[Happening]:
    for _ in range(number):
        yield struck(users.attaches, after(scene, 0, 1))


def _data(scene: Scene) -> Scene:
    return replace(scene, pools=(DATA_POOL,))


def a_new_disk_s_pool_goes_and_its_host_is_cut_off(scene: Scene) -> Iterator[Happening]:
    """What its guests had before is in reach all the time: they die by the lease of the new disk's pool, or not at all."""
    host = about(scene, scene.host())
    yield from _with_disks(host, 3)
    yield struck(faults.pool_hangs, after(_data(host), 4, 7), 34, 38)
    yield struck(faults.host_cut_off, after(host, 4, 7), 34, 38)


def a_disk_is_asked_for_where_nobody_hears(scene: Scene) -> Iterator[Happening]:
    """Its guests never stand on the new disk's pool, whose lease their host loses."""
    host = about(scene, scene.host())
    yield struck(faults.pool_hangs, after(_data(host), -3, 0), 40, 44)
    yield struck(faults.host_cut_off, host, 36, 40)
    yield from _with_disks(host, 3)


def the_way_to_a_new_disk_is_gone_as_its_guest_ends(scene: Scene) -> Iterator[Happening]:
    """What it wrote last may land on that disk for another while."""
    for host in scene.chance.sample(scene.hosts, 3):
        there = after(about(scene, host), 0, 10)
        yield from _with_disks(there, 1)
        yield struck(faults.pool_hangs, after(_data(there), 4, 5), 2.2, 3.0)
        yield struck(faults.outsider_destroys, after(there, 5.2, 6.0))


def a_disk_is_thrown_away_by_a_daemon_that_hangs(scene: Scene) -> Iterator[Happening]:
    """Another host does it meanwhile, and the guest runs from its new disk when the daemon wakes and goes on with what it was told."""
    host = about(scene, scene.host())
    for vm in host.vms:
        one = replace(host, vms=(vm,))
        yield struck(users.stops, one)
        yield struck(users.restores, after(one, 7, 8))
        yield struck(users.starts, after(one, 24, 26))
    yield struck(faults.daemon_hangs, after(host, 6.2, 6.8), 30, 36)


def disks_come_and_go_while_their_guests_move(scene: Scene) -> Iterator[Happening]:
    two = replace(scene, vms=tuple(scene.chance.sample(scene.vms, 2)))
    for letter in (users.attaches, users.attaches, users.attaches, users.detaches, users.detaches):
        yield struck(letter, after(two, 0, 20))
    for letter in (users.migrates, users.stops, users.starts):
        yield struck(letter, after(two, 0, 20))
    trouble = (faults.daemon_hangs, faults.agent_killed, faults.controller_killed, faults.way_cut, faults.guest_crashes)
    yield struck(scene.chance.choice(trouble), after(two, 0, 15))


# --- jobs and controllers -------------------------------------------------------------------------------------------------

WISHES = (users.deploys, users.starts, users.stops, users.stops, users.reboots, users.migrates)


def _wishes(scene: Scene, number: int, within_seconds: float) -> Iterator[Happening]:
    for _ in range(number):
        yield struck(scene.chance.choice(WISHES), after(scene, 0, within_seconds))


def wishes_of_one_guest(scene: Scene) -> Iterator[Happening]:
    """One after another, and some of them take long."""
    vm = scene.vm()
    one = replace(scene, vms=(vm,))
    for _ in range(8):
        yield struck(scene.chance.choice((users.starts, users.stops, users.reboots)), after(one, 0, 12))
    yield struck(faults.database_slow, scene, 5, 15)
    yield struck(faults.daemon_hangs, after(scene, 0, 6), 3, 12)


def wishes_while_controllers_die(scene: Scene) -> Iterator[Happening]:
    yield from _wishes(scene, 10, 12)
    for _ in range(3):
        letter = scene.chance.choice((faults.controller_killed, faults.controller_away))
        yield struck(letter, after(scene, 0, 12))


def controllers_come_back_to_a_database_that_crawls(scene: Scene) -> Iterator[Happening]:
    """They turn agents away while they do not lead; and nothing else is amiss."""
    for controller in scene.controllers:
        one = replace(scene, controllers=(controller,))
        yield struck(faults.controller_away, after(one, 0, 2), 3, 8)
    yield struck(faults.database_crawls, after(scene, 2, 5), 20, 35)


def wishes_while_commits_are_lost(scene: Scene) -> Iterator[Happening]:
    yield from _wishes(scene, 10, 15)
    yield struck(faults.commits_unacknowledged, scene, 15, 25)
    yield struck(faults.database_fails_over, after(scene, 3, 12))


def wishes_meet_recovery(scene: Scene) -> Iterator[Happening]:
    """Several controllers, a slow database, and hosts that die."""
    yield struck(faults.database_slow, scene, 20, 30)
    yield struck(faults.host_reset, scene)
    yield struck(faults.power_lost, after(scene, 0, 5))
    yield from _wishes(after(scene, 5, 8), 10, 15)


CHORDS: Mapping[str, Chord] = {
    chord.draw.__name__: chord
    for chord in (
        Chord(draw=cut_off_with_guests_that_cannot_be_killed, profiles=("fast", "standard")),
        Chord(draw=slots_answer_late_then_cut_off),
        Chord(draw=cut_off_and_its_processes_die),
        Chord(draw=agent_stopped_while_its_pool_hangs),
        Chord(draw=stands_still, watchdogs=False),
        Chord(draw=cut_off_for_seconds, fence_policies=("fence",)),
        Chord(draw=cut_off_and_its_power_controller_lies, bmcs=True),
        Chord(draw=poisoned_while_its_agent_stands_still, fence_policies=("fence",)),
        Chord(draw=poisoned_and_without_storage, fence_policies=("fence",)),
        Chord(draw=a_controller_dies_in_mid_recovery, controllers=(1, 2, 2)),
        Chord(draw=agents_pause_for_seconds, fence_policies=("fence",), is_harmless=True),
        Chord(
            draw=agents_dial_a_controller_that_stands_still,
            controllers=(2,),
            fence_policies=("fence",),
            is_harmless=True,
        ),
        Chord(draw=a_copy_comes_as_its_host_is_not_heard, controllers=(1, 2, 3), is_harmless=True),
        Chord(draw=pool_hangs_for_some),
        Chord(draw=the_pool_stands_still_for_all, is_harmless=True),
        Chord(draw=controllers_come_back_to_a_database_that_crawls, fence_policies=("fence",), is_harmless=True),
        Chord(draw=pool_fails_for_a_moment),
        Chord(draw=the_pool_stands_still_soon_after_a_guest_ended),
        Chord(draw=held_then_cut_off),
        Chord(draw=held_then_cut_off_as_the_controller_dies, controllers=(1,)),
        Chord(draw=a_host_dies_while_the_pool_stands_still),
        Chord(draw=a_host_dies_just_before_the_pool_stands_still, profiles=("standard",)),
        Chord(draw=the_way_is_gone_as_a_guest_ends, profiles=("fast", "standard")),
        Chord(draw=cut_off_while_reads_are_frozen),
        Chord(draw=agents_stop_as_starts_are_ordered),
        Chord(draw=the_controller_dies_as_starts_are_ordered, controllers=(1,)),
        Chord(draw=told_to_start_and_then_without_storage),
        Chord(draw=stopped_while_their_start_is_in_the_post),
        Chord(draw=users_stop_what_cannot_be_reached),
        Chord(draw=users_stop_what_waits_to_be_restarted),
        Chord(draw=guests_end_while_the_database_is_away),
        Chord(draw=guests_shut_themselves_down),
        Chord(draw=a_crash_then_a_daemon_that_hangs),
        Chord(draw=migrations_without_a_last_word),
        Chord(draw=migrations_in_trouble),
        Chord(draw=guests_come_to_a_daemon_that_hangs_and_crash),
        Chord(draw=a_host_is_emptied_while_guests_come_to_it, controllers=(1, 2)),
        Chord(draw=a_new_disk_s_pool_goes_and_its_host_is_cut_off, has_data_disks=True),
        Chord(draw=a_disk_is_asked_for_where_nobody_hears, has_data_disks=True),
        Chord(draw=the_way_to_a_new_disk_is_gone_as_its_guest_ends, has_data_disks=True),
        Chord(draw=a_disk_is_thrown_away_by_a_daemon_that_hangs),
        Chord(draw=disks_come_and_go_while_their_guests_move, has_data_disks=True),
        Chord(draw=wishes_of_one_guest, controllers=(2, 3)),
        Chord(draw=wishes_while_controllers_die, controllers=(1, 2)),
        Chord(draw=wishes_while_commits_are_lost, controllers=(1, 2)),
        Chord(draw=wishes_meet_recovery, controllers=(2, 3)),
    )
}
