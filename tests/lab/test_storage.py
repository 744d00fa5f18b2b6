"""The shared pool fails: for one host, which loses its guests and never writes late; or for all, who keep theirs and wait."""

from __future__ import annotations

import asyncio

import pytest

from mainstay_cli.lab.cloud import LabCloud
from mainstay_cli.lab.host import StorageFault
from mainstay_runtime.tasks import all_of
from tests.lab.promises import renewals_watched, was_not_ordered_too_soon
from tests.lab.sights import boots_again, decided, deployed, proof_of, runs, runs_nowhere_on, writes

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="session")]

LONGER_THAN_A_LEASE_SECONDS = 16.0


async def test_a_host_without_storage_loses_its_guests_to_others(cloud: LabCloud) -> None:
    """One whose callers can be killed kills its guests and stays up; one whose callers cannot be killed is reset by its watchdog."""
    hung, held = cloud.lab.host(1), cloud.lab.host(2)
    [(on_hung, hung_word), (on_held, held_word)] = await deployed(
        cloud.deploy("on-hung", on=hung), cloud.deploy("on-held", on=held)
    )

    async with renewals_watched(cloud) as renewals:
        await hung.cut_storage(StorageFault.HANG)
        await held.cut_storage(StorageFault.HOLD)
        await all_of(boots_again(on_hung, after=hung_word), boots_again(on_held, after=held_word))

    await runs(cloud, on_hung, not_on=hung)
    told = await decided(cloud, on_hung, rule="guest-died")
    assert proof_of(told)["kind"] == "acknowledged"
    await runs(cloud, on_held, not_on=held)
    expired = await decided(cloud, on_held, rule="host-died")
    assert proof_of(expired)["kind"] == "lease-expired"
    was_not_ordered_too_soon(expired, renewals, held)
    assert await hung.is_on()
    assert not await held.is_on()
    assert "h2 power cut: watchdog" in cloud.lab.journal()
    await hung.heal_storage()
    await runs_nowhere_on(hung, on_hung)


async def test_when_all_lose_their_storage_all_wait(cloud: LabCloud) -> None:
    """No host is reset, no guest is killed or restarted; all go on where they were."""
    faults = [StorageFault.HANG, StorageFault.ERROR, StorageFault.HANG, StorageFault.ERROR, StorageFault.HANG]
    hosts = cloud.lab.hosts
    before = await deployed(*(cloud.deploy(f"waits-on-{host.name}", on=host) for host in hosts[:4]))
    journal = cloud.lab.journal()

    await all_of(*(host.cut_storage(fault) for host, fault in zip(hosts, faults, strict=True)))
    await asyncio.sleep(LONGER_THAN_A_LEASE_SECONDS)
    await all_of(*(host.heal_storage() for host in hosts))

    for guest, word in before:
        after = await writes(guest, after=word)
        assert after.boot == word.boot
        assert await cloud.decisions(guest) == []
    assert cloud.lab.journal() == journal
