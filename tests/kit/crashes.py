"""Kill a controller at its n-th contact with the world, and let the next one go on; or let its database fail at the n-th call.

Contacts are calls to the database and orders that reach a host.  At the n-th the controller stops where it stands, as under kill -9: no
clean-up runs, its sessions end, its membership runs out.  `at_every_contact` tells the story again with n = 1, 2, ... until it ends without a crash;
`with_every_call_failing` does so with a database that is away for one call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from mainstay_controller.domain.ids import JobId
from mainstay_controller.domain.records import Job
from mainstay_controller.store.port import OutcomeUnknown, Unreachable
from tests.kit.small_cloud import MEMBERSHIP_SECONDS, Here, a_controller, a_site

Story = Callable[[Here], Awaitable[Job]]
"""Begins the job."""
Check = Callable[[Here, Job], Awaitable[None]]


class Death:
    """Counts contacts; the n-th never returns."""

    def __init__(self, at: int) -> None:
        self._left = at
        self.has_come = asyncio.Event()

    async def before(self, _call: str) -> None:
        self.note(_call)
        if self.has_come.is_set():
            await asyncio.Event().wait()

    def note(self, _what: str) -> None:
        self._left -= 1
        if self._left == 0:
            self.has_come.set()


async def at_every_contact(
    prepare: Callable[[Here], Awaitable[Any]], begin: Story, check: Check, **settings: Any
) -> int:
    """How many contacts there are."""
    number = 1
    while await _died_at(number, prepare, begin, check, settings):
        number += 1
    return number - 1


async def _died_at(
    number: int, prepare: Callable[[Here], Awaitable[Any]], begin: Story, check: Check, settings: dict[str, Any]
) -> bool:
    site = await a_site(hosts=2)
    before = await a_controller(site, "before", **settings)
    await prepare(before)
    job = await begin(before)
    death = Death(number)
    first = await a_controller(site, "first", before=death.before, **settings)
    for host in site.hosts:
        host.on_order = death.note
    died = await _run_until_death(first, job, death)
    if died:
        await _bury(first)
        second = await a_controller(site, "second", **settings)
        job = await second.run(await second.cloud.store.jobs.by_id(JobId(job.id)))
    witness = await a_controller(site, "witness", **settings)
    await check(witness, await witness.cloud.store.jobs.by_id(JobId(job.id)))
    assert site.world.double_runs == [], f"killed at contact {number}"
    return died


async def with_every_call_failing(
    prepare: Callable[[Here], Awaitable[Any]], begin: Story, check: Check, **settings: Any
) -> int:
    """How many calls there are."""
    number = 1
    while await _failed_at(number, prepare, begin, check, settings):
        number += 1
    return number - 1


async def _failed_at(
    number: int, prepare: Callable[[Here], Awaitable[Any]], begin: Story, check: Check, settings: dict[str, Any]
) -> bool:
    site = await a_site(hosts=2)
    furnisher = await a_controller(site, "before", **settings)
    await prepare(furnisher)
    job = await begin(furnisher)
    left = number

    async def fail_once(call: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise OutcomeUnknown(call) if call == "commit" else Unreachable(call)

    here = await a_controller(site, "first", before=fail_once, **settings)
    job = await here.run(job)
    await check(await a_controller(site, "witness", **settings), job)
    assert site.world.double_runs == [], f"the database failed at call {number}"
    return left <= 0


async def _run_until_death(here: Here, job: Job, death: Death) -> bool:
    working = asyncio.create_task(here.run(job))
    dying = asyncio.create_task(death.has_come.wait())
    await asyncio.wait((working, dying), return_when=asyncio.FIRST_COMPLETED)
    working.cancel()
    dying.cancel()
    await asyncio.gather(working, dying, return_exceptions=True)
    return death.has_come.is_set()


async def _bury(here: Here) -> None:
    for host in here.site.hosts:
        host.on_order = lambda _verb: None
        await host.disconnect()
    await here.site.clock.sleep(MEMBERSHIP_SECONDS + 1)
