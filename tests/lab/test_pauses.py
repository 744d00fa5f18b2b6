"""A part of a host stands still for half a minute and goes on as if nothing had been: there is one writer at most."""

from __future__ import annotations

import asyncio
import signal

import pytest

from mainstay_cli.lab.cloud import LabCloud
from mainstay_runtime.tasks import all_of
from tests.lab.sights import boots_again, decided, deployed, proof_of, runs, writes

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="session")]

PAUSE_SECONDS = 30.0


async def test_whatever_stands_still_there_is_one_writer(cloud: LabCloud) -> None:
    """Four hosts, each with another part stopped.  Without its agent or its libvirtd a host keeps its guests; without its lease daemon,
    and frozen as a whole, it is reset, and they run elsewhere."""
    of_agent, of_leased, of_libvirtd, frozen, _ = cloud.lab.hosts
    agentless, leaseless, libvirtless, iced = await deployed(
        *(cloud.deploy(f"on-{host.name}", on=host) for host in cloud.lab.hosts[:4])
    )

    cloud.agents[of_agent.name].stop()
    cloud.leased[of_leased.name].stop()
    await of_libvirtd.send("libvirtd", signal.SIGSTOP)
    await frozen.freeze()
    await asyncio.sleep(PAUSE_SECONDS)
    await all_of(*(host.thaw() for host in (of_agent, of_libvirtd)))

    await all_of(*(boots_again(guest, after=before) for guest, before in (leaseless, iced)))
    for (guest, _), host in ((leaseless, of_leased), (iced, frozen)):
        await runs(cloud, guest, not_on=host)
        assert proof_of(await decided(cloud, guest, rule="host-died"))["kind"] == "lease-expired"
        assert not await host.is_on()
    for guest, before in (agentless, libvirtless):
        assert (await writes(guest, after=before)).boot == before.boot
        assert await cloud.decisions(guest) == []
