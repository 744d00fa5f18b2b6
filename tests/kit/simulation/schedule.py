"""From a seed to a plan: how big the cloud is, how its clocks go, and what happens to it when.  Everything is drawn from the seed's own dice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from random import Random

from tests.kit.simulation import faults, users
from tests.kit.simulation.faults import Letter, Scene
from tests.kit.simulation.plan import Happening, Plan

RHO = 1e-3
FIRST_AT, LAST_AT = 8.0, 80.0

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
    faults.controller_stopped: 3,
    faults.controller_killed: 4,
    faults.controller_away: 3,
    faults.wall_clock_jumps: 1,
    faults.bmc_manner: 4,
    faults.bmc_slow: 2,
    faults.database_away: 2,
    faults.database_slow: 2,
    faults.commits_unacknowledged: 2,
    faults.controller_without_database: 2,
    users.deploys: 3,
    users.starts: 4,
    users.stops: 4,
    users.reboots: 1,
    users.destroys: 2,
    users.migrates: 6,
}


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
    return Plan(
        seed=seed,
        hosts=hosts,
        controllers=controllers,
        vms=vms,
        fence_policy=chance.choice(("keep", "keep", "fence")),
        bmcs=chance.random() < 0.5,
        clock_rates=tuple(_rate(chance) for _ in range(2 * hosts + controllers)),
        without_watchdog=frozenset(host for host in scene.hosts if chance.random() < 0.05),
        happenings=tuple(_happenings(scene)),
    )


def _rate(chance: Random) -> float:
    return 1 + chance.choice((-RHO, 0.0, RHO, chance.uniform(-RHO, RHO)))


def _happenings(scene: Scene) -> list[Happening]:
    """From calm to stormy; often a few that have one thing in common, close together."""
    chance = scene.chance
    letters, weights = list(ALPHABET), list(ALPHABET.values())
    moments = sorted(chance.uniform(FIRST_AT, LAST_AT) for _ in range(chance.choice((1, 2, 3, 4, 6, 9, 14))))
    if chance.random() < 0.4:
        first = moments[0]
        moments = [first + (moment - first) * 0.2 for moment in moments]
    favourite = replace(scene, hosts=tuple(chance.sample(scene.hosts, chance.choice((1, 2, len(scene.hosts))))))
    drawn = [
        (letter := chance.choices(letters, weights)[0], letter(replace(favourite, at=moment))) for moment in moments
    ]
    return [replace(happening, kind=letter.__name__) for letter, happening in drawn]
