"""The case of one silent host: evidence in, actions out.

Whoever handles the case fills in what is known at this moment and performs what is asked; he then looks again.  Moments are readings of his own
clock.  Observers' verdicts count only as answers to a question asked late enough: after the host was last heard, and after every hold that may be
outstanding was over, by the age an observer's view may have - so that no verdict from before can pass for one from after."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias

from mainstay_controller.domain.ha.evidence import SlotSeen
from mainstay_controller.domain.ha.proof import LeaseExpired, PoweredOff, Proof, Rebooted, Released, Victim, proofs_for
from mainstay_controller.domain.ids import HostId, PoolId
from mainstay_controller.domain.records import Json

WITNESSES_NEEDED = 2
"""Where there are two."""
FENCED_AFTER_SECONDS, FENCED_AFTER_SECONDS_IF_A_PEER_IS_SILENT = 10.0, 25.0
"""Of silence: until then nothing is done that would cost a living host its guests.  A host may pause for 5 s, and its agent takes 8 s to find a
session dead.  Where another controller is silent too, the agent may have dialled that one, and wait for it."""


class FencePolicy(StrEnum):
    """What to do with a host that we cannot reach while its storage lives."""

    KEEP = "keep"  # its guests run on
    FENCE = "fence"  # they are released by poison, and moved


class PowerState(StrEnum):
    ON = "On"
    OFF = "Off"
    UNKNOWN = "Unknown"  # an error, a timeout, an answer not understood


# --- what is known ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseTiming:
    """Of one profile: seconds after a renewal.

    `quiet`: it should have come again.  `doomed` = V - W(1+rho): the owner's last pet; its guests are dead by its own hand or it will be reset.
    `view_age_max`: how old the view may be from which a sound observer answers.  `late_io` = delta(1+2rho): after its death, until its last write
    has landed."""

    quiet_seconds: float
    doomed_seconds: float
    view_age_max_seconds: float
    late_io_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LeasedPool:
    """A pool on which the host has a lease slot.  `generation`: the newest that its guests can have been given under; None: not known yet."""

    pool_id: PoolId
    timing: LeaseTiming
    holds_over_at: float
    generation: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an observer answered to a question asked at `asked_at`.  `moved`: an earlier answer of its in this case was another."""

    slot: SlotSeen
    asked_at: float
    moved: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerReading:
    """`since`: when the first of an unbroken row of readings of that state was heard."""

    state: PowerState
    asked_at: float
    since: float
    address: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`watchdog`: without one a lapsed lease proves nothing.  `answers`: the newest of each observer that still answers.

    `answers_awaited`: some observer was asked for the first time and may still answer.  `poisoned_at`: when the poison was written, if it was.
    `has_power`: a power controller is configured.  `timing`: of the host's profile.  `listening_since`: without a
    gap of our own; `peers_heard_since`: all other controllers without one of theirs.  `may_be_fenced`: the operator lets us act on it (HA is on
    for it).  `victims`: needed where `guests_matter`."""

    host_id: HostId
    boot_id: str
    watchdog: bool
    policy: FencePolicy
    last_heard_at: float
    now: float
    timing: LeaseTiming
    listening_since: float = float("-inf")
    peers_heard_since: float = float("-inf")
    pools: tuple[LeasedPool, ...] = ()
    answers: tuple[Answer, ...] = ()
    answers_awaited: bool = False
    pings: tuple[tuple[HostId, bool], ...] = ()
    has_power: bool = False
    may_be_fenced: bool = True
    power: PowerReading | None = None
    power_off_ordered: bool = False
    poisoned_at: float | None = None
    victims: tuple[Victim, ...] = ()

    def sound(self, pool: LeasedPool) -> list[Answer]:
        """Answers on that pool by sound observers other than the host itself."""
        return [
            answer
            for answer in self.answers
            if answer.slot.pool_id == pool.pool_id
            and answer.slot.host_id == self.host_id
            and answer.slot.observer_id != self.host_id
            and answer.slot.witness_sound
        ]


# --- what to do -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclareDown:
    """The host is proven dead, or unable to run any guest of its leased pools; guests without proof of their own stay its."""

    proofs: tuple[Proof, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseGuests:
    """These guests are proven gone, each by these proofs, while others on the host may run."""

    guests: tuple[tuple[Victim, tuple[Proof, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerOff:
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Poison:
    pool_ids: tuple[PoolId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    reasons: tuple[str, ...]


Action: TypeAlias = DeclareDown | ReleaseGuests | PowerOff | Poison | Wait


def assess(case: Case) -> list[Action]:
    proofs = tuple(proofs_in(case))
    if speaks_for_the_host(proofs, case):
        return [DeclareDown(proofs=proofs)]
    actions: list[Action] = [*releases(proofs, case), *fencing(case)]
    return actions or [Wait(reasons=tuple(why_it_waits(case)))]


def guests_matter(case: Case) -> bool:
    """Something is proven, yet not that the host is dead: then it counts which pools each of its guests has disks on."""
    proofs = tuple(proofs_in(case))
    return bool(proofs) and not speaks_for_the_host(proofs, case)


def may_rest(case: Case) -> bool:
    """It may be put aside while others wait to be looked into: nothing is being done to it, and it lives by its leases or nobody can tell more of it."""
    if case.answers_awaited or case.power_off_ordered or case.poisoned_at is not None:
        return False
    if case.has_power and (case.power is None or case.power.state is PowerState.OFF):
        return False
    return all(renews(case, pool) or not case.sound(pool) for pool in case.pools)


def speaks_for_the_host(proofs: tuple[Proof, ...], case: Case) -> bool:
    if any(isinstance(proof, PoweredOff | Rebooted) for proof in proofs):
        return True
    given_up = {proof.pool_id for proof in proofs if isinstance(proof, LeaseExpired | Released)}
    return bool(case.pools) and given_up >= {pool.pool_id for pool in case.pools}


def releases(proofs: tuple[Proof, ...], case: Case) -> Iterator[ReleaseGuests]:
    proven = [(victim, proofs_for(victim, proofs)) for victim in case.victims]
    guests = tuple((victim, covering) for victim, covering in proven if covering)
    if guests:
        yield ReleaseGuests(guests=guests)


# --- proofs -----------------------------------------------------------------------------------------------------------


def proofs_in(case: Case) -> Iterator[Proof]:
    for found in (rebooted(case), powered_off(case)):
        if found is not None:
            yield found
    for pool in case.pools:
        for given_up in (lease_expired(case, pool), released(case, pool)):
            if given_up is not None:
                yield given_up


def lease_expired(case: Case, pool: LeasedPool) -> LeaseExpired | None:
    """Two sound witnesses where there are two, none of them contradicting, all asked late enough; of the boot we knew, and under
    the newest generation anybody saw."""
    there = case.sound(pool)
    newest = max(((each.slot.generation, each.slot.sequence) for each in there), default=None)
    dead = [
        answer
        for answer in there
        if answer.slot.dead
        and answer.slot.boot_id == case.boot_id
        and (answer.slot.generation, answer.slot.sequence) == newest
        and answer.asked_at >= question_counts_from(case, pool)
    ]
    if not case.watchdog or not dead or len(dead) < min(WITNESSES_NEEDED, len(there)):
        return None
    return LeaseExpired(
        pool_id=pool.pool_id,
        boot_id=case.boot_id,
        generation=dead[0].slot.generation,
        witnesses=tuple(sorted(answer.slot.observer_id for answer in dead)),
    )


def question_counts_from(case: Case, pool: LeasedPool) -> float:
    return max(case.last_heard_at, pool.holds_over_at) + pool.timing.view_age_max_seconds


def released(case: Case, pool: LeasedPool) -> Released | None:
    """A generation speaks only of those before it: a poison of the past, still acknowledged in the slot, says nothing of guests given since."""
    newest = max((answer.slot.generation for answer in case.sound(pool)), default=None)
    for answer in late_answers(case, pool):
        slot = answer.slot
        is_later = pool.generation is not None and slot.generation > pool.generation
        if slot.released and is_later and slot.generation == newest:
            return Released(
                pool_id=pool.pool_id, boot_id=slot.boot_id, generation=slot.generation, told_by=slot.observer_id
            )
    return None


def late_answers(case: Case, pool: LeasedPool) -> Iterator[Answer]:
    """Of the boot we knew, and no view from before the host's last word."""
    for answer in case.sound(pool):
        late_enough = answer.asked_at >= case.last_heard_at + pool.timing.view_age_max_seconds
        if late_enough and answer.slot.boot_id == case.boot_id:
            yield answer


