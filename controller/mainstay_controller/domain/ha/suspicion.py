"""Which hosts have been silent for too long?  One pass over the last beats; no timer per host.

The promise: silence is counted only while we ourselves were listening, and by the beat at which we hear those who do come through.  After a
start, or a gap in our own loop, every host has its full patience again.  Suspicion is a hint and starts questions; it proves nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from mainstay_controller.domain.ids import HostId

LATE_SHARE = 0.25
GAP_BEATS = 1.1
"""Without a scan, whatever it was that held it up."""
HEARD_MIN = 32
"""Fewer gaps may be long by themselves, and say nothing of our own ears."""
SLOW_SHARE = 0.25
"""Of the time that was listened to: no few hosts can make all others wait."""


class Contact(StrEnum):
    """How a host and we stand."""

    LIVE = "live"  # a session is open
    LOST = "lost"  # its stream broke
    LEFT = "left"  # its agent said goodbye; its guests run on
    AWAITED = "awaited"  # we have taken it over, or started, and it has not come to us yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a host may be silent, by how we last stood.

    `lost`: long enough for an agent to dial again.  `left`: for an upgrade of the agent.  `awaited`: for all agents to come back at once."""

    live_seconds: float
    lost_seconds: float
    left_seconds: float
    awaited_seconds: float

    def stretched(self, slowness: float) -> Patience:
        """Where we hear badly, an agent that dials again waits as long to be heard as one that beats."""
        if slowness <= 1:
            return self
        return Patience(
            live_seconds=self.live_seconds * slowness,
            lost_seconds=max(self.lost_seconds, self.live_seconds) * slowness,
            left_seconds=self.left_seconds * slowness,
            awaited_seconds=self.awaited_seconds * slowness,
        )

    def by_contact(self) -> dict[Contact, float]:
        return {
            Contact.LIVE: self.live_seconds,
            Contact.LOST: self.lost_seconds,
            Contact.LEFT: self.left_seconds,
            Contact.AWAITED: self.awaited_seconds,
        }

    def quiet_before(self, now: float) -> dict[Contact, float]:
        """Who was last heard before that moment may be too silent."""
        return {
            Contact.LIVE: now - self.live_seconds,
            Contact.LOST: now - self.lost_seconds,
            Contact.LEFT: now - self.left_seconds,
            Contact.AWAITED: now - self.awaited_seconds,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LastHeard:
    host_id: HostId
    contact: Contact
    at: float  # monotonic: of the last beat, or of the parting


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """`since`: it was not heard after that moment."""

    host_id: HostId
    contact: Contact
    since: float
    seconds: float

    @property
    def trigger(self) -> str:
        match self.contact:
            case Contact.LIVE:
                return f"no heartbeat for {self.seconds:.1f} s"
            case Contact.LOST:
                return f"its session broke {self.seconds:.1f} s ago"
            case Contact.LEFT:
                return f"its agent said goodbye {self.seconds:.1f} s ago and did not come back"
            case Contact.AWAITED:
                return f"it has not come to this controller within {self.seconds:.1f} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """Since when our own loop has been listening without a gap.  `closed_until`: so long we did not lead, and turned away whoever came."""

    since: float
    last_scan: float
    closed_until: float = float("-inf")

    def scanned(self, now: float, late_seconds: float, beat_seconds: float) -> Attention:
        """`late_seconds`: how late our loop woke us.  One that is late by a part of a beat may have many beats waiting to be heard."""
        if late_seconds > LATE_SHARE * beat_seconds or now - self.last_scan > GAP_BEATS * beat_seconds:
            return replace(self, since=now, last_scan=now)
        return Attention(since=self.since, last_scan=now, closed_until=self.closed_until)

    def closed(self, now: float) -> Attention:
        return Attention(since=now, last_scan=now, closed_until=now)

    def how_we_stand(self, last: LastHeard) -> Contact:
        """A session that broke while we were closed may have broken because of us, and its agent waits before it knocks again."""
        is_ours = last.contact is Contact.LOST and last.at < self.closed_until
        return Contact.AWAITED if is_ours else last.contact


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """How well we hear.  Of very many hosts never a quarter is late by itself: where so many beats come late, they waited on our side - in a
    machine that has other work, behind newcomers, in our own queues - and whoever has not been heard may be waiting there.

    `slowness`: so many intervals passed between two beats, at worst of late; 1 where we hear well."""

    slowness: float = 1.0
    until: float = float("-inf")

    def listened(self, gaps: Sequence[float], beat_seconds: float, patience_seconds: float, now: float) -> Hearing:
        """`gaps`: between two beats of a host, of those heard last.  What was slow counts for as long as somebody may have been silent since."""
        telling = sum(gap > beat_seconds / 2 for gap in gaps)
        late = cadence(gaps) / beat_seconds if telling >= HEARD_MIN else 1.0
        slowness = late if late > 1 + LATE_SHARE else 1.0
        if slowness < self.slowness and now <= self.until:
            return self
        return Hearing(slowness=slowness, until=now + patience_seconds * slowness)


def cadence(gaps: Sequence[float]) -> float:
    """So long are the gaps in which a part of all the time was spent: beats that were held up together and come one upon the other hide nothing."""
    left_seconds = SLOW_SHARE * sum(gaps)
    for gap in sorted(gaps, reverse=True):
        left_seconds -= gap
        if left_seconds <= 0:
            return gap
    return 0.0


def hosts_under_suspicion(
    heard: Iterable[LastHeard], attention: Attention, patience: Patience, now: float
) -> Iterator[Silence]:
    seconds = patience.by_contact()
    for last in heard:
        if now - max(last.at, attention.since) > seconds[attention.how_we_stand(last)]:
            yield Silence(host_id=last.host_id, contact=last.contact, since=last.at, seconds=now - last.at)
