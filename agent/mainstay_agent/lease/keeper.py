"""The lease keeper of one host over all its pools: inputs with the time in, actions out; no I/O, no clock.

The promise: no guest of this host writes to a pool after that pool's L, because by then it was killed and seen gone, or the watchdog, last petted
at L - W(1+rho) or before, has fired.  And the host lives on whenever the guests could be shown gone, or there were none.

Whatever the input, the first deed is to judge the leases by the new time: a process that was stopped for a minute
finds its lease lapsed before it reads the acknowledgement that came meanwhile.  A keeper is a value; every input returns the next keeper
and what is to be done.  Inputs must carry times that never fall, read *before* the deed they tell of was begun."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from mainstay_agent.lease import bounds
from mainstay_agent.lease.area import (
    AreaEvent,
    EntryState,
    Granted,
    GuestsKilled,
    HoldWanted,
    LeaseChanged,
    LedgerEntry,
    Refused,
    Warned,
)
from mainstay_agent.lease.ledger import Ledger, Tenures
from mainstay_agent.lease.slots import OwnerSector, Slot, SlotState
from mainstay_agent.lease.tenure import Claim, Condemned, Tenure, Why
from mainstay_proto.messages import HoldGrant, LeaseProfile, PoolLease, PoolMount
from mainstay_runtime.errors import BadInput
from mainstay_runtime.values import replace

PETS_PER_TIMEOUT = 4


# --- actions ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Pet:
    """Arm the watchdog, or start its time afresh: it fires `timeout_seconds` after this, unless petted again."""

    timeout_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteSlot:
    """Write our sector; answer with renewal_acknowledged or renewal_failed under its sequence."""

    pool_id: str
    slot: int
    sector: OwnerSector


@dataclass(frozen=True, slots=True, kw_only=True)
class KillGuests:
    """Shoot these and say which are gone (guests_observed_gone); told again at every tick until they are."""

    pool_id: str
    entries: tuple[LedgerEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tell:
    """For the agent, or the log."""

    event: AreaEvent


Action = Pet | WriteSlot | KillGuests | Tell
Step = tuple["Keeper", tuple[Action, ...]]


class Held(NamedTuple):
    """A valid lease as it was last told of; compared at every step."""

    pool_id: str
    generation: int
    by: str  # storage | grant


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    host_id: str
    boot_id: str
    profile: LeaseProfile
    tenures: tuple[Tenure, ...] = ()  # one per pool with leases, sorted
    pools: frozenset[str] = frozenset()  # every configured pool, also those without leases
    ledger: Ledger = field(default_factory=Ledger)
    petted_at: float | None = None
    last_request_id: int = 0
    told: tuple[Held, ...] = ()

    # --- what is so -------------------------------------------------------------------------------------------------------

    def tenure(self, pool_id: str) -> Tenure | None:
        for tenure in self.tenures:
            if tenure.pool_id == pool_id:
                return tenure
        return None

    def leases(self, now: float) -> tuple[PoolLease, ...]:
        return tuple(tenure.report(self.profile, now) for tenure in self.tenures)

    def standing_authority(self, vm_id: str, now: float) -> bool:
        order = self.ledger.order(vm_id)
        if order is None or order.tenures is None:
            return False
        pools = [pool_id for pool_id, _ in order.tenures]
        return self._tenures_of(pools) == order.tenures and self._invalid_pool(pools, now) is None

    def wake_at(self) -> float:
        """When `tick` will next have something to do, if nothing else comes."""
        pet_at = -math.inf if self.petted_at is None else self.petted_at + self._pet_period
        ends = [tenure.ends_at(self.profile, is_used=self.ledger.uses(tenure.pool_id)) for tenure in self.tenures]
        return min(pet_at, *ends) if ends else pet_at

    def restarted(self) -> Keeper:
        """What a new process of the same boot goes on with: what may run and until when, but nothing held until storage says so again."""
        return replace(self, tenures=tuple(each.restarted() for each in self.tenures), petted_at=None, told=())

    # --- inputs: orders -----------------------------------------------------------------------------------------------------

    def configured(self, mounts: tuple[PoolMount, ...], profile: LeaseProfile) -> Keeper:
        """Other pools, slots or timing.  What guests stand on cannot be taken away."""
        bounds.check(profile)
        tenures = tuple(
            self._tenure_for(mount.pool_id, mount.slot)
            for mount in sorted(mounts, key=lambda mount: mount.pool_id)
            if mount.slot is not None
        )
        kept = {(tenure.pool_id, tenure.slot) for tenure in tenures}
        for tenure in self.tenures:
            if (tenure.pool_id, tenure.slot) not in kept and self.ledger.on_pool(tenure.pool_id):
                raise BadInput(f"guests run on pool {tenure.pool_id}: it cannot lose its slot", pool=tenure.pool_id)
        petted_at = self.petted_at if profile == self.profile else None
        pools = frozenset(mount.pool_id for mount in mounts)
        return replace(self, tenures=tenures, pools=pools, profile=profile, petted_at=petted_at)

    def _tenure_for(self, pool_id: str, slot: int) -> Tenure:
        known = self.tenure(pool_id)
        if known is None or known.slot != slot:
            return Tenure(pool_id=pool_id, slot=slot)
        return known.restarted() if known.claim is Claim.CONTESTED else known

    def authorise(
        self,
        vm_id: str,
        epoch: int,
        pools: frozenset[str],
        now: float,
        *,
        standing: bool = False,
        generations: Tenures = (),
    ) -> tuple[Keeper, tuple[Action, ...], Granted | Refused]:
        judged, actions = self.tick(now)  # which arms the watchdog, if that was still to be done
        refusal = judged._refusal(pools, generations, now)
        if refusal is not None:
            return judged, actions, refusal
        ledger, answer = judged.ledger.enter(vm_id, epoch, pools, judged._tenures_of(pools), standing=standing)
        return replace(judged, ledger=ledger), actions, answer

    def stand_on(
        self, vm_id: str, epoch: int, pools: frozenset[str], now: float, *, generations: Tenures = ()
    ) -> tuple[Keeper, tuple[Action, ...], Granted | Refused]:
        """More pools need what a start on them all needs; fewer need only that the guest is not being killed already."""
        judged, actions = self.tick(now)
        entry = judged.ledger.entry(vm_id)
        if entry is None or entry.epoch != epoch:
            return judged, actions, Refused(code="no-such-guest", detail=f"{vm_id} was not granted under epoch {epoch}")
        added = pools.difference(entry.pools)
        refusal = judged._refusal(pools.union(entry.pools), generations, now) if added else judged._shooting(entry)
        if refusal is not None:
            return judged, actions, refusal
        ledger = judged.ledger.standing_on(vm_id, pools, judged._tenures_of(added))
        return replace(judged, ledger=ledger), actions, Granted(vm_id=vm_id, epoch=epoch)

    def _shooting(self, entry: LedgerEntry) -> Refused | None:
        for tenure in self.tenures:
            if tenure.condemned is not None and tenure.pool_id in entry.pools:
                return Refused(code="no-lease", detail=f"the guests of pool {tenure.pool_id} are being killed")
        return None

    def _refusal(self, pools: frozenset[str], generations: Tenures, now: float) -> Refused | None:
        unknown = sorted(pools - self.pools)
        if unknown:
            return Refused(code="no-such-pool", detail=f"pool {unknown[0]} is not configured on this host")
        for pool_id, generation in generations:
            tenure = self.tenure(pool_id)
            if tenure is not None and tenure.generation != generation:
                detail = f"ordered under generation {generation} of pool {pool_id}, now {tenure.generation}"
                return Refused(code="superseded-lease", detail=detail)
        invalid = self._invalid_pool(pools, now)
        if invalid is not None:
            return Refused(code="no-lease", detail=f"the lease on pool {invalid} is not valid now")
        silent = [
            each.pool_id for each in self.tenures if each.pool_id in pools and not each.answers(self.profile, now)
        ]
        if silent:
            detail = f"pool {silent[0]} does not answer: a hold lets guests run on, and none begin"
            return Refused(code="no-lease", detail=detail)
        if self.petted_at is None and self._tenures_of(pools):
            return Refused(code="no-lease", detail="the watchdog cannot be armed yet")
        return None

    def confirm_running(self, vm_id: str, epoch: int, now: float) -> Step:
        return self._stepped(now, lambda keeper: keeper._booked(keeper.ledger.confirmed_running(vm_id, epoch)))

    def confirm_gone(self, vm_id: str, epoch: int, now: float) -> Step:
        """Its pools are renewed at the next look: whoever gave his word for that guest waits for storage to answer a later write."""
        entry = self.ledger.entry(vm_id)
        pools = entry.pools if entry is not None else ()
        return self._stepped(
            now,
            lambda keeper: keeper._renewed_soon(pools, now)._booked(keeper.ledger.confirmed_gone(vm_id, epoch)),
        )

    def revoke(self, vm_id: str, epoch: int, now: float) -> Step:
        return self._stepped(now, lambda keeper: keeper._booked(keeper.ledger.revoked(vm_id, epoch)))

    def hold_granted(self, grant: HoldGrant, now: float) -> Step:
        return self._stepped(
            now,
            lambda keeper: keeper._changed(
                grant.pool_id, lambda tenure: tenure.granted(grant.request_id, grant.hold_seconds)
            ),
        )

    # --- inputs: time, storage, processes -----------------------------------------------------------------------------------

    def tick(self, now: float) -> Step:
        judged, actions = self._stepped(now)
        petted, pets = judged._petted(now)
        asking, questions = petted._asking(now)
        return asking, (*actions, *pets, *questions)

    def own_slot_read(self, pool_id: str, slot: Slot, now: float) -> Step:
        """Both sectors of our own slot, as a scan found them."""
        keeper, actions = self._stepped(now, lambda keeper: keeper._having_read(pool_id, slot, now))
        if keeper is self:
            return keeper, actions
        before, after = self.tenure(pool_id), keeper.tenure(pool_id)
        if before and after and after.claim is Claim.CONTESTED and before.claim is not Claim.CONTESTED:
            detail = f"slot {after.slot} is written by {slot.owner}: two hosts have one identity"
            actions = (*actions, Tell(event=Warned(code="slot-intruder", detail=detail, pool_id=pool_id)))
        return keeper, actions

    def begin_renewal(self, pool_id: str, now: float) -> Step:
        """The way to that pool is free: a WriteSlot if a renewal is due."""
        judged, actions = self._stepped(now)
        tenure = judged.tenure(pool_id)
        if tenure is None or not tenure.may_renew(now):
            return judged, actions
        begun = tenure.begun(self.profile, now)
        return judged._with(begun), (*actions, judged._write(begun, SlotState.HELD))

    def renewal_acknowledged(self, pool_id: str, sequence: int, now: float) -> Step:
        return self._stepped(
            now, lambda keeper: keeper._changed(pool_id, lambda tenure: tenure.acknowledged(sequence, self.profile))
        )

    def renewal_failed(self, pool_id: str, sequence: int, now: float) -> Step:
        return self._stepped(now, lambda keeper: keeper._changed(pool_id, lambda tenure: tenure.failed(sequence)))

    def guests_observed_gone(self, entries: tuple[LedgerEntry, ...], now: float) -> Step:
        """Nothing of them is left in the process table.  That says nothing about a start still in flight: only the agent can."""
        killed = tuple(entry for entry in entries if self._was_shot(entry))
        keeper, actions = self._stepped(now, lambda keeper: keeper._booked(keeper.ledger.without(killed)))
        return keeper, (*actions, *self._obituaries(killed))

    def resign(self, now: float) -> Step:
        """The daemon stops: give back every lease without guests, so that nobody need wait for it to expire."""
        keeper, actions = self._stepped(now)
        for tenure in keeper.tenures:
            if tenure.lapses_at is None or tenure.renewal is not None or keeper.ledger.on_pool(tenure.pool_id):
                continue
            begun = tenure.dropped(now).begun(self.profile, now)
            actions = (*actions, keeper._write(begun, SlotState.DROPPED))
            keeper = keeper._with(begun)
        return keeper, actions

    # --- how a step is made -------------------------------------------------------------------------------------------------

    def _stepped(self, now: float, deed: Callable[[Keeper], Keeper] | None = None) -> Step:
        """Judge by the new time, do the deed, judge again (the deed may have taken the last guest), and tell what changed."""
        keeper = self._judged(now)
        if deed is not None and (after := deed(keeper)) is not keeper:
            keeper = after._judged(now)
        profile = self.profile
        held = tuple([_held(tenure, profile, now) for tenure in keeper.tenures if tenure.is_valid(profile, now)])
        if held == self.told:
            return keeper, keeper._kills()
        return replace(keeper, told=held), (*keeper._kills(), *keeper._lease_changes(self.told, held, now))

    def _judged(self, now: float) -> Keeper:
        keeper = self
        for tenure in self.tenures:
            judged = keeper._judged_tenure(tenure, now)
            if judged is not tenure:
                keeper = keeper._with(judged)
        return keeper

    def _judged_tenure(self, tenure: Tenure, now: float) -> Tenure:
        if tenure.condemned is None and not tenure.is_doomed(self.profile, now):
            return tenure  # nor is it over: the kill line comes before
        is_used = self.ledger.uses(tenure.pool_id)
        if tenure.condemned is not None:
            return tenure if is_used else tenure.drained(self.profile, now)
        is_over = tenure.is_doomed(self.profile, now) if is_used else tenure.is_over(now)
        return replace(tenure, condemned=Condemned(why=Why.LAPSE)) if is_over else tenure

    def _petted(self, now: float) -> Step:
        if self.petted_at is not None and now - self.petted_at < self._pet_period:
            return self, ()
        used = (tenure for tenure in self.tenures if self.ledger.uses(tenure.pool_id))
        if not all(tenure.lets_pet(self.profile, now) for tenure in used):
            return self, ()
        return replace(self, petted_at=now), (Pet(timeout_seconds=self.profile.watchdog_seconds),)

    def _asking(self, now: float) -> Step:
        keeper, questions = self, []
        for tenure in self.tenures:
            if tenure.needs_hold(self.profile, now) and self.ledger.uses(tenure.pool_id):
                # From the clock, so that an answer to a question of an earlier process answers none of ours.
                request_id = max(keeper.last_request_id + 1, int(now * 1000))
                keeper = replace(keeper._with(tenure.asked(request_id, now)), last_request_id=request_id)
                questions.append(Tell(event=HoldWanted(pool_id=tenure.pool_id, request_id=request_id)))
        return keeper, tuple(questions)

    def _having_read(self, pool_id: str, slot: Slot, now: float) -> Keeper:
        def read(tenure: Tenure) -> Tenure:
            return tenure.seen(slot, self.host_id, self.boot_id, self.profile, now).poisoned(slot, self.host_id)

        return self._changed(pool_id, read)

    def _was_shot(self, entry: LedgerEntry) -> bool:
        is_condemned = any(each.condemned is not None and each.pool_id in entry.pools for each in self.tenures)
        return is_condemned and entry.state is EntryState.RUNNING and entry in self.ledger.entries

    def _obituaries(self, killed: tuple[LedgerEntry, ...]) -> tuple[Action, ...]:
        told: list[Action] = []
        for tenure in self.tenures:
            entries = tuple(entry for entry in killed if tenure.pool_id in entry.pools)
            if tenure.condemned is not None and entries:
                event = GuestsKilled(pool_id=tenure.pool_id, entries=entries, why=tenure.condemned.why)
                told.append(Tell(event=event))
        return tuple(told)

    def _kills(self) -> tuple[Action, ...]:
        condemned = [each.pool_id for each in self.tenures if each.condemned is not None]
        if not condemned:
            return ()
        shots = [(pool_id, self.ledger.on_pool(pool_id)) for pool_id in condemned]
        return tuple([KillGuests(pool_id=pool_id, entries=entries) for pool_id, entries in shots if entries])

    def _lease_changes(self, before: tuple[Held, ...], after: tuple[Held, ...], now: float) -> tuple[Action, ...]:
        """What became valid or is held otherwise, and what is valid no more."""
        new = {held.pool_id: held.by for held in after if held not in before}
        over = {held.pool_id for held in before} - {held.pool_id for held in after}
        changes: list[Action] = []
        for tenure in self.tenures:
            if tenure.pool_id in new or tenure.pool_id in over:
                ended = tenure.condemned.why if tenure.condemned is not None else Why.LAPSE
                why = new.get(tenure.pool_id, ended)
                event = LeaseChanged(lease=tenure.report(self.profile, now), why=why)
                changes.append(Tell(event=event))
        return tuple(changes)

    def _write(self, begun: Tenure, state: SlotState) -> WriteSlot:
        sector = begun.sector(self.host_id, self.boot_id, self.profile, state)
        return WriteSlot(pool_id=begun.pool_id, slot=begun.slot, sector=sector)

    def _renewed_soon(self, pools: Iterable[str], now: float) -> Keeper:
        tenures = tuple(
            replace(each, renew_at=min(each.renew_at, now)) if each.pool_id in pools else each for each in self.tenures
        )
        return replace(self, tenures=tenures)

    def _booked(self, ledger: Ledger) -> Keeper:
        return replace(self, ledger=ledger)

    def _changed(self, pool_id: str, change: Callable[[Tenure], Tenure]) -> Keeper:
        tenure = self.tenure(pool_id)
        if tenure is None:
            return self
        changed = change(tenure)
        return self if changed is tenure else self._with(changed)

    def _with(self, tenure: Tenure) -> Keeper:
        tenures = tuple([tenure if each.pool_id == tenure.pool_id else each for each in self.tenures])
        return replace(self, tenures=tenures)

    @property
    def _pet_period(self) -> float:
        return self.profile.watchdog_seconds / PETS_PER_TIMEOUT

    def _tenures_of(self, pools: Iterable[str]) -> Tenures:
        return tuple((each.pool_id, each.generation) for each in self.tenures if each.pool_id in pools)

    def _invalid_pool(self, pools: Iterable[str], now: float) -> str | None:
        """A pool with leases whose lease is not valid now."""
        for tenure in self.tenures:
            if tenure.pool_id in pools and not tenure.is_valid(self.profile, now):
                return tenure.pool_id
        return None


def _held(tenure: Tenure, profile: LeaseProfile, now: float) -> Held:
    return Held(tenure.pool_id, tenure.generation, tenure.held_by(profile, now))