def generations_read(case: Case) -> dict[PoolId, int]:
    """As its slots stand: nothing has been given to the host under a later one, since none was told of by its last word."""
    read = {pool.pool_id: [answer.slot.generation for answer in late_answers(case, pool)] for pool in case.pools}
    return {pool_id: max(generations) for pool_id, generations in read.items() if generations}


def rebooted(case: Case) -> Rebooted | None:
    """A slot of this host was seen to change to another boot id than the one we knew.  That it merely bears another is nothing: it may be older."""
    for pool in case.pools:
        for answer in case.sound(pool):
            if answer.slot.boot_id != case.boot_id and answer.moved:
                return Rebooted(
                    old_boot_id=case.boot_id, new_boot_id=answer.slot.boot_id, seen_by=answer.slot.observer_id
                )
    return None


def powered_off(case: Case) -> PoweredOff | None:
    """Off, read after the host fell silent, and for so long that its last writes have landed.  Of its leased pools somebody must see its slots, and
    so long still that a living host would have killed its guests by itself: so a power controller that lies, or belongs to another host, makes
    nothing run twice.  That costs no guest its restart: whoever could start it elsewhere can see the slot.  Nobody is passed over who may still
    answer."""
    reading = case.power
    if reading is None or reading.state is not PowerState.OFF or reading.asked_at < case.last_heard_at:
        return None
    if case.now - reading.since < case.timing.late_io_seconds:
        return None
    if case.answers_awaited or not all(ran_out(case, pool) for pool in case.pools):
        return None
    return PoweredOff(address=reading.address)


