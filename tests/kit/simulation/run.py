"""One run: a plan in, a verdict out.

The cloud comes up, things happen to it, all is healed, and then it has SETTLE_SECONDS to become as its users want it."""

from __future__ import annotations

import asyncio
import gc
import math
from dataclasses import dataclass
from random import Random

from tests.kit.simulation import hearing
from tests.kit.simulation.clocks import pause
from tests.kit.simulation.cloud import SimulatedCloud
from tests.kit.simulation.loop import SimulationLoop, sim_loop
from tests.kit.simulation.plan import Happening, Plan
from tests.kit.simulation.watch import Violation

LENGTH_SECONDS = 120.0
SETTLE_SECONDS = 180.0  # after healing, before what is still wrong is called a broken promise
LOOK_SECONDS = 2.0
PROCESSES = "no process breaks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`settled_seconds`: from healing until all was well.  `digest` names the run's whole story."""

    seed: int
    violations: tuple[Violation, ...]
    seconds: float
    settled_seconds: float
    starts: int
    deaths: int
    incidents: int
    steps: int
    digest: str
    kinds: tuple[str, ...]  # of what happened


@dataclass(frozen=True, slots=True)
class Outcome:
    verdict: Verdict
    cloud: SimulatedCloud


def run(plan: Plan, *, listening: bool = False) -> Outcome:
    """In a loop of its own; `listening` puts what processes log into the story.

    The collector waits: what it would finalise, it would at a moment that no seed decides."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        with asyncio.Runner(loop_factory=lambda: _loop(plan)) as runner:
            return runner.run(_run(plan, listening))
    finally:
        gc.collect()
        if was_enabled:
            gc.enable()


def _loop(plan: Plan) -> SimulationLoop:
    loop = SimulationLoop(Random(plan.seed * 7 + 2))
    loop.set_exception_handler(lambda _loop, _context: None)  # of tasks that are cut off at the end
    return loop


async def _run(plan: Plan, listening: bool) -> Outcome:
    cloud = SimulatedCloud(plan)
    if listening:
        hearing.listen(cloud.story.hear, to_all=True)
    async with cloud.world:
        await cloud.begin()
        await _until_healed(cloud, plan)
        settled_seconds = await _settle(cloud) if plan.must_settle and not _is_over(cloud) else 0.0
        await _until(LENGTH_SECONDS, cloud)
        verdict = _verdict(cloud, settled_seconds)
        cloud.end()
        return Outcome(verdict, cloud)


async def _until_healed(cloud: SimulatedCloud, plan: Plan) -> None:
    for happening in plan.happenings:
        sim_loop().of_nobody_later(happening.at - sim_loop().time(), _begin, cloud, happening, plan.heal_at)
    await _until(plan.heal_at, cloud)
    cloud.story.tell("---", "all is healed")
    cloud.heal()


async def _until(moment: float, cloud: SimulatedCloud) -> None:
    look_seconds = LOOK_SECONDS if cloud.plan.ends_when_broken else math.inf
    while (left := moment - sim_loop().time()) > 0 and not _is_over(cloud):
        await pause(min(left, look_seconds))


def _is_over(cloud: SimulatedCloud) -> bool:
    return cloud.plan.ends_when_broken and bool(cloud.watch.violations)


def _begin(cloud: SimulatedCloud, happening: Happening, heal_at: float) -> None:
    ends_at = min(happening.at + happening.seconds, heal_at)
    lasts = f" for {ends_at - happening.at:.1f} s" if happening.end is not None else ""
    cloud.story.tell("***", happening.name + lasts)
    happening.begin(cloud)
    if happening.end is not None:
        sim_loop().of_nobody_later(ends_at - sim_loop().time(), _end, cloud, happening)


def _end(cloud: SimulatedCloud, happening: Happening) -> None:
    assert happening.end is not None
    cloud.story.tell("***", f"over: {happening.name}")
    happening.end(cloud)


async def _settle(cloud: SimulatedCloud) -> float:
    healed_at = sim_loop().time()
    while (wrong := cloud.watch.what_is_wrong()) and not _is_over(cloud):
        cloud.switch_on_hosts()  # one that was powered off while it booted is an operator's to switch on
        if sim_loop().time() - healed_at > SETTLE_SECONDS:
            for each in wrong[:5]:
                cloud.watch.broken("all is well again some time after healing", each)
            break
        await pause(LOOK_SECONDS)
    return sim_loop().time() - healed_at


def _verdict(cloud: SimulatedCloud, settled_seconds: float) -> Verdict:
    watch = cloud.watch
    for what in cloud.broken:
        watch.broken(PROCESSES, what)
    return Verdict(
        seed=cloud.plan.seed,
        violations=tuple(watch.violations),
        seconds=sim_loop().time(),
        settled_seconds=settled_seconds,
        starts=watch.starts,
        deaths=watch.deaths,
        incidents=len(cloud.database.rows.tables["incidents"]),
        steps=sim_loop().steps,
        digest=cloud.story.digest(),
        kinds=tuple(each.kind for each in cloud.plan.happenings),
    )
