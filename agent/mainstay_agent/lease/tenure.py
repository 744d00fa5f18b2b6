"""One pool's lease in its owner's hands: how it is claimed, renewed, held by a grant, condemned and dropped.  Pure.

The promise: `lapses_at` moves only by the *start* of a renewal that storage acknowledged, or by the start of a request that the controller
granted; and only while the lease it prolongs has not ended.  Which guests depend on it is the keeper's to know."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from mainstay_agent.lease import bounds
from mainstay_agent.lease.slots import OwnerSector, Slot, SlotState
from mainstay_proto.messages import LeaseProfile, PoolLease
from mainstay_runtime.values import replace

PENDING_HOLDS_MAX = 8
INTRUSIONS_MAX = 2


class Claim(StrEnum):
    """How far this process is with calling the slot its own."""

    UNREAD = "unread"
    WATCHED = "watched"  # somebody wrote it before: an earlier boot of ours, or a living intruder?
    OWNED = "owned"
    CONTESTED = "contested"  # another writer lives in our slot: renew no more


class Why(StrEnum):
    """Why a lease ends."""

    LAPSE = "lapse"
    POISON = "poison"


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """A write on its way.  What it acknowledges is the moment it was begun."""

    generation: int
    sequence: int
    begun_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Condemned:
    """The guests of this tenure are being killed; it ends when the last of them is gone and its I/O has drained."""

    why: Why
    incident_id: str = ""
    emptied_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenure:
    pool_id: str
    slot: int
    claim: Claim = Claim.UNREAD
    generation: int = 0  # held, or sought next
    sequence: int = 0
    acknowledged_sequence: int = 0
    renewed_at: float | None = None  # start of the last acknowledged renewal
    stored_until: float | None = None  # L by the channel of storage
    granted_until: float | None = None  # L by the channel of the controller
    is_fresh: bool = False  # a renewal was acknowledged to this very process
    renewal: Renewal | None = None
    renew_at: float = 0.0
    condemned: Condemned | None = None
    acknowledged_incident: str = ""
    holds: tuple[tuple[int, float], ...] = ()  # request id, asked at
    stranger: OwnerSector | None = None
    watched_since: float = 0.0
    intrusions: int = 0

    # --- what is so -------------------------------------------------------------------------------------------------------

    @property
    def lapses_at(self) -> float | None:
        """L.  None: no lease."""
        if self.stored_until is None or self.granted_until is None:
            return self.stored_until
        return max(self.stored_until, self.granted_until)

    def is_valid(self, profile: LeaseProfile, now: float) -> bool:
        """May a guest be started on it now?  Not so late that it would be killed at once."""
        if self.lapses_at is None or not self.is_fresh or self.condemned is not None:
            return False
        return now < bounds.kill_line(profile, self.lapses_at)

    def lets_pet(self, profile: LeaseProfile, now: float) -> bool:
        return self.lapses_at is not None and self.is_fresh and bounds.may_pet(profile, now, self.lapses_at)

    def is_over(self, now: float) -> bool:
        return self.lapses_at is not None and now >= self.lapses_at

    def is_doomed(self, profile: LeaseProfile, now: float) -> bool:
        return self.lapses_at is None or now >= bounds.kill_line(profile, self.lapses_at)

    def ends_at(self, profile: LeaseProfile, *, is_used: bool) -> float:
        """When judging will next change something."""
        if self.condemned is not None:
            emptied_at = self.condemned.emptied_at
            return math.inf if emptied_at is None else emptied_at + bounds.drained_after(profile)
        if self.lapses_at is None:
            return math.inf
        return bounds.kill_line(profile, self.lapses_at) if is_used else self.lapses_at

    def needs_hold(self, profile: LeaseProfile, now: float) -> bool:
        """Storage has not answered for two renewals; one request a renewal is enough."""
        if self.renewed_at is None or self.lapses_at is None or self.condemned is not None:
            return False
        asked_at = self.holds[-1][1] if self.holds else self.renewed_at + profile.renew_seconds
        return now - max(asked_at, self.renewed_at + profile.renew_seconds) >= profile.renew_seconds

    def report(self, profile: LeaseProfile, now: float) -> PoolLease:
        lapses_at = self.lapses_at
        return PoolLease(
            pool_id=self.pool_id,
            generation=self.generation,
            sequence=self.sequence,
            valid=self.is_valid(profile, now),
            age_seconds=0.0 if self.renewed_at is None else now - self.renewed_at,
            remaining_seconds=0.0 if lapses_at is None else lapses_at - now,
            held_by=self.held_by(profile, now),
        )

    def held_by(self, profile: LeaseProfile, now: float) -> str:
        if self.granted_until is None or self.stored_until is None:
            return "storage"
        return "storage" if self.answers(profile, now) else "grant"

    def answers(self, profile: LeaseProfile, now: float) -> bool:
        """Would the lease hold by storage alone?  A pool that stands still may keep the last write of a dead host until it moves again, so
        that nothing may begin to write on it before."""
        return self.stored_until is not None and now < bounds.kill_line(profile, self.stored_until)

    # --- the slot is read -------------------------------------------------------------------------------------------------

    def seen(self, slot: Slot, host_id: str, boot_id: str, profile: LeaseProfile, now: float) -> Tenure:
        """Our own slot as a scan found it, both sectors."""
        owner = slot.owner
        is_ours = owner is None or (owner.host_id, owner.boot_id) == (host_id, boot_id)
        match self.claim:
            case Claim.UNREAD if is_ours:
                return self._owned_after(slot)
            case Claim.UNREAD:
                return replace(self, claim=Claim.WATCHED, stranger=owner, watched_since=now)
            case Claim.WATCHED if owner != self.stranger:
                return replace(self, claim=Claim.CONTESTED)
            case Claim.WATCHED if now - self.watched_since >= bounds.claimed_after(profile):
                return self._owned_after(slot)
            case Claim.OWNED if not is_ours and owner != self.stranger:
                return self._intruded(owner)
            case _:
                return self

    def _owned_after(self, slot: Slot) -> Tenure:
        """Go on above every number ever written for this slot; a tenure that may have guests (restored, never dropped) stays what it is."""
        written = slot.owner.generation if slot.owner is not None else 0
        meant = slot.poison.generation if slot.poison is not None else 0
        generation = max(self.generation, written, meant) + 1 if self.lapses_at is None else self.generation
        sequence = max(self.sequence, slot.owner.sequence if slot.owner is not None else 0)
        return replace(self, claim=Claim.OWNED, generation=generation, sequence=sequence, stranger=None)

    def _intruded(self, owner: OwnerSector | None) -> Tenure:
        """A write of an earlier boot may land late, once; somebody who writes after our renewals again and again lives."""
        intrusions = self.intrusions + 1
        claim = Claim.CONTESTED if intrusions >= INTRUSIONS_MAX else self.claim
        return replace(self, claim=claim, intrusions=intrusions, stranger=owner)

    def poisoned(self, slot: Slot, host_id: str) -> Tenure:
        """Obey a poison meant for this generation; one for an older generation is only answered: it has no guest any more."""
        poison = slot.poison
        if self.claim is not Claim.OWNED or poison is None or poison.host_id != host_id:
            return self
        if poison.incident_id == self.acknowledged_incident:
            return self
        if poison.generation < self.generation:
            return replace(self, acknowledged_incident=poison.incident_id)
        condemned = self.condemned or Condemned(why=Why.POISON)
        return replace(self, condemned=replace(condemned, incident_id=poison.incident_id))

    # --- it is renewed ----------------------------------------------------------------------------------------------------

    def may_renew(self, now: float) -> bool:
        return self.claim is Claim.OWNED and self.renewal is None and self.condemned is None and now >= self.renew_at

    def begun(self, profile: LeaseProfile, now: float) -> Tenure:
        renewal = Renewal(generation=self.generation, sequence=self.sequence + 1, begun_at=now)
        return replace(self, sequence=renewal.sequence, renewal=renewal, renew_at=now + profile.renew_seconds)

    def acknowledged(self, sequence: int, profile: LeaseProfile) -> Tenure:
        """Only for the tenure it was begun under, and while that stands: a word for a lease that has lapsed or is ending prolongs nothing.

        (Else a daemon that is started again before the lease is dropped would find it alive, long after a witness called it dead.)"""
        renewal = self.renewal
        if renewal is None or renewal.sequence != sequence:
            return self
        if renewal.generation != self.generation or self.condemned is not None:
            return replace(self, renewal=None)
        return replace(
            self,
            renewal=None,
            acknowledged_sequence=sequence,
            renewed_at=renewal.begun_at,
            stored_until=renewal.begun_at + profile.validity_seconds,
            is_fresh=True,
            holds=(),
        )

    def failed(self, sequence: int) -> Tenure:
        if self.renewal is None or self.renewal.sequence != sequence:
            return self
        return replace(self, renewal=None)

    def sector(self, host_id: str, boot_id: str, profile: LeaseProfile, state: SlotState) -> OwnerSector:
        return OwnerSector(
            host_id=host_id,
            boot_id=boot_id,
            generation=self.generation,
            sequence=self.sequence,
            dead_after_milliseconds=round(bounds.dead_after(profile) * 1000),
            state=state,
            acknowledged_incident=self.acknowledged_incident,
        )

    # --- it is held by the controller ---------------------------------------------------------------------------------

    def asked(self, request_id: int, now: float) -> Tenure:
        return replace(self, holds=(*self.holds, (request_id, now))[-PENDING_HOLDS_MAX:])

    def granted(self, request_id: int, hold_seconds: float) -> Tenure:
        """Counted from the request, and only on top of a lease that lives."""
        asked_at = dict(self.holds).get(request_id)
        if asked_at is None or self.lapses_at is None or self.condemned is not None or not self.is_fresh:
            return self
        until = asked_at + hold_seconds
        return replace(self, granted_until=until if self.granted_until is None else max(until, self.granted_until))

    # --- it ends --------------------------------------------------------------------------------------------------------

    def drained(self, profile: LeaseProfile, now: float) -> Tenure:
        """No guest is left; what one wrote last may still be on its way to storage."""
        assert self.condemned is not None
        emptied_at = self.condemned.emptied_at
        if emptied_at is None:
            return replace(self, condemned=replace(self.condemned, emptied_at=now))
        return self.dropped(now) if now - emptied_at >= bounds.drained_after(profile) else self

    def dropped(self, now: float) -> Tenure:
        """This generation is over, and the next may be sought at once."""
        incident = self.condemned.incident_id if self.condemned is not None else ""
        return replace(
            self,
            generation=self.generation + 1,
            stored_until=None,
            granted_until=None,
            condemned=None,
            acknowledged_incident=incident or self.acknowledged_incident,
            holds=(),
            renew_at=now,
        )

    def restarted(self) -> Tenure:
        """In a new process: the time of death stands, the rest must be earned again."""
        return replace(
            self,
            claim=Claim.UNREAD,
            is_fresh=False,
            renewal=None,
            renew_at=0.0,
            condemned=None,
            holds=(),
            stranger=None,
            intrusions=0,
        )