def ran_out(case: Case, pool: LeasedPool) -> bool:
    """By everybody who can see it, and no hold may keep its guests alive without it."""
    there = case.sound(pool)
    still = all(is_still(answer, pool.timing.doomed_seconds) for answer in there)
    return bool(there) and still and case.now >= pool.holds_over_at


def is_still(answer: Answer, seconds: float) -> bool:
    return answer.slot.unchanged_seconds > seconds


# --- fencing ----------------------------------------------------------------------------------------------------------


def fencing(case: Case) -> Iterator[PowerOff | Poison]:
    """Early in a silence as under `keep`, whatever the policy is."""
    if not case.may_be_fenced:
        return
    if is_early(case):
        case = replace(case, policy=FencePolicy.KEEP)
    if case.has_power and not case.power_off_ordered:
        why = why_power_off(case)
        if why:
            yield PowerOff(why=why)
    renewing = tuple(pool.pool_id for pool in case.pools if pool.generation is not None and renews(case, pool))
    if case.policy is FencePolicy.FENCE and renewing and case.poisoned_at is None:
        yield Poison(pool_ids=renewing)


def is_early(case: Case) -> bool:
    since = max(case.last_heard_at, case.listening_since)
    all_were_heard = case.peers_heard_since <= since
    return case.now - since < (FENCED_AFTER_SECONDS if all_were_heard else FENCED_AFTER_SECONDS_IF_A_PEER_IS_SILENT)


def renews(case: Case, pool: LeasedPool) -> bool:
    return any(not is_still(answer, pool.timing.quiet_seconds) for answer in case.sound(pool))


