"""What one host may say about the slots of the others on one pool.  Pure; one value per pool, fed with scans.

The promise: `dead` is said only of a slot that held one and the same value for T_dead on this observer's own clock, from the end of the scan
that first showed it to the beginning of the last; and only while the observer was a sound witness in every scan between: it had renewed its own slot
lately and read its own latest sequence back.  A stale or hung view accuses nobody.

The limit: `dead` means dead by the channel of storage.  Whoever granted that host a hold must wait until the hold is over, and ask again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mainstay_agent.lease import bounds
from mainstay_agent.lease.slots import BLANK, OwnerSector, Slot, SlotState
from mainstay_agent.lease.tenure import Tenure
from mainstay_proto.messages import LeaseProfile, SlotSighting
from mainstay_runtime.values import replace


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnView:
    """What the observer knows of its own slot when a scan begins and ends."""

    acknowledged_sequence: int
    begun_sequence: int  # at the end of the scan: a renewal on its way may or may not be in it
    renewed_at: float
    slot: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """All slots of a pool, read between two moments of the observer's clock.  `own` is None while it holds no fresh lease there."""

    begun_at: float
    ended_at: float
    slots: Mapping[int, Slot]
    own: OwnView | None


Verdict = tuple[str, str, int, bool, bool, bool]
"""What of a sighting is worth telling when it changes: not that a living host moved on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """One value of one slot, and since when it has been there for all we know."""

    owner: OwnerSector
    since: float
    released: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    pool_id: str
    boot_id: str
    profile: LeaseProfile
    names: tuple[tuple[int, str], ...] = ()  # slot, host: the other hosts, as the controller numbered them
    watches: tuple[tuple[int, Watch], ...] = ()
    verdicts: frozenset[Verdict] = frozenset()
    doubted: tuple[SlotSighting, ...] = ()  # what was seen before the last scan, which failed or was not to be trusted
    scanned_at: float | None = None  # begin of the last sound scan

    def scanned(self, scan: Scan) -> Observer:
        if not self._is_sound(scan):
            return self.blinded()
        watches: list[tuple[int, Watch]] = []
        remembered = dict(self._remembered(scan))
        for number, host_id in self.names:
            slot = scan.slots.get(number, BLANK)
            if slot.owner is not None and slot.owner.host_id == host_id:
                watches.append((number, _watched(slot, slot.owner, remembered.get(number), scan.ended_at)))
        return replace(
            self,
            watches=tuple(watches),
            verdicts=self._verdicts(watches, scan.begun_at),
            doubted=(),
            scanned_at=scan.begun_at,
        )

    def _verdicts(self, watches: Sequence[tuple[int, Watch]], now: float) -> frozenset[Verdict]:
        our_patience = bounds.dead_after(self.profile)
        verdicts = []
        for _number, watch in watches:
            owner = watch.owner
            dead = _is_dead(watch, our_patience, now)
            verdicts.append((owner.host_id, owner.boot_id, owner.generation, dead, watch.released, True))
        return frozenset(verdicts)

    @property
    def sightings(self) -> tuple[SlotSighting, ...]:
        """What the last scan showed."""
        return self._sightings_of(None)

    def _sightings_of(self, host_id: str | None) -> tuple[SlotSighting, ...]:
        """None: of all hosts."""
        scanned_at = self.scanned_at
        if scanned_at is None:
            return tuple(each for each in self.doubted if host_id in (None, each.host_id))
        watches = (watch for _number, watch in self.watches if host_id in (None, watch.owner.host_id))
        return tuple(self._sighting(watch, scanned_at) for watch in watches)

    def blinded(self) -> Observer:
        """A scan failed, or was not to be trusted: every window begins anew."""
        if self.scanned_at is None:
            return self
        doubted = self._doubted()
        return replace(
            self,
            watches=(),
            verdicts=frozenset(verdict_in(each) for each in doubted),
            doubted=doubted,
            scanned_at=None,
        )

    def told(self, now: float, host_id: str | None = None) -> tuple[SlotSighting, ...]:
        """To whoever asks now, of that host or of all.  A scan that storage does not answer never ends: what was seen before it is no answer
        to a question of today."""
        if self.scanned_at is None or now - self.scanned_at <= bounds.view_age_max(self.profile):
            return self._sightings_of(host_id)
        return self._doubted(host_id)

    def _doubted(self, host_id: str | None = None) -> tuple[SlotSighting, ...]:
        return tuple(
            replace(each, dead=False, released=False, unchanged_seconds=0.0, witness_sound=False)
            for each in self._sightings_of(host_id)
        )

    def verdict_due_between(self, now: float, next_look: float) -> float | None:
        """When a slot that stays unmoved would be declared dead: a scan then spares the wait for the next poll."""
        our_patience = bounds.dead_after(self.profile)
        old = [watch for _number, watch in self.watches if watch.since + our_patience < next_look]
        due = [watch.since + _patience(our_patience, watch.owner) for watch in old]
        return min([moment for moment in due if now < moment < next_look], default=None)

    def _is_sound(self, scan: Scan) -> bool:
        own = scan.own
        if own is None or scan.begun_at - own.renewed_at > bounds.sound_gap(self.profile):
            return False
        sector = scan.slots.get(own.slot, BLANK).owner
        if sector is None or sector.boot_id != self.boot_id:
            return False
        return own.acknowledged_sequence <= sector.sequence <= own.begun_sequence

    def _remembered(self, scan: Scan) -> tuple[tuple[int, Watch], ...]:
        """Nothing, if this observer itself was away in between."""
        if self.scanned_at is None or scan.begun_at - self.scanned_at > bounds.sound_gap(self.profile):
            return ()
        return self.watches

    def _sighting(self, watch: Watch, now: float) -> SlotSighting:
        owner = watch.owner
        return SlotSighting(
            pool_id=self.pool_id,
            host_id=owner.host_id,
            boot_id=owner.boot_id,
            generation=owner.generation,
            sequence=owner.sequence,
            unchanged_seconds=max(0.0, now - watch.since),
            dead=_is_dead(watch, bounds.dead_after(self.profile), now),
            released=watch.released,
        )


def verdict_in(sighting: SlotSighting) -> Verdict:
    seen = sighting
    return (seen.host_id, seen.boot_id, seen.generation, seen.dead, seen.released, seen.witness_sound)


def _is_dead(watch: Watch, our_patience: float, now: float) -> bool:
    return now - watch.since >= _patience(our_patience, watch.owner)


def _patience(ours: float, owner: OwnerSector) -> float:
    """An owner that renews under a more patient profile says so."""
    return max(ours, owner.dead_after_milliseconds / 1000)


def _watched(slot: Slot, owner: OwnerSector, known: Watch | None, now: float) -> Watch:
    """The same watch goes on for as long as nothing in the slot changes."""
    released = _is_released(slot, owner)
    if known is None or (known.owner is not owner and known.owner != owner):
        return Watch(owner=owner, since=now, released=released)
    return known if known.released is released else replace(known, released=released)


def own_view(tenure: Tenure, begun_sequence: int) -> OwnView | None:
    """Of the tenure as it was when the scan began."""
    if tenure.renewed_at is None or not tenure.is_fresh:
        return None
    return OwnView(
        acknowledged_sequence=tenure.acknowledged_sequence,
        begun_sequence=begun_sequence,
        renewed_at=tenure.renewed_at,
        slot=tenure.slot,
    )


def _is_released(slot: Slot, owner: OwnerSector) -> bool:
    """The owner's own word that no generation below the written one has a guest."""
    if owner.state is SlotState.DROPPED:
        return True
    return slot.poison is not None and slot.poison.incident_id == owner.acknowledged_incident
