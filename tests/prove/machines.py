"""The shipped keeper and observer as finite machines: their states numbered as they are met, each step taken once and remembered.

In a machine it is always now: that a tick passes is an input, which moves every moment one tick into the past; and what is so long past that nothing is
reckoned from it is all alike.  Of generations two are told apart: the one the order was given under, and any later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from mainstay_agent.lease import bounds
from mainstay_agent.lease.area import Granted, HoldWanted
from mainstay_agent.lease.keeper import Action, Keeper, Pet, Step, Tell, WriteSlot
from mainstay_agent.lease.ledger import Ledger
from mainstay_agent.lease.observer import Observer, OwnView, Scan
from mainstay_agent.lease.slots import BLANK, OwnerSector, PoisonSector, Slot
from mainstay_agent.lease.tenure import Claim, Tenure
from mainstay_proto.messages import HoldGrant, LeaseProfile

POOL = "pool"
VM = "vm"
NOW = 0.0
EARLY, LATER = 1, 2  # generations
REQUEST = -1  # the one request for a hold that can still be answered
OWN_SLOT, A_SLOT = 0, 1
BOOT, NEXT_BOOT = "first", "next"

S = TypeVar("S")
Given = TypeVar("Given")
Out = TypeVar("Out")


class Machine(Generic[S, Given, Out]):
    def __init__(self, step: Callable[[S, Given], tuple[S, Out]]) -> None:
        self._step = step
        self._numbers: dict[S, int] = {}
        self._states: list[S] = []
        self._known: dict[tuple[int, Given], tuple[int, Out]] = {}

    def number(self, state: S) -> int:
        if state not in self._numbers:
            self._numbers[state] = len(self._states)
            self._states.append(state)
        return self._numbers[state]

    def step(self, number: int, given: Given) -> tuple[int, Out]:
        if (number, given) not in self._known:
            state, out = self._step(self._states[number], given)
            self._known[number, given] = self.number(state), out
        return self._known[number, given]


# --- the keeper of A ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SlotRead:
    """What A finds in its slot: the boot and generation it was written under, and the generation that a poison means (0: none)."""

    boot_id: str
    generation: int
    poison: int


KeeperInput = str | SlotRead


@dataclass(frozen=True, slots=True)
class Effects:
    """What a keeper did to its world."""

    petted: bool
    wrote: int  # a renewal was begun, under this generation; 0: none was
    asked: bool
    granted: bool
    may_run: bool  # a guest stands in the ledger, or may be started again without an order


KeeperMachine = Machine[Keeper, KeeperInput, Effects]


def keeper_machine(ordered_under: tuple[tuple[str, int], ...]) -> KeeperMachine:
    """`ordered_under`: the generations that the one order names."""

    def step(keeper: Keeper, given: KeeperInput) -> tuple[Keeper, Effects]:
        was_asked = bool(keeper.tenures[0].holds)
        if given in ("order", "restart the guest"):
            standing = given != "order"
            generations = () if standing else ordered_under
            keeper, actions, answer = keeper.authorise(
                VM, 1, frozenset([POOL]), NOW, standing=standing, generations=generations
            )
            is_granted = isinstance(answer, Granted)
        else:
            keeper, actions = _stepped(keeper, given)
            is_granted = False
        return _canonical(keeper), _effects(keeper, actions, was_asked=was_asked, granted=is_granted)

    return Machine(step)


def _stepped(keeper: Keeper, given: KeeperInput) -> Step:
    renewal = keeper.tenures[0].renewal
    sequence = renewal.sequence if renewal is not None else 0
    match given:
        case SlotRead():
            return keeper.own_slot_read(POOL, _slot(given), NOW)
        case "tick":
            return keeper.tick(NOW)
        case "renew":
            return keeper.begin_renewal(POOL, NOW)
        case "acknowledged":
            return keeper.renewal_acknowledged(POOL, sequence, NOW)
        case "failed":
            return keeper.renewal_failed(POOL, sequence, NOW)
        case "hold":
            return keeper.hold_granted(
                HoldGrant(pool_id=POOL, request_id=REQUEST, hold_seconds=keeper.profile.hold_seconds), NOW
            )
        case "running":
            return keeper.confirm_running(VM, 1, NOW)
        case "gone":
            return keeper.confirm_gone(VM, 1, NOW)
        case "no process":
            return keeper.guests_observed_gone(keeper.ledger.entries, NOW)
        case "a tick passes":
            return _a_tick_later(keeper), ()
        case "the daemon restarts":
            return keeper.restarted(), ()
        case "a message is lost":
            return replace(keeper, tenures=(replace(keeper.tenures[0], holds=()),)), ()
    raise ValueError(given)


def _slot(read: SlotRead) -> Slot:
    owner = OwnerSector(
        host_id="a", boot_id=read.boot_id, generation=read.generation, sequence=0, dead_after_milliseconds=0
    )
    poison = PoisonSector(host_id="a", incident_id="i", generation=read.poison) if read.poison else None
    return Slot(owner=owner, poison=poison)


def _effects(keeper: Keeper, actions: tuple[Action, ...], *, was_asked: bool, granted: bool) -> Effects:
    wrote = [action.sector.generation for action in actions if isinstance(action, WriteSlot)]
    asks = [action for action in actions if isinstance(action, Tell) and isinstance(action.event, HoldWanted)]
    return Effects(
        petted=any(isinstance(action, Pet) for action in actions),
        wrote=min(LATER, wrote[0]) if wrote else 0,
        asked=bool(asks) and not was_asked,
        granted=granted,
        may_run=bool(keeper.ledger.entries) or keeper.standing_authority(VM, NOW),
    )


def a_keeper(profile: LeaseProfile) -> Keeper:
    """Its lease was renewed just now."""
    keeper = _booted(BOOT, profile, Tenure(pool_id=POOL, slot=A_SLOT, claim=Claim.OWNED, generation=EARLY))
    keeper, _ = keeper.tick(NOW)
    keeper, _ = keeper.begin_renewal(POOL, NOW)
    keeper, _ = keeper.renewal_acknowledged(POOL, 1, NOW)
    return _canonical(keeper)


def a_booted_keeper(profile: LeaseProfile) -> Keeper:
    return _booted(NEXT_BOOT, profile, Tenure(pool_id=POOL, slot=A_SLOT))


def _booted(boot_id: str, profile: LeaseProfile, tenure: Tenure) -> Keeper:
    return Keeper(host_id="a", boot_id=boot_id, profile=profile, tenures=(tenure,), pools=frozenset([POOL]))


def _a_tick_later(keeper: Keeper) -> Keeper:
    (tenure,) = keeper.tenures
    renewal, condemned = tenure.renewal, tenure.condemned
    aged = replace(
        tenure,
        renewed_at=_earlier(tenure.renewed_at),
        stored_until=_earlier(tenure.stored_until),
        granted_until=_earlier(tenure.granted_until),
        renewal=renewal and replace(renewal, begun_at=renewal.begun_at - 1),
        condemned=condemned and replace(condemned, emptied_at=_earlier(condemned.emptied_at)),
        holds=tuple((request_id, asked_at - 1) for request_id, asked_at in tenure.holds),
        watched_since=tenure.watched_since - 1,
    )
    return replace(keeper, petted_at=_earlier(keeper.petted_at), tenures=(aged,))


def _earlier(moment: float | None) -> float | None:
    return None if moment is None else moment - 1


def _at_least(moment: float | None, oldest: float) -> float | None:
    return None if moment is None else max(moment, oldest)


def _canonical(keeper: Keeper) -> Keeper:
    """The one state that stands for all with the same future."""
    (tenure,) = keeper.tenures
    excess = max(0, tenure.generation - LATER)
    ages_ago = -keeper.profile.validity_seconds - 1
    renewal, condemned = tenure.renewal, tenure.condemned
    canonical = replace(
        tenure,
        generation=tenure.generation - excess,
        sequence=1,
        acknowledged_sequence=1,
        renewed_at=_at_least(tenure.renewed_at, ages_ago),
        stored_until=_at_least(tenure.stored_until, -1),
        granted_until=_at_least(tenure.granted_until, -1),
        renew_at=NOW,
        renewal=renewal
        and replace(
            renewal,
            generation=max(0, renewal.generation - excess),
            sequence=1,
            begun_at=max(renewal.begun_at, ages_ago),
        ),
        condemned=condemned and replace(condemned, emptied_at=_at_least(condemned.emptied_at, ages_ago)),
        holds=tuple((REQUEST, max(asked_at, -keeper.profile.hold_seconds - 1)) for _, asked_at in tenure.holds[:1]),
        watched_since=max(tenure.watched_since, -bounds.claimed_after(keeper.profile)),
        stranger=tenure.stranger if tenure.claim is Claim.WATCHED else None,
    )
    ledger = _canonical_ledger(keeper.ledger, excess)
    petted_at = _at_least(keeper.petted_at, -1)
    return replace(keeper, tenures=(canonical,), ledger=ledger, petted_at=petted_at, told=(), last_request_id=0)


def _canonical_ledger(ledger: Ledger, excess: int) -> Ledger:
    orders = tuple(
        replace(order, tenures=tuple((pool_id, max(0, number - excess)) for pool_id, number in order.tenures or ()))
        for order in ledger.orders
    )
    return replace(ledger, orders=orders)


# --- the witness ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Look:
    """A scan: did A's slot move since the last true one, under which generation is it, and is the view a stale one?"""

    moved: bool
    generation: int
    is_stale: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    dead: bool
    released: bool  # a later generation was seen


