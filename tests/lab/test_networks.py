"""A host is cut off: as long as it renews its lease its guests are its own, unless the policy says otherwise; and a host that
lost everything has no guest when it comes back."""

from __future__ import annotations

import asyncio

import pytest

from mainstay_agent.lease.bounds import FAST, takeover_after
from mainstay_cli.lab.cloud import LabCloud
from mainstay_cli.lab.host import StorageFault
from tests.lab.promises import renewals_watched, was_ordered_in_time
from tests.lab.sights import (
    boots_again,
    decided,
    deployed,
    host_is,
    last_word,
    proof_of,
    runs,
    runs_nowhere_on,
    writes,
)

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="session")]


async def test_guests_of_a_host_that_only_we_cannot_reach_are_left_alone(cloud: LabCloud) -> None:
    host = cloud.lab.host(1)
    [(guest, before)] = await deployed(cloud.deploy("kept", on=host))

    await host.cut_network()
    await host_is(cloud, host, "Alert")
    await asyncio.sleep(takeover_after(FAST))
    in_the_dark = await writes(guest, after=last_word(guest))
    await host.heal_network()

    await host_is(cloud, host, "Up")
    assert (in_the_dark.boot, in_the_dark.host) == (before.boot, host.name)
    assert await cloud.decisions(guest) == []
    assert (await cloud.vm(guest))["hostname"] == host.name


async def test_the_policy_fence_releases_them_by_poison(cloud: LabCloud) -> None:
    host = cloud.lab.host(2)
    [(guest, before)] = await deployed(cloud.deploy("fenced", on=host))
    await cloud.set_fence_policy("fence")
    try:
        await host.cut_network()

        await boots_again(guest, after=before)
        await runs(cloud, guest, not_on=host)
        decision = await decided(cloud, guest, rule="host-died")
        assert proof_of(decision)["kind"] == "released"
        assert await host.is_on()
    finally:
        await cloud.set_fence_policy("keep")


async def test_a_host_that_lost_both_networks_has_no_old_copies_when_they_heal(cloud: LabCloud) -> None:
    host = cloud.lab.host(3)
    [(guest, before)] = await deployed(cloud.deploy("twice-cut", on=host))

    async with renewals_watched(cloud) as renewals:
        await host.cut_network()
        await host.cut_storage(StorageFault.HANG)
        await boots_again(guest, after=before)
    await host.heal_storage()
    await host.heal_network()

    await host_is(cloud, host, "Up")
    await runs_nowhere_on(host, guest)
    await runs(cloud, guest, not_on=host)
    decision = await decided(cloud, guest, rule="host-died")
    assert proof_of(decision)["kind"] == "lease-expired"
    was_ordered_in_time(decision, renewals, host)
