"""Being one controller among several: a row with an expiry on the database's clock, and an epoch that counts our lives.

Whoever does not renew in time is gone for the others: what it owned is theirs to take.  So it must stop acting before that, and a
controller that finds its row in another's hands, or its epoch passed, ends itself (`Superseded`)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta

from mainstay_controller.domain.ids import ControllerId
from mainstay_controller.domain.records import Controller
from mainstay_controller.domain.shares import Load, gifts_to
from mainstay_controller.operations.cloud import Cloud, ThisController
from mainstay_controller.operations.journal import AlertType
from mainstay_controller.store.port import Conflict, OutcomeUnknown, Stale, Store, Unreachable, at_most, ne
from mainstay_runtime.logs import logger

log = logger(__name__)

UP, PREPARING, DOWN = "Up", "PreparingForShutDown", "Down"
SETTLED_LEASES = 2 / 3
"""After so much of a lease every row tells of the agents that have moved."""
LEAD_SHARE = 0.9
"""Of the lease: clocks differ, and what we say last is still on its way."""


class Superseded(Exception):
    """Another process lives under our id, or others took over from us."""


async def join(store: Store, id: ControllerId, name: str, address: str, lease_seconds: float) -> ThisController:
    """A new life: whatever an earlier one claimed is free."""
    while True:
        now = await store.now()
        known = await store.controllers.get(id)
        fresh = Controller(
            id=id,
            name=name,
            address=address,
            created=known.created if known else now,
            expires=now + timedelta(seconds=lease_seconds),
            epoch=known.epoch + 1 if known else 1,
        )
        try:
            joined = await (store.controllers.swap(known, fresh) if known else store.controllers.add(fresh))
            return ThisController(id=id, epoch=joined.epoch)
        except (Stale, Conflict):
            continue


def lead(cloud: Cloud, since: float) -> None:
    """`since`: our clock before the store was asked.  We stop leading a little before others may take over."""
    cloud.fleet.lead_until(since + cloud.settings.controller_lease_seconds * LEAD_SHARE)


async def renew(cloud: Cloud, agents_held: int) -> None:
    """Raises Superseded; Stale cannot last, since only we write our row while we live."""
    since = cloud.clock.monotonic()
    lease = timedelta(seconds=cloud.settings.controller_lease_seconds)
    row = await cloud.store.controllers.by_id(cloud.me.id)
    now = await cloud.store.now()
    if row.epoch != cloud.me.epoch:
        raise Superseded(f"controller {cloud.me.id} lives on under epoch {row.epoch}")
    await cloud.store.controllers.swap(row, replace(row, expires=now + lease, agents_held=agents_held))
    cloud.is_leaving = row.state != UP
    lead(cloud, since)


async def leave(cloud: Cloud) -> None:
    """On a stop on purpose: the others need not wait for our expiry."""
    row = await cloud.store.controllers.by_id(cloud.me.id)
    if row.epoch == cloud.me.epoch:
        now = await cloud.store.now()
        await cloud.store.controllers.swap(row, replace(row, expires=now, state=DOWN, agents_held=0))


async def bury_the_dead(cloud: Cloud) -> None:
    """Whose lease is over has lost its life: its epoch rises, so that it finds out, and what it owned is free."""
    now = await cloud.store.now()
    for row in await cloud.store.controllers.find(ne("state", DOWN), at_most("expires", now)):
        if row.id == cloud.me.id:
            continue
        subject = f"Management server node {row.address} is down"
        try:
            async with cloud.store.transaction() as store:
                await store.controllers.swap(row, replace(row, state=DOWN, epoch=row.epoch + 1, agents_held=0))
                await cloud.journal.alert(store, AlertType.MANAGEMENT_NODE, subject, dedupe_key=alert_key(row))
        except Stale:
            continue  # it renewed after all, or another was first


async def miss_no_more(alive: Iterable[Controller], cloud: Cloud) -> None:
    """Raises Stale when an alert changed in the same moment."""
    for row in alive:
        await cloud.journal.resolve(cloud.store, alert_key(row))


def alert_key(row: Controller) -> str:
    return f"controller:{row.id}"


async def living(cloud: Cloud) -> list[Controller]:
    """All controllers that live, told to the fleet too: whom agents may go to, and where other controllers are."""
    now = await cloud.store.now()
    rows = [row for row in await cloud.store.controllers.find() if row.expires > now]
    inviting = tuple(row.address for row in rows if row.state == UP)
    cloud.fleet.controllers = tuple(filter(None, cloud.settings.host.split(","))) or inviting
    cloud.fleet.know_peers({row.id: row.address for row in rows if row.id != cloud.me.id})
    return rows


async def look_for_peers(cloud: Cloud) -> None:
    """For whoever misses a host: one that just joined may have it.  A store that is away teaches nothing."""
    try:
        await living(cloud)
    except (OutcomeUnknown, Unreachable) as error:
        log.info("the other controllers were not looked for", error=str(error))


@dataclass(slots=True)
class Balance:
    """Gives away what is more than our share, and waits after each gift until the rows tell what became of it."""

    not_before: float = 0.0

    async def strike(self, cloud: Cloud) -> None:
        now = cloud.clock.monotonic()
        if now < self.not_before or not cloud.fleet.leads:
            return
        rows = await living(cloud)
        mine = len(cloud.fleet.held())
        others = [Load(address=row.address, hosts=row.agents_held) for row in rows if self._takes(row, cloud)]
        leaving = any(row.id == cloud.me.id and row.state != UP for row in rows)
        gifts = gifts_to(others, mine, is_leaving=leaving)
        if gifts:
            given = cloud.fleet.send_away(len(gifts), gifts, "every controller holds its share")
            log.info("hosts are given to other controllers", hosts=given, held=mine)
            self.not_before = now + cloud.settings.controller_lease_seconds * SETTLED_LEASES

    def _takes(self, row: Controller, cloud: Cloud) -> bool:
        return row.id != cloud.me.id and row.state == UP
