"""The book of incidents: opened once per host or guest, in one controller's hands at a time, taken up by the next when that one is gone.

A `CaseFile` is an incident in our hands.  What we learn goes into its timeline with the time since the host was last heard, so that
everybody who looks later sees the stopwatch; every write is compare-and-set, and `CaseLost` says that it is ours no more."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from mainstay_controller.domain.ha.proof import Proof, as_facts
from mainstay_controller.domain.ha.reconcile import Missing
from mainstay_controller.domain.ids import HostId, IncidentId, VmId
from mainstay_controller.domain.jobs import lives
from mainstay_controller.domain.lifecycle.incident import IncidentEvent
from mainstay_controller.domain.records import Host, Incident, Json, Vm
from mainstay_controller.domain.states import IncidentPhase
from mainstay_controller.operations.change_state import IncidentChange, change_incidents
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.store.port import Stale, Store, Where, any_of, eq, ne, none_of
from mainstay_runtime.clock import Clock

TIMELINE_MAX = 200
"""Entries kept: the first half and the newest."""

NAMED_MAX = 10_000
"""Of the rows in hand so many are named in a question, so that they are not sent; engines bear some thirty thousand names."""

INCIDENTS, DECISIONS = "incidents", "decisions"
"""Bells of the fleet: there is a new one to be taken in hand."""

Entry = dict[str, Json]


class CaseLost(Exception):
    """Another controller handles this incident now, or it is closed."""


@dataclass(slots=True)
class CaseFile:
    """`zero`: our clock when the host or guest was last heard; the stopwatch counts from there."""

    incident: Incident
    zero: float
    cloud: Cloud
    _notes: list[Entry] = field(default_factory=list)

    @property
    def id(self) -> IncidentId:
        return self.incident.id

    @property
    def elapsed_ms(self) -> int:
        return round((self.cloud.clock.monotonic() - self.zero) * 1000)

    def note(self, text: str) -> None:
        """Into the timeline, written with the next change."""
        self._notes.append(entry(self.cloud.clock.now(), self.elapsed_ms, self.incident.phase, text))

    async def read_again(self) -> None:
        """After others may have written: raises CaseLost when it is not in our hands any more."""
        self.incident = await self.cloud.store.incidents.by_id(self.id)
        me = self.cloud.me
        if (self.incident.owner_id, self.incident.owner_epoch) != (me.id, me.epoch):
            raise CaseLost(self.id)

    async def write(self, store: Store | None = None) -> None:
        """What was noted since the last write."""
        if not self._notes:
            return
        noted = len(self._notes)
        try:
            self.incident = await (store or self.cloud.store).incidents.swap(self.incident, self._noted())
        except Stale as error:
            raise CaseLost(self.id) from error
        del self._notes[:noted]

    async def advance(
        self,
        event: IncidentEvent,
        why: str,
        store: Store | None = None,
        *proofs: Proof,
        evidence: tuple[Entry, ...] = (),
    ) -> None:
        step = self.step(event, why, *proofs, evidence=evidence)
        [written] = await take_steps(store or self.cloud.store, event, [step])
        step.is_written(written)

    def step(self, event: IncidentEvent, why: str, *proofs: Proof, evidence: tuple[Entry, ...] = ()) -> Step:
        """Yet to be written, for those that write several at once."""
        into = self._noted(entry(self.cloud.clock.now(), self.elapsed_ms, self.incident.phase, why))
        if proofs:
            kept = (*into.evidence, *(as_facts(proof) for proof in proofs), *evidence)
            into = replace(into, proof=as_facts(proofs[0]), evidence=kept)
        if event in (IncidentEvent.FALSE_ALARM, IncidentEvent.SETTLED):
            into = replace(into, closed=self.cloud.clock.now(), outcome=why)
        change = IncidentChange(incident=self.incident, into=into, why=why)
        return Step(case=self, change=change, noted=len(self._notes))

    def _noted(self, *last: Entry) -> Incident:
        return replace(self.incident, timeline=shortened((*self.incident.timeline, *self._notes, *last)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A case as it is to be after an event, with what was `noted` so far."""

    case: CaseFile
    change: IncidentChange
    noted: int

    def is_written(self, incident: Incident) -> None:
        self.case.incident = incident
        del self.case._notes[: self.noted]


async def advance_all(event: IncidentEvent, steps: Sequence[Step], cloud: Cloud) -> None:
    """All or none, in a transaction of its own."""
    if not steps:
        return
    async with cloud.store.transaction() as store:
        written = await take_steps(store, event, steps)
    for step, incident in zip(steps, written, strict=True):
        step.is_written(incident)


async def take_steps(store: Store, event: IncidentEvent, steps: Sequence[Step]) -> list[Incident]:
    """All or none."""
    try:
        return await change_incidents(store, event, [step.change for step in steps])
    except Stale as error:
        raise CaseLost(", ".join(step.case.id for step in steps)) from error


def entry(at: datetime, offset_ms: int, phase: IncidentPhase, text: str) -> Entry:
    return {"at": at.isoformat(), "offset_ms": offset_ms, "phase": phase.value, "text": text}


def shortened(timeline: tuple[Entry, ...]) -> tuple[Entry, ...]:
    half = TIMELINE_MAX // 2
    return timeline if len(timeline) <= TIMELINE_MAX else (*timeline[:half], *timeline[-half:])


# --- opening ----------------------------------------------------------------------------------------------------------


