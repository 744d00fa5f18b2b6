"""A cloud that lives, on a bad network and on machines that pause: is a host ever taken for dead?

5 % of all messages are lost for as long as the run lasts; agents, lease daemons and whole hosts pause for up to 5 s, controllers stand still for up to
10 s.  None of this kills a host, so whatever is done about a dead one is a wrong action: a host called Down, a guest that dies, a power cut.

The lease profile is `tolerant`: a host that pauses for longer than three quarters of its watchdog's time is rightly reset by it, which
are 2.25 s under `fast` and 4.5 s under `standard`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from tests.kit.simulation import faults
from tests.kit.simulation.faults import Letter, Scene
from tests.kit.simulation.network import Weather
from tests.kit.simulation.plan import Happening, Plan

if TYPE_CHECKING:
    from tests.kit.simulation.cloud import SimulatedCloud

HOSTS, CONTROLLERS, GUESTS = 12, 2, 12
RUN_SECONDS = 1200.0
HOST_HOURS = HOSTS * RUN_SECONDS / 3600
FIRST_AT = 10.0
PAUSE_EVERY_SECONDS = 6.0
PAUSE_SECONDS = 5.0
STALL_SECONDS = 10.0
BREATH_SECONDS = 2.0
RHO = 1e-3
LOSS = "loss"


def plan_of(seed: int) -> Plan:
    chance = Random(seed)
    scene = Scene(
        chance=chance,
        hosts=tuple(f"h{number}" for number in range(1, HOSTS + 1)),
        controllers=tuple(f"c{number}" for number in range(1, CONTROLLERS + 1)),
        vms=(),
        at=0.0,
    )
    return Plan(
        seed=seed,
        hosts=HOSTS,
        controllers=CONTROLLERS,
        vms=GUESTS,
        profile="tolerant",
        fence_policy=chance.choice(("keep", "fence")),
        bmcs=True,
        clock_rates=tuple(1 + chance.uniform(-RHO, RHO) for _ in range(2 * HOSTS + CONTROLLERS)),
        heal_at=RUN_SECONDS,
        is_harmless=True,
        happenings=(_weather(), *_pauses(scene)),
    )


def _weather() -> Happening:
    def begin(cloud: SimulatedCloud) -> None:
        cloud.network.weather = Weather(latency_seconds=0.001, jitter_seconds=0.05, loss=0.05)

    return Happening(at=FIRST_AT, name="5% of messages are lost", begin=begin, kind=LOSS)


def _pauses(scene: Scene) -> Iterator[Happening]:
    """Two of one machine are two: it is heard between them."""
    at, free_at = FIRST_AT, dict[str, float]()
    while at < RUN_SECONDS - STALL_SECONDS:
        letter, who, seconds = _drawn(scene)
        if free_at.get(who, 0.0) <= at:
            free_at[who] = at + seconds + BREATH_SECONDS
            happening = letter(replace(scene, at=at, hosts=(who,), controllers=(who,)))
            yield replace(happening, seconds=seconds, kind=letter.__name__)
        at += scene.chance.expovariate(1 / PAUSE_EVERY_SECONDS)


def _drawn(scene: Scene) -> tuple[Letter, str, float]:
    """What pauses, of which machine, for how long."""
    letter = scene.chance.choice(
        (faults.host_stalls, faults.agent_stopped, faults.leased_stopped, faults.controller_stopped)
    )
    is_controller = letter is faults.controller_stopped
    longest = STALL_SECONDS if is_controller else PAUSE_SECONDS
    return letter, scene.controller() if is_controller else scene.host(), scene.chance.uniform(0.1, longest)
