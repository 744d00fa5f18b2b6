"""Does a pool move, though one host does not reach it?  Then it holds nothing back of what that host wrote.

A host that says `storage-silent` says that a guest is gone and that delta has passed, but that its own way to the pool answers nothing.  What is left
to fear is a pool that stands still for everybody, and keeps the guest's last write until it moves.  A sound observer, asked so late that his view
cannot be from before that word, has read the pool since: it moves, and delta is over."""

from __future__ import annotations

from mainstay_controller.domain.ids import HostId, IncidentId, PoolId
from mainstay_controller.fleet.outcome import Done
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.store.port import eq


async def witnesses(
    pool_ids: frozenset[PoolId], silent: HostId, incident: IncidentId, cloud: Cloud
) -> frozenset[HostId] | None:
    """Who sees these pools move, asked now; None: of some pool nobody does."""
    seen: set[HostId] = set()
    for pool_id in sorted(pool_ids):
        witness = await _witness(pool_id, silent, incident, cloud)
        if witness is None:
            return None
        seen.add(witness)
    return frozenset(seen)


async def _witness(pool_id: PoolId, silent: HostId, incident: IncidentId, cloud: Cloud) -> HostId | None:
    for observer_id in await _observers(pool_id, silent, cloud):
        told = await cloud.fleet.probe_host(
            observer_id,
            silent,
            "",
            command_id=f"{incident}:moves:{cloud.rng.uuid()}",
            deadline_seconds=cloud.settings.probe_deadline_seconds,
        )
        slots = told.slots if isinstance(told, Done) else ()
        if any(slot.pool_id == pool_id and slot.host_id == silent and slot.witness_sound for slot in slots):
            return observer_id
    return None


async def _observers(pool_id: PoolId, silent: HostId, cloud: Cloud) -> list[HostId]:
    others = await cloud.store.lease_slots.find(eq("pool_id", pool_id), order_by="slot")
    live = [each.host_id for each in others if each.host_id != silent and cloud.fleet.is_connected(each.host_id)]
    return live[: cloud.settings.witnesses_per_pool]
