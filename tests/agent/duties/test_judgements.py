"""The pure judgements: what must be done about a guest, may it be restarted, and what is told of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay_agent.driver import PAUSED_ON_IO_ERROR
from mainstay_agent.duties.book import Book, Entry, PoolOrders, Wanted
from mainstay_agent.duties.situation import (
    Adopt,
    ConfirmGone,
    ConfirmRunning,
    Deed,
    DropIncoming,
    JudgeRestart,
    KillStale,
    MakeSureGone,
    ResumeAfterIoError,
    Situation,
    deeds,
)
from mainstay_agent.duties.standing import Leave, Restart, judge
from mainstay_agent.duties.view import View, is_there
from mainstay_agent.lease.area import EntryState, LedgerEntry
from mainstay_agent.lease.bounds import FAST
from mainstay_proto.digest import digest_of
from mainstay_proto.messages import (
    CommandResult,
    GuestReport,
    GuestState,
    PoolMount,
    RestartPolicy,
    RunState,
    StopCause,
)
from tests.kit.simulated_hosts import KeptBytes, a_guest


def seen(
    state: GuestState = GuestState.RUNNING, epoch: int = 2, cause: StopCause | None = None, detail: str = ""
) -> GuestReport:
    return GuestReport(vm_id="vm1", state=state, epoch=epoch, cause=cause, detail=detail)


def granted(state: EntryState = EntryState.RUNNING, epoch: int = 2) -> LedgerEntry:
    return LedgerEntry(vm_id="vm1", epoch=epoch, pools=("shared",), state=state)


def ordered(wanted: Wanted = Wanted.RUNNING, **other: Any) -> Entry:
    return replace(Entry(spec=a_guest(epoch=2), wanted=wanted), **other)


def a_situation(**other: Any) -> Situation:
    """All is well."""
    ordinary = Situation(
        vm_id="vm1", sighted=seen(), entry=ordered(), ledger=granted(), highest_epoch=None, leases_hold=True
    )
    return replace(ordinary, **other)


# --- what must be done --------------------------------------------------------------------------------------------------

SITUATIONS: list[tuple[Situation, list[Deed]]] = [
    (a_situation(), []),
    (a_situation(sighted=seen(epoch=1), ledger=None, highest_epoch=2), [KillStale(epoch=1, newer_epoch=2)]),
    (a_situation(ledger=None, highest_epoch=2), [Adopt(epoch=2)]),
    (a_situation(ledger=granted(EntryState.STARTING)), [ConfirmRunning(epoch=2)]),
    (a_situation(sighted=seen(GuestState.STARTING), ledger=granted(EntryState.STARTING)), []),
    (a_situation(sighted=None, ledger=granted(EntryState.STARTING), entry=None), [MakeSureGone(epoch=2)]),
    (a_situation(sighted=None, entry=ordered(Wanted.STOPPED)), [ConfirmGone(epoch=2)]),
    (a_situation(sighted=seen(GuestState.STOPPED)), [ConfirmGone(epoch=2), JudgeRestart()]),
    (a_situation(sighted=seen(GuestState.STOPPED), ledger=None, entry=ordered(Wanted.LEFT)), []),
    (a_situation(sighted=None, ledger=granted(EntryState.STARTING), entry=ordered(Wanted.ARRIVING)), []),
    (
        a_situation(
            sighted=None, ledger=granted(EntryState.STARTING), entry=ordered(Wanted.ARRIVING), leases_hold=False
        ),
        [DropIncoming(epoch=2)],
    ),
    (
        a_situation(
            sighted=seen(GuestState.STOPPED), ledger=granted(EntryState.STARTING), entry=ordered(Wanted.ARRIVING)
        ),
        [DropIncoming(epoch=2)],
    ),
    (
        a_situation(
            sighted=seen(GuestState.STOPPED, epoch=1),
            ledger=granted(EntryState.STARTING),
            entry=ordered(Wanted.ARRIVING),
        ),
        [],
    ),
    (a_situation(sighted=seen(GuestState.PAUSED, detail=PAUSED_ON_IO_ERROR), entry=ordered()), [ResumeAfterIoError()]),
    (a_situation(sighted=seen(GuestState.PAUSED, detail=PAUSED_ON_IO_ERROR), entry=ordered(), leases_hold=False), []),
    (a_situation(sighted=seen(GuestState.PAUSED)), []),
    (a_situation(sighted=seen(GuestState.STOPPED), entry=ordered(Wanted.DEPARTING)), [ConfirmGone(epoch=2)]),
]


@pytest.mark.parametrize(("situation", "expected"), SITUATIONS)
def test_what_must_be_done(situation: Situation, expected: list[Deed]) -> None:
    assert list(deeds(situation)) == expected


@given(
    state=st.sampled_from(GuestState),
    epoch=st.integers(1, 3),
    wanted=st.sampled_from(Wanted),
    ledger=st.none() | st.builds(granted, state=st.sampled_from(EntryState), epoch=st.integers(1, 3)),
    highest_epoch=st.none() | st.integers(1, 3),
    leases_hold=st.booleans(),
)
def test_a_guest_that_may_run_is_never_declared_gone_without_a_deed_that_ends_it(
    state: GuestState,
    epoch: int,
    wanted: Wanted,
    ledger: LedgerEntry | None,
    highest_epoch: int | None,
    leases_hold: bool,
) -> None:
    sighted = seen(state, epoch)
    situation = a_situation(
        sighted=sighted, entry=ordered(wanted), ledger=ledger, highest_epoch=highest_epoch, leases_hold=leases_hold
    )

    told = list(deeds(situation))

    assert not (is_there(sighted) and any(isinstance(deed, ConfirmGone | JudgeRestart) for deed in told))
    assert all(wanted is Wanted.RUNNING for deed in told if isinstance(deed, JudgeRestart))


# --- restart or leave ---------------------------------------------------------------------------------------------------

ALWAYS = RestartPolicy(restart_after_crash=True, restart_after_guest_shutdown=True, attempts_max=2, window_seconds=100)


def wanted_running(policy: RestartPolicy = ALWAYS, **other: Any) -> Entry:
    return replace(ordered(), spec=a_guest(restart=policy), **other)


@pytest.mark.parametrize("cause", [StopCause.OUTSIDER, StopCause.FENCED, StopCause.MIGRATED])
def test_what_others_did_is_no_crash(cause: StopCause) -> None:
    assert isinstance(judge(wanted_running(), cause, now=0.0), Leave)


@pytest.mark.parametrize("wanted", [wanted for wanted in Wanted if wanted is not Wanted.RUNNING])
def test_what_is_not_wanted_running_is_left(wanted: Wanted) -> None:
    assert isinstance(judge(wanted_running(wanted=wanted), StopCause.CRASHED, now=0.0), Leave)


def test_the_budget_counts_only_what_lies_in_its_window() -> None:
    entry = wanted_running(restarts=(0.0, 50.0))

    assert isinstance(judge(entry, StopCause.CRASHED, now=99.0), Leave)
    assert judge(entry, StopCause.CRASHED, now=101.0) == Restart(attempt=2)


# --- what is told ---------------------------------------------------------------------------------------------------------


def a_view(*remembered: GuestReport, stop_was_ordered: bool = False) -> View:
    return View(lambda _vm_id: stop_was_ordered, remembered)


def test_an_event_that_came_while_all_were_being_listed_stands() -> None:
    view = a_view()
    asked_at = view.now()

    view.sight(seen(GuestState.STOPPED, cause=StopCause.CRASHED))
    view.sight_all([seen(GuestState.RUNNING)], asked_at)
    view.take_changes()

    assert view.of("vm1") == seen(GuestState.STOPPED, cause=StopCause.CRASHED)


def test_a_guest_that_obeyed_our_shutdown_did_not_shut_itself_down() -> None:
    view = a_view(stop_was_ordered=True)

    view.sight(seen(GuestState.STOPPED, cause=StopCause.GUEST_SHUTDOWN))

    assert view.take_changes().news[0].cause is StopCause.ORDERED


def test_a_fenced_guest_stays_fenced_whatever_the_hypervisor_makes_of_its_death() -> None:
    view = a_view()
    view.fenced(seen(GuestState.STOPPED, cause=StopCause.FENCED))

    view.sight(seen(GuestState.STOPPED, cause=StopCause.CRASHED))
    view.take_changes()

    told = view.of("vm1")
    assert told is not None
    assert told.cause is StopCause.FENCED


def test_a_guest_no_longer_known_needs_a_complete_report() -> None:
    view = a_view(seen())

    view.sight_all([], view.now())

    assert view.take_changes().removed
    assert view.told() == ()


@given(st.permutations([seen(epoch=1), replace(seen(), vm_id="vm2"), replace(seen(GuestState.PAUSED), vm_id="vm3")]))
def test_the_digest_does_not_depend_on_the_order(guests: list[GuestReport]) -> None:
    assert digest_of(guests) == digest_of(sorted(guests, key=lambda guest: guest.vm_id))


@pytest.mark.parametrize("other", [seen(epoch=3), seen(GuestState.PAUSED), replace(seen(), vm_id="vm2")])
def test_the_digest_tells_every_change_that_matters(other: GuestReport) -> None:
    assert digest_of([seen()]) != digest_of([other])
    assert digest_of([seen()]) == digest_of([replace(seen(), detail="words")])
    assert 0 <= digest_of([other]) < 2**64


# --- what is remembered ---------------------------------------------------------------------------------------------------


def test_the_book_is_read_by_the_next_process_of_this_boot_and_of_no_other() -> None:
    memory = KeptBytes()
    book = Book(memory, "boot-1", results_max=2)
    book.enter(a_guest(vnc_password="secret"), Wanted.RUNNING)
    book.note_restart("vm1", 12.5)
    book.note_pools(PoolOrders(mounts=(PoolMount(pool_id="p", path="/p", slot=1),), lease_names=(), profile=FAST))
    for number in range(3):
        book.remember(CommandResult(command_id=str(number), state=RunState.DONE))

    same_boot, next_boot = Book(memory, "boot-1", 2), Book(memory, "boot-2", 2)

    assert list(same_boot.entries()) == list(book.entries())
    assert same_boot.pools == book.pools
    assert [same_boot.result(str(number)) is not None for number in range(3)] == [False, True, True]
    assert list(next_boot.entries()) == []
