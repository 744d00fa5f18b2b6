"""What this controller knows at this moment of each host it watches: session, last beat, guests, leases.

In memory and nowhere else: a beat costs a few stores into memory, and no row.  What must outlive us is made into rows by
operations, told by `news`."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import takewhile

from mainstay_controller.domain.ha.evidence import GuestSeen
from mainstay_controller.domain.ha.suspicion import Contact, LastHeard
from mainstay_controller.domain.ids import HostId
from mainstay_controller.fleet.gate import HostArrival
from mainstay_controller.fleet.sessions import AgentSession
from mainstay_controller.fleet.translate import guest_seen
from mainstay_proto.digest import digest_of
from mainstay_proto.messages import GuestReport, Heartbeat, LoadReport, PoolLease

GAPS_KEPT = 256
"""Between beats; of the last that were heard."""
CROWD, CROWD_SECONDS = 10, 2.0
"""So many agents at our gate within so long: others on their way are held up with them."""


@dataclass(slots=True, kw_only=True)
class Presence:
    """One host.  `known_since`: since when this controller, and no other, has answered for it."""

    host_id: HostId
    contact: Contact
    heard_at: float
    known_since: float
    expected_at: float = float("-inf")  # when its agent was told to come again
    session: AgentSession | None = None
    arrival: HostArrival | None = None
    beaten: bool = False  # in this session
    leases: tuple[PoolLease, ...] = ()
    grip: list[tuple[str, int, bool]] = field(
        default_factory=list
    )  # what of its leases counts: pool, generation, valid
    load: LoadReport | None = None
    hypervisor_responds: bool = True
    reports: dict[str, GuestReport] = field(default_factory=dict)
    reports_digest: int = 0
    told_digest: int = 0
    report_asked_at: float | None = None
    parts_as: Contact = Contact.LOST  # when its session ends without a goodbye

    def beat(self, heartbeat: Heartbeat, now: float) -> bool:
        """True when something changed that operations must know: its first beat, its grip on its leases, whether its hypervisor answers."""
        grip = [(lease.pool_id, lease.generation, lease.valid) for lease in heartbeat.leases]
        same = self.beaten and grip == self.grip and heartbeat.hypervisor_responds == self.hypervisor_responds
        self.heard_at = now
        self.beaten = True
        self.leases = heartbeat.leases
        self.grip = grip
        self.hypervisor_responds = heartbeat.hypervisor_responds
        self.told_digest = heartbeat.digest
        return not same

    @property
    def is_held(self) -> bool:
        """In session, and not asked to leave."""
        return self.contact is Contact.LIVE and not self.is_moving

    @property
    def is_moving(self) -> bool:
        """On its way to some controller: sent away by us, or of one that is gone."""
        return Contact.AWAITED in (self.contact, self.parts_as)

    @property
    def picture_is_old(self) -> bool:
        return self.told_digest != self.reports_digest

    def report(self, guests: tuple[GuestReport, ...], *, complete: bool) -> None:
        told = {guest.vm_id: guest for guest in guests}
        self.reports = told if complete else {**self.reports, **told}
        self.reports_digest = digest_of(self.reports.values())
        self.report_asked_at = None

    def part(self, contact: Contact, now: float) -> None:
        self.contact = contact
        self.session = None
        self.heard_at = now

    @property
    def guests(self) -> tuple[GuestSeen, ...]:
        return tuple(guest_seen(report) for report in self.reports.values())


class Presences:
    """All hosts this controller watches."""

    def __init__(self) -> None:
        self._hosts: dict[HostId, Presence] = {}
        self._last_arrival_at = float("-inf")
        self._at_the_gate: Counter[HostId] = Counter()
        self._knocked_at: dict[str, float] = {}  # by the last agents that did, the newest last
        self._crowded_at = float("-inf")
        self._spoken_for: dict[str, tuple[HostId, ...]] = {}
        """By agents that speak for others than the host of their own id."""
        self._gaps: deque[tuple[float, float]] = deque(maxlen=GAPS_KEPT)
        """When a beat was heard, and how long after the one before it, or after its host was let in."""

    def __iter__(self) -> Iterator[Presence]:
        return iter(self._hosts.values())

    def __len__(self) -> int:
        return len(self._hosts)

    def get(self, host_id: HostId) -> Presence | None:
        return self._hosts.get(host_id)

    def arrived(
        self, arrival: HostArrival, session: AgentSession, now: float, *, held_elsewhere: bool = False
    ) -> Presence:
        """Of an earlier session only `known_since` stays true, and that only if no other controller held the host meanwhile."""
        before = None if held_elsewhere else self._hosts.get(arrival.host_id)
        presence = Presence(
            host_id=arrival.host_id,
            contact=Contact.LIVE,
            heard_at=now,
            known_since=before.known_since if before else now,
            session=session,
            arrival=arrival,
        )
        self._hosts[arrival.host_id] = presence
        if session.hosts != (session.agent_id,):
            self._spoken_for[session.agent_id] = tuple(map(HostId, session.hosts))
        self._last_arrival_at = now
        return presence

    @contextmanager
    def let_in(self, host_ids: Sequence[HostId]) -> Iterator[None]:
        """While their agent waits to be let in they are silent because of us, not because they are dead."""
        self._at_the_gate.update(host_ids)
        try:
            yield
        finally:
            self._at_the_gate.subtract(host_ids)

    def knocked(self, agent_id: str, now: float) -> None:
        """One that knocks again and again is no crowd."""
        self._knocked_at.pop(agent_id, None)
        self._knocked_at[agent_id] = now
        if len(self._knocked_at) > CROWD:
            del self._knocked_at[next(iter(self._knocked_at))]
        if len(self._knocked_at) == CROWD and now - next(iter(self._knocked_at.values())) < CROWD_SECONDS:
            self._crowded_at = now

    def come_again(self, host_ids: Sequence[HostId], now: float, at: float) -> None:
        """Their agent was told to: until then it is the same."""
        self._crowded_at = now
        for presence in map(self._hosts.get, host_ids):
            if presence is not None:
                presence.expected_at = at

    def spoken_for_by(self, agent_id: str) -> tuple[HostId, ...]:
        """By its last session; an agent whose id is a host's speaks for that."""
        return self._spoken_for.get(agent_id, (HostId(agent_id),))

    def is_at_the_gate(self, host_id: HostId, now: float) -> bool:
        presence = self._hosts.get(host_id)
        return self._at_the_gate[host_id] > 0 or (presence is not None and presence.expected_at > now)

    def beat(self, presence: Presence, heartbeat: Heartbeat, now: float) -> bool:
        """True when something changed that operations must know."""
        self._gaps.append((now, now - presence.heard_at))
        return presence.beat(heartbeat, now)

    def gaps_since(self, since: float) -> list[float]:
        """Between beats that were heard since then; of very many the last."""
        newest_first = takewhile(lambda heard: heard[0] >= since, reversed(self._gaps))
        return [gap for _, gap in newest_first]

    def adopt(self, host_id: HostId, now: float) -> None:
        """Watch a host that no controller answers for: it has its full patience to come to us."""
        if host_id not in self._hosts:
            self._hosts[host_id] = Presence(host_id=host_id, contact=Contact.AWAITED, heard_at=now, known_since=now)

    def forget(self, host_id: HostId) -> None:
        self._hosts.pop(host_id, None)

    def last_heard(self, before: Mapping[Contact, float], now: float) -> Iterator[LastHeard]:
        """Of those that were last heard before that moment and do not stand at the gate."""
        for presence in self._hosts.values():
            if presence.heard_at >= before[presence.contact] or self.is_at_the_gate(presence.host_id, now):
                continue
            at = max(presence.heard_at, presence.expected_at, self._others_came_at(presence.contact))
            yield LastHeard(host_id=presence.host_id, contact=presence.contact, at=at)

    def _others_came_at(self, contact: Contact) -> float:
        """Ten thousand come one after another: as long as some come, the patience with those we await begins anew, and as long as there is a
        crowd at our gate, that with those whose sessions broke."""
        match contact:
            case Contact.AWAITED:
                return max(self._last_arrival_at, self._crowded_at)
            case Contact.LOST:
                return self._crowded_at
            case Contact.LIVE | Contact.LEFT:
                return float("-inf")