async def open_host_incident(store: Store, host: Host, trigger: str, silent_seconds: float, cloud: Cloud) -> Incident:
    [incident] = await open_host_incidents(store, [(host, trigger, silent_seconds)], cloud)
    return incident


async def open_host_incidents(
    store: Store, silent: Sequence[tuple[Host, str, float]], cloud: Cloud
) -> Sequence[Incident]:
    """In the transaction that makes the hosts suspect: each with what made it so, and how long it has been silent."""
    now = await store.now()
    incidents = [
        _in_our_hands(
            Incident(
                id=IncidentId(cloud.rng.uuid()),
                created=now,
                host_id=host.id,
                host_boot_id=host.boot_id,
                trigger=trigger,
            ),
            f"host {host.name}: {trigger}",
            silent_seconds,
            cloud,
        )
        for host, trigger, silent_seconds in silent
    ]
    await store.incidents.add_all(incidents)
    return incidents


async def open_vm_incident(store: Store, vm: Vm, missing: Missing, cloud: Cloud) -> Incident:
    fresh = Incident(
        id=IncidentId(cloud.rng.uuid()),
        created=await store.now(),
        host_id=vm.host_id,
        host_boot_id=vm.host_boot_id,
        vm_id=vm.id,
        trigger=f"the guest stopped ({missing.cause})",
        evidence=({"cause": missing.cause.value, "detail": missing.detail},),
    )
    told = f"vm {vm.name}: {fresh.trigger} {missing.detail}".rstrip()
    return await store.incidents.add(_in_our_hands(fresh, told, 0.0, cloud))


def _in_our_hands(incident: Incident, text: str, silent_seconds: float, cloud: Cloud) -> Incident:
    """From the first moment."""
    opened = entry(cloud.clock.now(), round(silent_seconds * 1000), incident.phase, text)
    return replace(incident, owner_id=cloud.me.id, owner_epoch=cloud.me.epoch, timeline=(opened,))


# --- whose ------------------------------------------------------------------------------------------------------------


async def open_incidents(store: Store, in_hand: Collection[IncidentId] = ()) -> list[Incident]:
    """But for those in hand."""
    return await store.incidents.find(ne("phase", IncidentPhase.CLOSED), but_for(in_hand))


def but_for(in_hand: Collection[str]) -> Where:
    """Whoever asks must bear to be sent some of them all the same."""
    return none_of("id", sorted(in_hand)[:NAMED_MAX])


async def investigations_of(store: Store, hosts: Sequence[Host]) -> set[HostId]:
    """Of which of these hosts there is one that has no proof yet.  One of an older boot says nothing of this one's silence."""
    proven = (IncidentPhase.RECOVERING, IncidentPhase.CLOSED)
    about_hosts = (any_of("host_id", [host.id for host in hosts]), eq("vm_id", None), none_of("phase", proven))
    boots = {(incident.host_id, incident.host_boot_id) for incident in await store.incidents.find(*about_hosts)}
    return {host.id for host in hosts if (host.id, host.boot_id) in boots}


async def incident_of_vm(store: Store, vm_id: VmId) -> Incident | None:
    found = await store.incidents.find(eq("vm_id", vm_id), ne("phase", IncidentPhase.CLOSED), limit=1)
    return found[0] if found else None


def is_investigated(incident: Incident) -> bool:
    """It has no proof yet."""
    return incident.phase not in (IncidentPhase.RECOVERING, IncidentPhase.CLOSED)


def is_about_a_silent_host(incident: Incident) -> bool:
    return incident.vm_id is None and is_investigated(incident)


async def take_up(in_hand: Collection[IncidentId], cloud: Cloud) -> list[Incident]:
    """All other open incidents that are ours, those of controllers that are gone included."""
    incidents = [each for each in await open_incidents(cloud.store, in_hand) if each.id not in in_hand]
    if not incidents:
        return []
    alive = lives(await cloud.store.controllers.find(), await cloud.store.now())
    taken = []
    for incident in incidents:
        owner = incident.owner_id
        if (owner, incident.owner_epoch) == (cloud.me.id, cloud.me.epoch):
            taken.append(incident)
        elif owner is None or alive.get(owner) != incident.owner_epoch or owner == cloud.me.id:
            taken += await _claimed(incident, cloud)
    return taken


async def _claimed(incident: Incident, cloud: Cloud) -> Sequence[Incident]:
    mine = replace(incident, owner_id=cloud.me.id, owner_epoch=cloud.me.epoch)
    try:
        return [await cloud.store.incidents.swap(incident, mine)]
    except Stale:
        return []


async def case_file(incident: Incident, cloud: Cloud) -> CaseFile:
    [case] = await case_files([incident], cloud)
    return case


async def case_files(incidents: Sequence[Incident], cloud: Cloud) -> list[CaseFile]:
    zeros = zeros_of(incidents, await cloud.store.now(), cloud.clock)
    return [CaseFile(incident, zeros[incident.id], cloud) for incident in incidents]


def zeros_of(incidents: Iterable[Incident], now: datetime, clock: Clock) -> dict[IncidentId, float]:
    """Where the stopwatch of each began, on our clock.  `now` is the database's: between controllers it is its clock that counts."""
    return {each.id: clock.monotonic() - (now - each.created).total_seconds() - head_start(each) for each in incidents}


def head_start(incident: Incident) -> float:
    """What the stopwatch showed when the incident was opened."""
    first = incident.timeline[0].get("offset_ms") if incident.timeline else 0
    return first / 1000 if isinstance(first, int) else 0.0
