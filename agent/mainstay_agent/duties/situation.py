"""What must be done about one guest, judged from the hypervisor's own answer, our orders and the lease ledger.

Pure.  The one promise: a guest is declared gone only on the hypervisor's word, and one that runs under an old epoch, or that no lease
covers, does not go on running."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mainstay_agent.driver import PAUSED_ON_IO_ERROR
from mainstay_agent.duties.book import Entry, Wanted
from mainstay_agent.duties.view import is_there
from mainstay_agent.lease.area import EntryState, LedgerEntry
from mainstay_proto.messages import GuestReport, GuestState


@dataclass(frozen=True, slots=True, kw_only=True)
class KillStale:
    epoch: int
    newer_epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopt:
    """It runs and the ledger does not know: get a lease for it, or kill it."""

    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmRunning:
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeSureGone:
    """A start may be in flight that the hypervisor does not show: only a destroy that was answered ends it."""

    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DropIncoming:
    """Its lease lapsed before it arrived, or it came and ended before anybody looked: what it was is the controller's to say."""

    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmGone:
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeAfterIoError: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeRestart: ...


Deed = (
    KillStale | Adopt | ConfirmRunning | MakeSureGone | DropIncoming | ConfirmGone | ResumeAfterIoError | JudgeRestart
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    vm_id: str
    sighted: GuestReport | None  # None: the hypervisor answered, and knows no such guest
    entry: Entry | None
    ledger: LedgerEntry | None
    highest_epoch: int | None
    leases_hold: bool


def deeds(situation: Situation) -> Iterator[Deed]:
    """In order.  A deed that does not succeed ends the list; the next look finds the situation again."""
    sighted = situation.sighted
    if sighted is not None and is_there(sighted):
        yield from _about_a_guest_that_is_there(situation, sighted)
    else:
        yield from _about_a_guest_that_is_down(situation)


def _about_a_guest_that_is_there(situation: Situation, sighted: GuestReport) -> Iterator[Deed]:
    highest, ledger = situation.highest_epoch, situation.ledger
    if highest is not None and sighted.epoch < highest:
        yield KillStale(epoch=sighted.epoch, newer_epoch=highest)
        return
    if ledger is None or ledger.epoch != sighted.epoch:
        yield Adopt(epoch=sighted.epoch)
        return
    if ledger.state is EntryState.STARTING and sighted.state is GuestState.RUNNING:
        yield ConfirmRunning(epoch=sighted.epoch)
    if _waits_to_arrive(situation) and not situation.leases_hold and sighted.state is not GuestState.RUNNING:
        yield DropIncoming(epoch=sighted.epoch)
    if situation.entry is not None and sighted.detail == PAUSED_ON_IO_ERROR and situation.leases_hold:
        yield ResumeAfterIoError()


def _about_a_guest_that_is_down(situation: Situation) -> Iterator[Deed]:
    ledger, entry = situation.ledger, situation.entry
    if ledger is not None and _waits_to_arrive(situation):
        if not situation.leases_hold or _came_and_ended(situation, ledger):
            yield DropIncoming(epoch=ledger.epoch)
        return
    if ledger is not None:
        starting = ledger.state is EntryState.STARTING
        yield MakeSureGone(epoch=ledger.epoch) if starting else ConfirmGone(epoch=ledger.epoch)
    if entry is not None and entry.wanted is Wanted.RUNNING:
        yield JudgeRestart()


def _waits_to_arrive(situation: Situation) -> bool:
    return situation.entry is not None and situation.entry.wanted is Wanted.ARRIVING


def _came_and_ended(situation: Situation, ledger: LedgerEntry) -> bool:
    """The hypervisor shows its end; of one that has not come it shows nothing, or an older run."""
    return situation.sighted is not None and situation.sighted.epoch == ledger.epoch
