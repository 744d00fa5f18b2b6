"""A host loses its power: what ran there and is to be highly available runs elsewhere, never too soon."""

from __future__ import annotations

import pytest

from mainstay_cli.lab.cloud import LabCloud, Offering
from mainstay_runtime.tasks import all_of
from tests.lab.promises import renewals_watched, was_ordered_in_time
from tests.lab.sights import boots_again, decided, deployed, host_is, is_stopped, proof_of, runs, witnesses_of

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="session")]


async def test_guests_of_a_host_without_power_run_elsewhere(cloud: LabCloud) -> None:
    host = cloud.lab.host(1)
    [(first, first_word), (second, second_word), (plain, _)] = await deployed(
        cloud.deploy("first", on=host),
        cloud.deploy("second", on=host),
        cloud.deploy("plain", Offering(ha=False), on=host),
    )

    async with renewals_watched(cloud) as renewals:
        await host.switch_off("a story")
        await all_of(boots_again(first, after=first_word), boots_again(second, after=second_word))

    await host_is(cloud, host, "Down")
    for guest in (first, second):
        await runs(cloud, guest, not_on=host)
        decision = await decided(cloud, guest, rule="host-died")
        assert proof_of(decision)["kind"] == "lease-expired"
        assert len(witnesses_of(decision)) >= 2
        was_ordered_in_time(decision, renewals, host)
    assert "does not ask for HA" in str((await is_stopped(cloud, plain))["stopreason"])
    assert (await decided(cloud, plain, rule="ha-off"))["outcome"] == "LeftStopped"
