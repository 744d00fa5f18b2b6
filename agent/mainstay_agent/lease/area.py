"""The lease area as the agent's duties see it: may this guest run here, and what do the slots of others say?

One area speaks for one host.  `client.SocketLeaseArea` asks the daemon `mainstay-leased` over its unix socket;
`local.LocalLeaseArea` runs the same rules inside the process, for simulated hosts and for tests.

The promise: a guest that was not granted by `authorise` must not be started or received; one that was granted counts as running
until `confirm_gone`, so say so as soon as the hypervisor said so.  Every method of a remote area ends within its deadline and raises
`mainstay_runtime.errors.Unavailable` or `DeadlineExceeded` when the daemon does not answer: then nothing may be started."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from mainstay_proto.messages import HoldGrant, LeaseProfile, PoolLease, PoolMount, SlotSighting

LeaseName = tuple[str, int, str]
"""Pool id, slot number, host id: who owns which slot, as the controller numbered them."""


class EntryState(StrEnum):
    STARTING = "starting"  # authorised; the hypervisor has not confirmed it yet, so a start may still be in flight
    RUNNING = "running"  # confirmed: from here on the process table alone can show it gone


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """A guest that this host may be running."""

    vm_id: str
    epoch: int
    pools: tuple[str, ...]  # sorted; those with leases and those without
    state: EntryState


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """The guest may be started now, and counts as running from now on."""

    vm_id: str
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Nothing was entered in the ledger.

    Codes: `no-lease` (some pool's lease is not valid now, or its guests are being killed), `stale-epoch` (a higher one was seen),
    `running-other-epoch` (an older copy is not shown gone yet), `no-authority` (this epoch ran here, and its lease lapsed, or it was revoked, since),
    `superseded-lease` (the order was given under an earlier tenure of a lease), `no-such-pool` (not configured here), `not-configured`,
    `no-such-guest` (nothing was granted to it under that epoch)."""

    code: str
    detail: str


# --- what an area tells by itself -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseChanged:
    """A lease became valid, lapsed, was dropped, or is held by the other channel now."""

    lease: PoolLease
    why: str  # storage | grant: held by that channel; lapse | poison: valid no more


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestsKilled:
    """The lease daemon shot these guests; `entries` are gone from the ledger.  Told once they are gone."""

    pool_id: str
    entries: tuple[LedgerEntry, ...]
    why: str  # lapse | poison


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldWanted:
    """Storage does not answer: ask the controller for a hold, and hand its answer to `grant_hold`."""

    pool_id: str
    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SightingsChanged:
    """Verdicts about other hosts' slots that differ from the last ones told."""

    sightings: tuple[SlotSighting, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """An operator should know.  Codes: `slot-intruder`, `watchdog-absent`, `watchdog-lost`, `direct-io-refused`, `cannot-lock-memory`, `memory`, `pool-io`."""

    code: str
    detail: str
    pool_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaLost:
    """The daemon cannot be reached: nothing may be started until AreaBack."""

    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaBack:
    """The daemon answers again (perhaps a new process): configure it again and compare its ledger with the hypervisor."""


AreaEvent = LeaseChanged | GuestsKilled | HoldWanted | SightingsChanged | Warned | AreaLost | AreaBack


class LeaseArea(Protocol):
    async def configure(
        self,
        host_id: str,
        boot_id: str,
        mounts: tuple[PoolMount, ...],
        lease_names: tuple[LeaseName, ...],
        profile: LeaseProfile,
    ) -> None:
        """Which pools, slots and timing; repeat it after every change and every AreaBack.

        Raises BadInput for a profile that breaks a bound, for another host id or boot id than before, and for a pool that is left out while guests use it."""

    async def authorise(
        self,
        vm_id: str,
        epoch: int,
        pools: frozenset[str],
        *,
        standing: bool = False,
        generations: tuple[tuple[str, int], ...] = (),
    ) -> Granted | Refused:
        """Enter a guest before the hypervisor is asked to start or receive it.

        `standing`: a restart without a fresh order; needs `standing_authority`.  `generations`: the lease generation per pool under which the controller gave
        the order, so that an order that lay about while the host was declared dead is refused.  Asking again for a guest already entered under
        that epoch is Granted."""

    async def stand_on(
        self, vm_id: str, epoch: int, pools: frozenset[str], *, generations: tuple[tuple[str, int], ...] = ()
    ) -> Granted | Refused:
        """A guest that was granted under that epoch stands on these pools from now on: say so before it is given a disk on one more, and after it has lost
        its last on one.  Refused (also `no-such-guest`): it stands on those it stood on."""

    async def confirm_running(self, vm_id: str, epoch: int) -> None:
        """The hypervisor's own word that the start is over and the guest runs."""

    async def confirm_gone(self, vm_id: str, epoch: int) -> None:
        """The hypervisor's own word: the guest does not run and no start of it is in flight.  Keeps its standing authority."""

    async def revoke(self, vm_id: str, epoch: int) -> None:
        """Never again under this epoch or a lower one: the guest was stopped on purpose, moved away, or promised gone to the controller."""

    async def ledger(self) -> tuple[LedgerEntry, ...]: ...

    async def leases(self) -> tuple[PoolLease, ...]: ...

    async def sightings(self, host_id: str | None = None) -> tuple[SlotSighting, ...]:
        """Latest verdicts about one host's slots, or everybody's."""

    async def poison(self, host_id: str, incident_id: str, pool_ids: tuple[str, ...]) -> tuple[str, ...]:
        """Write the poison sector of that host's slots; the pools where that was acknowledged by storage."""

    async def grant_hold(self, grant: HoldGrant) -> None: ...

    async def standing_authority(self, vm_id: str) -> bool:
        """May this guest be started again here without a fresh order: its lease was never lapsed or dropped since it was ordered."""

    async def highest_epoch(self, vm_id: str) -> int | None: ...

    async def watchdog(self) -> str:
        """What resets this host when it must not go on: `none` means that its lapsed lease proves nothing."""

    def events(self) -> AsyncIterator[AreaEvent]:
        """For one listener.  Bounded inside: when full the oldest are dropped and AreaBack is told, so that one reconciles."""

    async def run(self) -> None:
        """The area's own work (the connection, or the lease itself): kept beside the duties with `tasks.background(area.run)`."""
