"""A controller dies in the middle of a recovery, again and again: the recovery is completed, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from mainstay_cli.lab.bmc import Mood
from mainstay_cli.lab.cloud import LabCloud
from mainstay_cli.lab.waiting import until
from tests.lab.sights import boots_again, boots_on, decided, deployed, runs

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="session")]

MOMENT_DEADLINE_SECONDS = 120.0
MOMENTS = (
    "Up -> Alert",
    "Suspected -> Investigating",
    "Investigating -> Fencing",
    "Fencing -> Recovering",
    "Stopped -> Starting (HA",
    "Starting -> Running",
)
"""One in each phase, in the words of the controller's log."""


async def test_a_recovery_survives_a_controller_killed_in_each_of_its_phases(cloud: LabCloud) -> None:
    """Its power controller does not answer, so that there is a phase of fencing."""
    host = cloud.lab.host(1)
    guests = await deployed(cloud.deploy("patient-1", on=host), cloud.deploy("patient-2", on=host))

    async with cloud.power_controllers():
        await host.set_bmc_mood(Mood.SILENT)
        read = log_of(cloud).stat().st_size
        await host.switch_off("a story")
        for moment in MOMENTS:
            read = await is_logged(cloud, moment, after=read)
            cloud.controllers[1].kill()
            cloud.start_controller()
        await cloud.controller_answers()

        for guest, before in guests:
            await boots_again(guest, after=before)
            await runs(cloud, guest, not_on=host)
            decision = await decided(cloud, guest, rule="host-died")
            assert decision["outcome"] == "Restarted"
            assert len(await cloud.decisions(guest)) == 1
            assert len(boots_on(guest)) == 2


def log_of(cloud: LabCloud) -> Path:
    """Every life appends to it."""
    return cloud.controllers[1].log


async def is_logged(cloud: LabCloud, words: str, *, after: int) -> int:
    """The place in the log behind the words.

    The next moment is looked for from there, not from where the log ended when the controller was killed: it may have come in the instant between.
    """
    sought = words.encode()

    async def is_there() -> bool:
        return sought in log_of(cloud).read_bytes()[after:]

    await until(is_there, f"the controller logs {words!r}", MOMENT_DEADLINE_SECONDS)
    return log_of(cloud).read_bytes().index(sought, after) + len(sought)
