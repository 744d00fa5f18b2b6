"""Play one story: build its cloud, do what its script says, and watch the promises at every step."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.kit.scenario.cloud import StoryCloud
from tests.kit.scenario.cloud_file import CloudSpec, read_cloud
from tests.kit.scenario.expected import difference, read_expected
from tests.kit.scenario.script import Script, read_script
from tests.kit.scenario.telling import Kind, Line
from tests.kit.simulation import hearing
from tests.kit.simulation.clocks import pause
from tests.kit.simulation.loop import SimulationLoop, sim_loop

STORIES = Path(__file__).parents[2] / "scenarios"
CALM_SECONDS = 35.0
"""Before a story begins: holds that an earlier controller may have given are over, and slots have been watched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    name: str
    cloud: CloudSpec
    script: Script

    @property
    def expected_log(self) -> Path:
        return STORIES / self.name / "expected.log"


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """`broken`: promises that were.  `timeline`: everything, for whoever looks for a cause."""

    told: tuple[Line, ...]
    broken: tuple[str, ...]
    timeline: str

    def verdict(self, story: Story) -> str:
        """Empty: it went as expected."""
        wrong = [f"BROKEN  {each}" for each in self.broken]
        if differs := difference(read_expected(story.expected_log), self.told):
            wrong.append(differs)
        return "\n".join(wrong)


def names() -> list[str]:
    return sorted(file.parent.name for file in STORIES.glob("*/script.txt"))


def read_story(name: str) -> Story:
    """Raises Flaw."""
    folder = STORIES / name
    cloud = read_cloud(folder / "cloud.yaml")
    return Story(name=name, cloud=cloud, script=read_script(folder / "script.txt", cloud))


def play(story: Story, seed: int) -> Played:
    """In a loop of its own.  The collector waits: what it would finalise, it would at a moment that no seed decides."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        with asyncio.Runner(loop_factory=lambda: _loop(seed)) as runner:
            return runner.run(_play(story, seed))
    finally:
        gc.collect()
        if was_enabled:
            gc.enable()


def _loop(seed: int) -> SimulationLoop:
    loop = SimulationLoop(Random(seed * 7 + 2))
    loop.set_exception_handler(lambda _loop, _context: None)  # of tasks that are cut off at the end
    return loop


async def _play(story: Story, seed: int) -> Played:
    cloud = StoryCloud(story.cloud, seed)
    hearing.listen(cloud.telling.hear, to_all=True)
    async with cloud.world:
        await cloud.begin()
        await pause(CALM_SECONDS)
        cloud.telling.begin()
        await _perform(story.script, cloud)
        cloud.telling.finish()
        broken = tuple(str(each) for each in cloud.watch.violations) + tuple(cloud.broken)
        played = Played(told=tuple(cloud.telling.lines), broken=broken, timeline=cloud.story.timeline())
        cloud.end()
        return played


async def _perform(script: Script, cloud: StoryCloud) -> None:
    zero = sim_loop().time()
    for step in script.steps:
        await pause(zero + step.at - sim_loop().time())
        cloud.telling.tell(Kind.SCRIPT, "", step.text)
        step.do(cloud)
    await pause(zero + script.ends_at - sim_loop().time())


def tellings(story: Story, seeds: Sequence[int]) -> list[tuple[Line, ...]]:
    return [play(story, seed).told for seed in seeds]
