"""A live migration is broken off in every way: the guest runs again, in one place.

libvirt's own limit makes the migrations long; how far they are is told by the source's libvirt."""

from __future__ import annotations

import re

import pytest

from mainstay_cli.client import text
from mainstay_cli.lab.cloud import Guest, LabCloud
from mainstay_cli.lab.host import LabHost
from mainstay_cli.lab.processes import CommandFailed
from mainstay_cli.lab.waiting import until
from mainstay_runtime.tasks import all_of
from tests.lab.sights import boots_again, deployed, emulators_with, runs, writes

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="session")]

SLOW_MIB_PER_SECOND = 4
PERCENT_DEADLINE_SECONDS = 120.0
FIGURE = re.compile(r"^Memory (processed|remaining):\s+([\d.]+) (\w+)", re.MULTILINE)
BYTES = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


async def test_hosts_killed_at_any_point_of_a_migration(cloud: LabCloud) -> None:
    """Three sources die at 10, 50 and 90 % of what they send to one target."""
    *sources, target, _ = cloud.lab.hosts
    guests = await deployed(*(cloud.deploy(f"leaves-{source.name}", on=source) for source in sources))

    async def dies_at(percent: float, source: LabHost, guest: Guest) -> None:
        await begin_slowly(cloud, guest, source, target)
        await until_sent(source, guest, percent)
        await source.switch_off("in the middle of a migration")

    await all_of(
        *(dies_at(at, source, guest) for at, source, (guest, _) in zip((10, 50, 90), sources, guests, strict=True))
    )

    for source, (guest, before) in zip(sources, guests, strict=True):
        await boots_again(guest, after=before)
        await runs(cloud, guest, not_on=source)
        assert len(await emulators_with(cloud, guest)) == 1


async def test_a_target_that_dies_and_a_source_whose_agent_dies(cloud: LabCloud) -> None:
    """When the target dies the guest goes on where it was.  When the agent that waits for the end of a migration is killed, nobody
    hears how it ended: both hosts are asked."""
    source, target, forgetful, other, _ = cloud.lab.hosts
    (staying, stayed_word), (orphan, orphan_word) = await deployed(
        cloud.deploy("stays", on=source), cloud.deploy("unheard", on=forgetful)
    )
    await all_of(
        begin_slowly(cloud, staying, source, target),
        begin_slowly(cloud, orphan, forgetful, other),
    )

    await all_of(until_sent(source, staying, 50), until_sent(forgetful, orphan, 50))
    await target.switch_off("in the middle of a migration")
    cloud.agents[forgetful.name].kill()
    await cloud.revive(forgetful)

    await runs(cloud, staying, on=source)
    assert (await writes(staying, after=stayed_word)).boot == stayed_word.boot
    where = await runs(cloud, orphan)
    await writes(orphan, after=orphan_word)
    assert [host.name for host in await emulators_with(cloud, orphan)] == [where.name]


async def begin_slowly(cloud: LabCloud, guest: Guest, source: LabHost, target: LabHost) -> None:
    await source.run(["virsh", "migrate-setspeed", guest.id, str(SLOW_MIB_PER_SECOND)])
    asked = {"virtualmachineid": guest.id, "hostid": cloud.ids.hosts[target.name]}
    assert text(await cloud.client.call("migrateVirtualMachine", asked), "jobid")


async def until_sent(source: LabHost, guest: Guest, percent: float) -> None:
    async def is_sent() -> bool:
        return await percent_sent(source, guest) >= percent

    await until(is_sent, f"{percent} % of {guest.name} are sent", PERCENT_DEADLINE_SECONDS)


async def percent_sent(source: LabHost, guest: Guest) -> float:
    """0 before it began."""
    try:
        told = await source.run(["virsh", "domjobinfo", guest.id])
    except CommandFailed:
        return 0.0
    figures = {name: float(value) * BYTES[unit] for name, value, unit in FIGURE.findall(told)}
    whole = sum(figures.values())
    return 100 * figures["processed"] / whole if whole else 0.0
