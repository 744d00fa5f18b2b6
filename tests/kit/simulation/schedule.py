"""From a seed to a plan: how big the cloud is, how its clocks go, and what happens to it when.  Everything is drawn from the seed's own dice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random

from tests.kit.simulation import faults, users
from tests.kit.simulation.faults import Letter, Scene
from tests.kit.simulation.furniture import DATA_POOL, POOL
from tests.kit.simulation.plan import PATIENT, PATIENT_BEFORE_FENCING, Happening, Plan

RHO = 1e-3
FIRST_AT, LAST_AT = 8.0, 80.0
MANAGEMENT_NETWORK, AGENTS = "management network", "agents"
CHANNEL_SHARE = 1 / 8  # of the runs, in which one channel is lost and nothing else

ALPHABET: Mapping[Letter, int] = {
    faults.host_cut_off: 6,
    faults.host_deaf: 2,
    faults.host_mute: 2,
    faults.way_cut: 4,
    faults.neighbours_cut: 1,
    faults.controller_cut_off: 2,
    faults.bad_weather: 3,
    faults.pool_hangs: 6,
    faults.pool_fails: 4,
    faults.pool_stands_still: 3,
    faults.pool_refuses_all: 1,
    faults.slow_slots: 3,
    faults.slot_writes_fail: 2,
    faults.no_slot_can_be_written: 1,
    faults.stale_slots: 3,
    faults.host_isolated: 6,
    faults.daemon_hangs: 4,
    faults.events_lost: 2,
    faults.starts_fail: 3,
    faults.kills_hang: 3,
    faults.migration_acks_lost: 3,
    faults.guest_crashes: 5,
    faults.guest_shuts_down: 1,
    faults.outsider_destroys: 1,
    faults.power_lost: 8,
    faults.site_loses_power: 1,
    faults.host_reset: 3,
    faults.host_stalls: 4,
    faults.agent_stopped: 3,
    faults.leased_stopped: 4,
    faults.agent_killed: 3,
    faults.leased_killed: 3,
    faults.a_copy_comes: 1,
    faults.controller_stopped: 3,
    faults.controller_killed: 4,
    faults.controller_dies_at_a_call: 4,
    faults.controller_away: 3,
    faults.wall_clock_jumps: 1,
    faults.bmc_manner: 4,
    faults.bmc_of_another: 2,
    faults.bmc_slow: 2,
    faults.database_away: 2,
    faults.database_slow: 2,
    faults.database_fails_over: 2,
    faults.commits_unacknowledged: 2,
    faults.controller_without_database: 2,
    users.deploys: 3,
    users.starts: 4,
    users.stops: 4,
    users.reboots: 1,
    users.destroys: 2,
    users.migrates: 6,
    users.restores: 3,
    users.attaches: 5,
    users.detaches: 3,
    users.empties: 5,
    users.closes: 3,
}

THEMES: tuple[tuple[Letter, ...], ...] = (
    (  # one host between life and death
        faults.host_cut_off,
        faults.host_deaf,
        faults.host_mute,
        faults.pool_hangs,
        faults.pool_fails,
        faults.host_isolated,
        faults.host_stalls,
        faults.leased_stopped,
        faults.leased_killed,
        faults.kills_hang,
        faults.slow_slots,
        faults.stale_slots,
        faults.slot_writes_fail,
        faults.power_lost,
        faults.host_reset,
    ),
    (  # proof, and who lies
        faults.host_cut_off,
        faults.host_isolated,
        faults.pool_hangs,
        faults.pool_stands_still,
        faults.stale_slots,
        faults.power_lost,
        faults.bmc_manner,
        faults.bmc_of_another,
        faults.bmc_slow,
        faults.controller_cut_off,
        faults.controller_killed,
        faults.controller_dies_at_a_call,
        faults.neighbours_cut,
    ),
    (  # holds: storage away for all, controllers coming and going
        faults.pool_stands_still,
        faults.pool_refuses_all,
        faults.no_slot_can_be_written,
        faults.pool_hangs,
        faults.host_cut_off,
        faults.controller_killed,
        faults.controller_stopped,
        faults.controller_cut_off,
        faults.power_lost,
    ),
    (  # guests and their hypervisors
        faults.daemon_hangs,
        faults.events_lost,
        faults.starts_fail,
        faults.guest_crashes,
        faults.guest_shuts_down,
        faults.outsider_destroys,
        faults.agent_killed,
        faults.agent_stopped,
        faults.leased_killed,
        faults.power_lost,
        faults.pool_hangs,
        users.stops,
        users.starts,
    ),
    (  # users and controllers
        users.deploys,
        users.starts,
        users.stops,
        users.reboots,
        users.destroys,
        users.migrates,
        users.restores,
        users.empties,
        users.closes,
        faults.migration_acks_lost,
        faults.controller_killed,
        faults.controller_dies_at_a_call,
        faults.controller_away,
        faults.controller_stopped,
        faults.controller_without_database,
        faults.database_away,
        faults.database_slow,
        faults.database_fails_over,
        faults.commits_unacknowledged,
        faults.way_cut,
        faults.bad_weather,
        faults.power_lost,
        faults.daemon_hangs,
    ),
    (  # disks that come and go
        users.attaches,
        users.detaches,
        users.restores,
        users.stops,
        users.starts,
        users.migrates,
        faults.migration_acks_lost,
        faults.guest_crashes,
        faults.daemon_hangs,
        faults.host_cut_off,
        faults.host_isolated,
        faults.pool_hangs,
        faults.pool_fails,
        faults.pool_stands_still,
        faults.kills_hang,
        faults.agent_killed,
        faults.leased_killed,
        faults.controller_killed,
        faults.controller_dies_at_a_call,
        faults.commits_unacknowledged,
        faults.power_lost,
        faults.host_reset,
    ),
)
"""Letters that have to do with each other; drawn by the weights of the alphabet."""

CHANNELS: Mapping[str, tuple[Letter, ...]] = {
    MANAGEMENT_NETWORK: (
        faults.host_cut_off,
        faults.host_deaf,
        faults.host_mute,
        faults.way_cut,
        faults.neighbours_cut,
        faults.controller_cut_off,
        faults.bad_weather,
    ),
    "storage": (faults.pool_stands_still, faults.pool_refuses_all, faults.no_slot_can_be_written),
    "power controllers": (faults.bmc_manner, faults.bmc_of_another, faults.bmc_slow),
    "controllers": (
        faults.controller_stopped,
        faults.controller_killed,
        faults.controller_dies_at_a_call,
        faults.controller_away,
        faults.controller_without_database,
        faults.database_away,
        faults.database_slow,
        faults.database_fails_over,
        faults.commits_unacknowledged,
    ),
    AGENTS: (faults.agent_stopped, faults.agent_killed),
    "daemons of hypervisors": (faults.daemon_hangs, faults.events_lost),
}
"""What a living host is known by, and what may be lost of one of them - all of it, for as long as it likes - without any guest's dying."""


