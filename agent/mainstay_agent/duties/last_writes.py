"""When is a guest that is gone also done writing?  Only then does this host give its word that it is gone.

A guest that ended leaves nothing on its way where storage answers.  But a pool that stands still may keep what the guest wrote last, for as long as it
stands, and delta bounds only what is on its way to a pool that moves.  So the word waits until a write of ours that was *begun* after the end was
acknowledged: storage that completes the later write is not holding back the earlier ones.  That write is the renewal of our own slot, which comes every R
anyway.  Where the pool had not answered of late when the guest ended, that write must be begun delta after the end: what the guest wrote last may go
another way for so long, and one that was overtaken meanwhile would be kept by a pool that stood still next.

The cost: a stop takes until the next renewal, which is begun at once.  A host whose pool hangs gives no word: it says `storage-silent` once delta has
passed, and leaves it to whoever asks to hear from others whether the pool moves."""

from __future__ import annotations

from mainstay_agent.driver import Outcome, unknown
from mainstay_agent.duties.answers import Deadline
from mainstay_agent.duties.charge import Charge
from mainstay_proto.messages import LeaseProfile, PoolLease

STORAGE_SILENT = unknown("storage-silent", "it is gone since delta, but storage may still hold back what it wrote last")
TOO_EARLY = unknown("deadline", "it is gone, but what it wrote last may still be on its way")


async def doubt(charge: Charge, vm_id: str, deadline: Deadline) -> Outcome | None:
    """Why the word cannot be given of a guest that ended before this was called.  None: it can, its last writes have landed."""
    if charge.book.pools is None:
        return None
    clock, profile = charge.clock, charge.book.pools.profile
    ended_at = clock.monotonic()
    was_disturbed = not all(is_fresh(lease, profile) for lease in await _leases(charge, vm_id))
    safe_at = ended_at + (profile.late_io_seconds if was_disturbed else 0.0)
    silent_at = ended_at + profile.late_io_seconds + profile.renew_seconds + profile.poll_seconds
    while not await _answered_since(safe_at, charge, vm_id):
        if clock.monotonic() >= silent_at:
            return STORAGE_SILENT
        if not deadline.remaining_seconds():
            return TOO_EARLY
        await clock.sleep(min(profile.poll_seconds, deadline.remaining_seconds()))
    return None


def is_fresh(lease: PoolLease, profile: LeaseProfile) -> bool:
    """Its storage answered of late."""
    return lease.valid and lease.age_seconds <= 2 * profile.renew_seconds + profile.poll_seconds


async def _answered_since(moment: float, charge: Charge, vm_id: str) -> bool:
    """By every pool: a renewal begun after that moment was acknowledged."""
    asked_at = charge.clock.monotonic()
    return all(lease.valid and asked_at - lease.age_seconds >= moment for lease in await _leases(charge, vm_id))


async def _leases(charge: Charge, vm_id: str) -> tuple[PoolLease, ...]:
    """On the pools of that guest; on all, if we know nothing of it."""
    entry = charge.book.entry(vm_id)
    leases = await charge.area.leases()
    return tuple(lease for lease in leases if entry is None or lease.pool_id in entry.spec.pool_ids)
