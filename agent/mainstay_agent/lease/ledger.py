"""Which guests may this host be running, and which may it start again?  Pure.

The promise: an entry stays from the grant until the guest is shown gone, so a start in flight counts as a running guest; and an epoch is
granted again only under the same unbroken tenure of every lease it was first granted under.  What the ledger does not know about is
whether a lease is valid now: that is the keeper's to say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from mainstay_agent.lease.area import EntryState, Granted, LedgerEntry, Refused

Tenures = tuple[tuple[str, int], ...]
"""Pool id and generation, sorted: under which leases a guest was ordered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The highest epoch seen of one VM, and the tenures its authority stands on; None: revoked."""

    vm_id: str
    epoch: int
    tenures: Tenures | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    entries: tuple[LedgerEntry, ...] = ()
    orders: tuple[Order, ...] = ()

    def entry(self, vm_id: str) -> LedgerEntry | None:
        return next((entry for entry in self.entries if entry.vm_id == vm_id), None)

    def order(self, vm_id: str) -> Order | None:
        return next((order for order in self.orders if order.vm_id == vm_id), None)

    def uses(self, pool_id: str) -> bool:
        """Does any guest stand on it?"""
        return any(pool_id in entry.pools for entry in self.entries)

    def on_pool(self, pool_id: str) -> tuple[LedgerEntry, ...]:
        return tuple(entry for entry in self.entries if pool_id in entry.pools)

    def stands(self, vm_id: str, tenures: Tenures) -> bool:
        """Was the last order given under exactly these tenures, and not revoked since?"""
        order = self.order(vm_id)
        return order is not None and order.tenures == tenures

    def enter(
        self, vm_id: str, epoch: int, pools: Iterable[str], tenures: Tenures, *, standing: bool
    ) -> tuple[Ledger, Granted | Refused]:
        refusal = self._refusal(vm_id, epoch, tenures, standing=standing)
        if refusal is not None:
            return self, refusal
        entry = LedgerEntry(vm_id=vm_id, epoch=epoch, pools=tuple(sorted(pools)), state=EntryState.STARTING)
        ledger = self._with_entry(entry)._with_order(Order(vm_id=vm_id, epoch=epoch, tenures=tenures))
        return ledger, Granted(vm_id=vm_id, epoch=epoch)

    def standing_on(self, vm_id: str, pools: Iterable[str], added: Tenures) -> Ledger:
        """On other pools.  Its authority stands on the tenures it was ordered under and, for pools that are new to it, on those of now."""
        entry, order, pools = self.entry(vm_id), self.order(vm_id), frozenset(pools)
        if entry is None:
            return self
        ledger = self._with_entry(replace(entry, pools=tuple(sorted(pools))))
        if order is None or order.tenures is None:
            return ledger
        tenures = tuple(sorted(each for each in (*order.tenures, *added) if each[0] in pools))
        return ledger._with_order(replace(order, tenures=tenures))

    def _refusal(self, vm_id: str, epoch: int, tenures: Tenures, *, standing: bool) -> Refused | None:
        entry, order = self.entry(vm_id), self.order(vm_id)
        if order is not None and epoch < order.epoch:
            return Refused(code="stale-epoch", detail=f"epoch {epoch} of {vm_id}, but {order.epoch} was seen")
        if entry is not None and entry.epoch != epoch:
            return Refused(code="running-other-epoch", detail=f"{vm_id} may still run under epoch {entry.epoch}")
        known = order is not None and order.epoch == epoch
        if (known or standing) and not (known and self.stands(vm_id, tenures)):
            return Refused(code="no-authority", detail=f"epoch {epoch} of {vm_id} needs a fresh order")
        return None

    def confirmed_running(self, vm_id: str, epoch: int) -> Ledger:
        entry = self.entry(vm_id)
        if entry is None or entry.epoch != epoch:
            return self
        return self._with_entry(replace(entry, state=EntryState.RUNNING))

    def confirmed_gone(self, vm_id: str, epoch: int) -> Ledger:
        return self.without(entry for entry in self.entries if entry.vm_id == vm_id and entry.epoch <= epoch)

    def without(self, gone: Iterable[LedgerEntry]) -> Ledger:
        """Entries are compared whole: what was started anew since somebody looked is another entry."""
        absent = frozenset(gone)
        return replace(self, entries=tuple(entry for entry in self.entries if entry not in absent))

    def revoked(self, vm_id: str, epoch: int) -> Ledger:
        order = self.order(vm_id)
        if order is not None and order.epoch > epoch:
            return self
        return self._with_order(Order(vm_id=vm_id, epoch=epoch, tenures=None))

    def _with_entry(self, entry: LedgerEntry) -> Ledger:
        others = (other for other in self.entries if other.vm_id != entry.vm_id)
        return replace(self, entries=tuple(sorted((*others, entry), key=lambda each: each.vm_id)))

    def _with_order(self, order: Order) -> Ledger:
        others = (other for other in self.orders if other.vm_id != order.vm_id)
        return replace(self, orders=tuple(sorted((*others, order), key=lambda each: each.vm_id)))