WitnessInput = str | Look
WitnessMachine = Machine[Observer, WitnessInput, Verdict]
SILENT = Verdict(dead=False, released=False)
_OWN = OwnerSector(host_id="w", boot_id="w", generation=1, sequence=1, dead_after_milliseconds=0)
_VIEW = OwnView(acknowledged_sequence=_OWN.sequence, begun_sequence=_OWN.sequence, renewed_at=NOW, slot=OWN_SLOT)


def witness_machine(*, reads_back: bool) -> WitnessMachine:
    """`reads_back`: a stale view shows it an old sequence of its own, as it must."""
    own_in_stale_view = replace(_OWN, sequence=0) if reads_back else _OWN

    def step(observer: Observer, given: WitnessInput) -> tuple[Observer, Verdict]:
        if not isinstance(given, Look):
            return _looked_long_ago(observer), SILENT
        seen = dict(observer.watches).get(A_SLOT)
        owner = None if seen is None else seen.owner
        if owner is None or (given.moved and not given.is_stale):
            owner = OwnerSector(
                host_id="a", boot_id=BOOT, generation=given.generation, sequence=1, dead_after_milliseconds=0
            )
        own = own_in_stale_view if given.is_stale else _OWN
        slots = {OWN_SLOT: Slot(owner=own), A_SLOT: Slot(owner=owner) if owner else BLANK}
        scanned = observer.scanned(Scan(begun_at=NOW, ended_at=NOW, slots=slots, own=_VIEW))
        verdict = Verdict(
            dead=any(sighting.dead for sighting in scanned.sightings),
            released=any(sighting.generation == LATER for sighting in scanned.sightings),
        )
        return _canonical_observer(scanned), verdict

    return Machine(step)


def a_witness(profile: LeaseProfile) -> Observer:
    return Observer(pool_id=POOL, boot_id=_OWN.boot_id, profile=profile, names=((A_SLOT, "a"),))


def _looked_long_ago(observer: Observer) -> Observer:
    watches = tuple((slot, replace(watch, since=watch.since - 1)) for slot, watch in observer.watches)
    return _canonical_observer(replace(observer, watches=watches, scanned_at=_earlier(observer.scanned_at)))


def _canonical_observer(observer: Observer) -> Observer:
    """What it saw last has sequence 0; what it has not seen yet comes with sequence 1."""
    patience, gap = bounds.dead_after(observer.profile), bounds.sound_gap(observer.profile)
    watches = tuple(
        (slot, replace(watch, owner=replace(watch.owner, sequence=0), since=max(watch.since, -patience)))
        for slot, watch in observer.watches
    )
    return replace(
        observer, watches=watches, verdicts=frozenset(), doubted=(), scanned_at=_at_least(observer.scanned_at, -gap - 1)
    )
