"""Being one controller among several: a row with an expiry on the database's clock, and an epoch that counts our lives.

Whoever does not renew in time is gone for the others: what it owned is theirs to take.  So it must stop acting before that, and a
controller that finds its row in another's hands, or its epoch passed, ends itself (`Superseded`)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from mainstay_controller.domain.ids import ControllerId
from mainstay_controller.domain.records import Controller
from mainstay_controller.operations.cloud import Cloud, ThisController
from mainstay_controller.store.port import Conflict, Stale, Store

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
    lead(cloud, since)


async def leave(cloud: Cloud) -> None:
    """On a stop on purpose: the others need not wait for our expiry."""
    row = await cloud.store.controllers.by_id(cloud.me.id)
    if row.epoch == cloud.me.epoch:
        now = await cloud.store.now()
        await cloud.store.controllers.swap(row, replace(row, expires=now, state="Down", agents_held=0))


async def living_addresses(store: Store) -> tuple[str, ...]:
    """Where agents find a controller."""
    now = await store.now()
    return tuple(row.address for row in await store.controllers.find() if row.expires > now)
