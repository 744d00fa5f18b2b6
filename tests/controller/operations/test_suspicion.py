"""A host that comes while its silence is looked into is neither put under suspicion nor forgotten."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from mainstay_controller.domain.ha.suspicion import Contact, Silence
from mainstay_controller.domain.ids import ControllerId, HostId
from mainstay_controller.domain.states import HostState
from mainstay_controller.loops.guests import hear_hosts
from mainstay_controller.loops.heartbeats import watch_heartbeats
from mainstay_controller.operations.recovery.suspect_host import suspect_hosts
from mainstay_runtime.tasks import background
from tests.kit.small_cloud import Here, a_cloud, a_controller, a_site

H1 = HostId("h1")


class ComesAtCall:
    """The host dials again in the moment that its silence has the database asked this."""

    def __init__(self, call: str) -> None:
        self.call = call
        self.here: Here | None = None

    async def before(self, call: str) -> None:
        if call == self.call and self.here is not None:
            here, self.here = self.here, None
            await here.host(1).connect(here.cloud.fleet)


async def a_silent_host(call: str, held_by: str) -> tuple[Here, Silence]:
    """It will come at that call; its row says who holds it."""
    site, coming = await a_site(hosts=1), ComesAtCall(call)
    here = await a_controller(site, before=coming.before)
    store = site.store
    row = await store.hosts.by_id(H1)
    await store.hosts.swap(row, replace(row, controller_id=ControllerId(held_by)))
    for controller in await store.controllers.find():
        await store.controllers.swap(controller, replace(controller, expires=controller.expires + timedelta(hours=1)))
    since = site.clock.monotonic()
    await asyncio.sleep(20)
    coming.here = here
    return here, Silence(host_id=H1, contact=Contact.AWAITED, since=since, seconds=20.0)


@pytest.mark.parametrize("held_by", ["c1", "furnisher"])
async def test_a_host_that_comes_meanwhile_is_kept(held_by: str) -> None:
    here, silence = await a_silent_host("find hosts", held_by)

    dealt_with = await suspect_hosts([silence], here.cloud)

    assert dealt_with == {H1}
    assert await here.cloud.store.incidents.count() == 0
    assert here.cloud.fleet.holds(H1)
    assert (await here.cloud.store.hosts.by_id(H1)).state is HostState.UP


async def test_a_host_that_stays_silent_is_put_under_suspicion() -> None:
    here, silence = await a_silent_host("never", "c1")

    dealt_with = await suspect_hosts([silence], here.cloud)

    assert dealt_with == {H1}
    assert await here.cloud.store.incidents.count() == 1
    assert (await here.cloud.store.hosts.by_id(H1)).state is HostState.ALERT


async def test_a_host_that_another_holds_is_forgotten() -> None:
    here, silence = await a_silent_host("never", "furnisher")

    dealt_with = await suspect_hosts([silence], here.cloud)

    assert dealt_with == {H1}
    assert await here.cloud.store.incidents.count() == 0
    assert here.cloud.fleet.heard_at(H1) is None


async def test_a_host_that_goes_on_in_the_session_in_which_it_was_proven_dead_is_to_come_in_anew() -> None:
    """Seed 20261146778: whoever proved it dead never learnt that he had, and left its session open."""
    async with a_cloud(hosts=1) as here:
        host = here.host(1)
        async with background(partial(watch_heartbeats, here.cloud), partial(hear_hosts, here.cloud)):
            await host.beat()
            await asyncio.sleep(10)
            await here.prove_dead(host)
            await host.beat()
            await asyncio.sleep(1)

            assert not host.is_in_session
