"""When is a guest that is gone also done writing?  Only then does this host give its word that it is gone.

What a guest wrote last may be on its way for delta, also where storage seems to answer: a way to the pool that was gone for a moment, between two
renewals, was gone unseen.  And a pool that stands still may keep it for as long as it stands.  So the word waits until a write of ours that was *begun*
delta after the end was acknowledged: storage that completes the later write is not holding back the earlier one.  That write is the renewal of our own
slot, which comes every R anyway.

The cost: a stop takes delta and until the next renewal.  A host whose pool hangs gives no word: it says `storage-silent` once that is overdue, and leaves
it to whoever asks to hear from others whether the pool moves."""

from __future__ import annotations

from mainstay_agent.driver import Outcome, unknown
from mainstay_agent.duties.answers import Deadline
from mainstay_agent.duties.charge import Charge
from mainstay_proto.messages import PoolLease
from mainstay_proto.profiles import delta_by_any_clock

STORAGE_SILENT = unknown("storage-silent", "it is gone since delta, but storage may still hold back what it wrote last")
TOO_EARLY = unknown("deadline", "it is gone, but what it wrote last may still be on its way")


async def doubt(charge: Charge, vm_id: str, deadline: Deadline) -> Outcome | None:
    """Why the word cannot be given of a guest that ended before this was called.  None: it can, its last writes have landed."""
    if charge.book.pools is None:
        return None
    clock, profile = charge.clock, charge.book.pools.profile
    safe_at = clock.monotonic() + delta_by_any_clock(profile)
    silent_at = safe_at + profile.renew_seconds + profile.poll_seconds
    while not await _answered_since(safe_at, charge, vm_id):
        if clock.monotonic() >= silent_at:
            return STORAGE_SILENT
        if not deadline.remaining_seconds():
            return TOO_EARLY
        await clock.sleep(min(profile.poll_seconds, deadline.remaining_seconds()))
    return None


async def _answered_since(moment: float, charge: Charge, vm_id: str) -> bool:
    """By every pool: a renewal begun after that moment was acknowledged."""
    asked_at = charge.clock.monotonic()
    return all(lease.valid and asked_at - lease.age_seconds >= moment for lease in await _leases(charge, vm_id))


async def _leases(charge: Charge, vm_id: str) -> tuple[PoolLease, ...]:
    """On the pools of that guest; on all, if we know nothing of it."""
    entry = charge.book.entry(vm_id)
    leases = await charge.area.leases()
    return tuple(lease for lease in leases if entry is None or lease.pool_id in entry.spec.pool_ids)