def why_power_off(case: Case) -> str:
    """Empty: it may not be powered off (yet).

    Under `keep` only a host is powered off whose leases have all run so low that its guests are dead by its own hand or will be with its watchdog;
    so it costs nothing that was not lost.  Under `fence` also one of whose storage nobody can tell, and one that does not obey the poison."""
    seen = [pool for pool in case.pools if case.sound(pool)]
    if case.answers_awaited:
        return ""
    if seen and all(ran_out(case, pool) for pool in seen):
        return "its leases have run out of renewals"
    if case.policy is FencePolicy.KEEP:
        return ""
    if not seen:
        return "nobody can see its storage, and the policy is fence"
    if case.poisoned_at is not None and case.now - case.poisoned_at > max(p.timing.doomed_seconds for p in seen):
        return "it does not obey the poison"
    return ""


# --- for people -------------------------------------------------------------------------------------------------------


def why_it_waits(case: Case) -> Iterator[str]:
    for pool in case.pools:
        yield why_pool_waits(case, pool)
    if not case.pools:
        yield "it has no pool with leases, so that only its power controller or its own return can show it dead"
    if case.power is not None:
        yield reading_in_words(case.power)
    elif not case.has_power:
        yield "no power controller is configured"
    if not case.may_be_fenced:
        yield "HA of this host is disabled, so that it is neither powered off nor poisoned"
    for observer_id, answered in case.pings:
        yield ping_in_words(observer_id, answered)


def why_pool_waits(case: Case, pool: LeasedPool) -> str:
    there = case.sound(pool)
    if not there:
        return f"pool {pool.pool_id}: no sound observer"
    unchanged = min(answer.slot.unchanged_seconds for answer in there)
    if renews(case, pool):
        kept = " and the policy is keep" if case.policy is FencePolicy.KEEP else ""
        return f"pool {pool.pool_id}: its lease was renewed {unchanged:.1f} s ago{kept}: its guests run"
    if not case.watchdog:
        return f"pool {pool.pool_id}: lease unchanged for {unchanged:.1f} s, which without a watchdog proves nothing"
    if case.now < pool.holds_over_at:
        return f"pool {pool.pool_id}: a hold may be outstanding for {pool.holds_over_at - case.now:.1f} s more"
    return f"pool {pool.pool_id}: lease unchanged for {unchanged:.1f} s, waiting for it to expire"


def evidence_in(case: Case) -> tuple[dict[str, Json], ...]:
    """For the record: what everybody said, in his own numbers and in words."""
    slots = (answer_in_facts(answer) for answer in case.answers)
    pings = (ping_in_facts(observer_id, answered) for observer_id, answered in case.pings)
    power = (reading_in_facts(reading) for reading in (case.power,) if reading is not None)
    return (*slots, *pings, *power)


def answer_in_facts(answer: Answer) -> dict[str, Json]:
    slot = answer.slot
    unchanged = f"lease on pool {slot.pool_id} unchanged for {slot.unchanged_seconds:.1f} s"
    view = "" if slot.witness_sound else " (its own view is not sound)"
    return {
        "kind": "lease",
        "text": f"{slot.observer_id} saw its {unchanged}{view}",
        "observer": slot.observer_id,
        "pool": slot.pool_id,
        "sequence": slot.sequence,
        "unchanged_seconds": round(slot.unchanged_seconds, 3),
        "dead": slot.dead,
        "sound": slot.witness_sound,
    }


def ping_in_facts(observer_id: HostId, answered: bool) -> dict[str, Json]:
    text = ping_in_words(observer_id, answered)
    return {"kind": "ping", "text": text, "observer": observer_id, "answered": answered}


def ping_in_words(observer_id: HostId, answered: bool) -> str:
    return f"{observer_id} gets {'an' if answered else 'no'} answer to a ping"


def reading_in_facts(reading: PowerReading) -> dict[str, Json]:
    return {
        "kind": "power",
        "text": reading_in_words(reading),
        "address": reading.address,
        "state": reading.state.value,
        "detail": reading.detail,
    }


def reading_in_words(reading: PowerReading) -> str:
    in_its_own_words = f" ({reading.detail})" if reading.detail not in ("", reading.state) else ""
    return f"power controller {reading.address} says {reading.state}{in_its_own_words}"
