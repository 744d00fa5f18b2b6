"""A controller dies in the middle of a recovery, again and again: the recovery is completed, once."""

from __future__ import annotations

from functools import partial

import pytest

from mainstay_cli.client import nested, text
from mainstay_cli.lab.bmc import Mood
from mainstay_cli.lab.cloud import LabCloud
from mainstay_cli.lab.host import LabHost
from mainstay_cli.lab.waiting import until
from tests.lab.sights import boots_again, boots_on, decided, deployed, runs

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="session")]

PHASE_DEADLINE_SECONDS = 90.0


async def test_a_recovery_survives_a_controller_killed_in_each_of_its_phases(cloud: LabCloud) -> None:
    """Its power controller does not answer, so that the phase of fencing lasts."""
    host = cloud.lab.host(1)
    guests = await deployed(cloud.deploy("patient-1", on=host), cloud.deploy("patient-2", on=host))

    async with cloud.power_controllers():
        await host.set_bmc_mood(Mood.SILENT)
        await host.switch_off("a story")
        for moment in (suspected, being_fenced, ordered):
            await until(partial(moment, cloud, host), moment.__name__, PHASE_DEADLINE_SECONDS)
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


async def suspected(cloud: LabCloud, host: LabHost) -> bool:
    return bool(await phases_of(cloud, host))


async def being_fenced(cloud: LabCloud, host: LabHost) -> bool:
    return "Fencing" in await phases_of(cloud, host)


async def ordered(cloud: LabCloud, host: LabHost) -> bool:
    incidents = await cloud.client.rows("listIncidents", {"hostid": cloud.ids.hosts[host.name], "open": "true"})
    decisions = [decision for incident in incidents for decision in nested(incident, "decisions")]
    return any(phase["name"] == "ordered" for decision in decisions for phase in nested(decision, "phases"))


async def phases_of(cloud: LabCloud, host: LabHost) -> list[str]:
    incidents = await cloud.client.rows("listIncidents", {"hostid": cloud.ids.hosts[host.name], "open": "true"})
    return [text(incident, "phase") for incident in incidents]
