"""Power controllers help when they are honest, and harm nobody when they are not."""

from __future__ import annotations

import asyncio

import pytest

from mainstay_agent.lease.bounds import FAST, takeover_after
from mainstay_cli.lab.bmc import Mood
from mainstay_cli.lab.cloud import LabCloud
from mainstay_cli.lab.host import StorageFault
from mainstay_runtime.tasks import all_of
from tests.lab.promises import renewals_watched, was_ordered_in_time
from tests.lab.sights import boots_again, decided, deployed, host_is, last_word, proof_of, runs, writes

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="session")]


async def test_off_is_proof_and_silence_and_ok_are_none(cloud: LabCloud) -> None:
    """Two hosts lose their power: the BMC of one refuses orders, since it is off already; that of the other never answers.  A third host hangs,
    and its BMC says "ok" and does nothing."""
    already_off, silent, lying, *_ = cloud.lab.hosts
    guests = await deployed(*(cloud.deploy(f"bmc-{host.name}", on=host) for host in (already_off, silent, lying)))

    async with cloud.power_controllers(), renewals_watched(cloud) as renewals:
        await already_off.set_bmc_mood(Mood.REFUSES)
        await silent.set_bmc_mood(Mood.SILENT)
        await lying.set_bmc_mood(Mood.LIES)
        await all_of(already_off.switch_off(), silent.switch_off(), lying.cut_network(), lying.cut_storage())
        await all_of(*(boots_again(guest, after=before) for guest, before in guests))

        decisions = [await decided(cloud, guest, rule="host-died") for guest, _ in guests]
        assert [proof_of(each)["kind"] for each in decisions] == ["powered-off", "lease-expired", "lease-expired"]
        was_ordered_in_time(decisions[1], renewals, silent)
        was_ordered_in_time(decisions[2], renewals, lying)
        assert await lying.is_on()


async def test_a_host_that_hangs_is_powered_off_and_one_that_lives_is_not_believed_off(cloud: LabCloud) -> None:
    hanging, living, *_ = cloud.lab.hosts
    [(moved, moved_word), (kept, kept_word)] = await deployed(
        cloud.deploy("moved", on=hanging), cloud.deploy("kept-on", on=living)
    )

    async with cloud.power_controllers():
        await living.set_bmc_mood(Mood.LIES_OFF)
        await all_of(living.cut_network(), hanging.cut_network(), hanging.cut_storage(StorageFault.HANG))
        await boots_again(moved, after=moved_word)
        assert proof_of(await decided(cloud, moved, rule="host-died"))["kind"] == "powered-off"
        assert f"{hanging.name} power cut: BMC" in cloud.lab.journal()

        await host_is(cloud, living, "Alert")
        await asyncio.sleep(takeover_after(FAST))
        assert (await writes(kept, after=last_word(kept))).boot == kept_word.boot
        assert await cloud.decisions(kept) == []
        await runs(cloud, kept, on=living)