def plan_of(seed: int) -> Plan:
    chance = Random(seed)
    hosts = chance.choice((5, 5, 5, 6))
    controllers = chance.choices((1, 2, 3), (5, 4, 1))[0]
    vms = chance.randint(5, 9)
    scene = Scene(
        chance=chance,
        hosts=tuple(f"h{number}" for number in range(1, hosts + 1)),
        controllers=tuple(f"c{number}" for number in range(1, controllers + 1)),
        vms=tuple(f"vm{number}" for number in range(1, vms + 1)),
        at=0.0,
    )
    fence_policy = chance.choice(("keep", "keep", "fence"))
    letters = _theme(chance)
    has_data_disks = users.attaches in letters
    if has_data_disks:
        scene = replace(scene, pools=(POOL, DATA_POOL))
    happenings = tuple(_happenings(scene, letters))
    return Plan(
        seed=seed,
        hosts=hosts,
        controllers=controllers,
        vms=vms,
        profile=chance.choice(("fast", "fast", "fast", "standard")),
        fence_policy=fence_policy,
        bmcs=chance.random() < 0.5,
        has_data_disks=has_data_disks,
        clock_rates=tuple(rate(chance) for _ in range(2 * hosts + controllers)),
        without_watchdog=frozenset(host for host in scene.hosts if chance.random() < 0.05),
        is_harmless=_hurts_one_channel(happenings, fence_policy),
        happenings=happenings,
        settings=PATIENT if fence_policy == "keep" else PATIENT_BEFORE_FENCING,
    )


def rate(chance: Random) -> float:
    return 1 + chance.choice((-RHO, 0.0, RHO, chance.uniform(-RHO, RHO)))


def _hurts_one_channel(happenings: tuple[Happening, ...], fence_policy: str) -> bool:
    """Under the policy `fence` a host that cannot be spoken to is meant to lose its guests."""
    kinds = {each.kind for each in happenings}
    return any(
        kinds <= {letter.__name__ for letter in letters}
        for channel, letters in CHANNELS.items()
        if fence_policy == "keep" or channel not in (MANAGEMENT_NETWORK, AGENTS)
    )


def _happenings(scene: Scene, letters: Sequence[Letter]) -> list[Happening]:
    """From calm to stormy, mostly with one theme and about few hosts, so that faults meet each other's consequences; sometimes all at once."""
    chance = scene.chance
    weights = [ALPHABET[letter] for letter in letters]
    moments = sorted(chance.uniform(FIRST_AT, LAST_AT) for _ in range(chance.choice((1, 2, 4, 6, 8, 12, 16))))
    if chance.random() < 0.4:
        moments = [moments[0] + (moment - moments[0]) * 0.25 for moment in moments]
    few = replace(
        scene,
        hosts=tuple(chance.sample(scene.hosts, chance.choice((1, 2, len(scene.hosts))))),
        vms=tuple(chance.sample(scene.vms, chance.choice((1, len(scene.vms))))),
    )
    drawn = [(chance.choices(letters, weights)[0], moment) for moment in moments]
    return [replace(letter(replace(few, at=moment)), kind=letter.__name__) for letter, moment in drawn]


def _theme(chance: Random) -> tuple[Letter, ...]:
    among = tuple(CHANNELS.values()) if chance.random() < CHANNEL_SHARE else (*THEMES, tuple(ALPHABET), tuple(ALPHABET))
    return chance.choice(among)
