"""What libvirt's events and states mean, and whose deed an end was."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import libvirt
import pytest

from mainstay_agent.driver import GuestChanged, GuestPausedOnIoError
from mainstay_agent.drivers.libvirt.meanings import (
    CAUSE_BY_EVENT_DETAIL,
    CAUSE_BY_SHUTOFF_REASON,
    Sighting,
    hear,
    report,
    settle,
)
from mainstay_agent.drivers.libvirt.records import Intent, Phase, Record
from mainstay_proto.messages import GuestState, StopCause

STARTED, RESUMED, SUSPENDED, SHUTDOWN, STOPPED, CRASHED = (
    libvirt.VIR_DOMAIN_EVENT_STARTED,
    libvirt.VIR_DOMAIN_EVENT_RESUMED,
    libvirt.VIR_DOMAIN_EVENT_SUSPENDED,
    libvirt.VIR_DOMAIN_EVENT_SHUTDOWN,
    libvirt.VIR_DOMAIN_EVENT_STOPPED,
    libvirt.VIR_DOMAIN_EVENT_CRASHED,
)
BY_GUEST, BY_HOST = libvirt.VIR_DOMAIN_EVENT_SHUTDOWN_GUEST, libvirt.VIR_DOMAIN_EVENT_SHUTDOWN_HOST
AFTER_SHUTDOWN, AFTER_DESTROY, AFTER_PANIC, AFTER_DEATH = (
    libvirt.VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN,
    libvirt.VIR_DOMAIN_EVENT_STOPPED_DESTROYED,
    libvirt.VIR_DOMAIN_EVENT_STOPPED_CRASHED,
    libvirt.VIR_DOMAIN_EVENT_STOPPED_FAILED,
)


def a_record(**changes: Any) -> Record:
    return replace(Record(vm_id="vm1", epoch=7, phase=Phase.RUNNING), **changes)


def a_sighting(state: int, reason: int = 0) -> Sighting:
    return Sighting(state=state, reason=reason)


def heard(record: Record, *events: tuple[int, int]) -> tuple[Record, list[Any]]:
    told = []
    for event, detail in events:
        news = hear(record, event, detail, "h1")
        record = news.record
        told += [news.event] if news.event is not None else []
    return record, told


# As measured on libvirt 9 with QEMU 7.2: what was done, what libvirt says.
@pytest.mark.parametrize(
    ("done", "events", "intent", "cause"),
    [
        ("kill -9 of qemu", [(STOPPED, AFTER_DEATH)], None, StopCause.CRASHED),
        ("panic", [(CRASHED, 0), (STOPPED, AFTER_PANIC)], None, StopCause.CRASHED),
        ("poweroff inside", [(SHUTDOWN, BY_GUEST), (STOPPED, AFTER_SHUTDOWN)], None, StopCause.GUEST_SHUTDOWN),
        ("our power button", [(SHUTDOWN, BY_GUEST), (STOPPED, AFTER_SHUTDOWN)], Intent.SHUTDOWN, StopCause.ORDERED),
        ("our destroy", [(SHUTDOWN, BY_HOST), (STOPPED, AFTER_DESTROY)], Intent.DESTROY, StopCause.ORDERED),
        ("an operator's destroy", [(SHUTDOWN, BY_HOST), (STOPPED, AFTER_DESTROY)], None, StopCause.OUTSIDER),
        ("kill -TERM of qemu", [(SHUTDOWN, BY_HOST), (STOPPED, AFTER_SHUTDOWN)], None, StopCause.OUTSIDER),
        ("crash after our button", [(STOPPED, AFTER_DEATH)], Intent.SHUTDOWN, StopCause.CRASHED),
        ("crash while we destroy", [(STOPPED, AFTER_DEATH)], Intent.DESTROY, StopCause.ORDERED),
    ],
)
def test_whose_end_it_was(done: str, events: list[tuple[int, int]], intent: Intent | None, cause: StopCause) -> None:
    record, told = heard(a_record(intent=intent), *events)

    assert (record.phase, record.cause) == (Phase.STOPPED, cause), done
    assert [(event.state, event.cause, event.epoch) for event in told] == [(GuestState.STOPPED, cause, 7)]


def test_a_guest_that_departs_did_not_crash() -> None:
    record, told = heard(
        a_record(intent=Intent.MIGRATE),
        (SUSPENDED, libvirt.VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED),
        (STOPPED, libvirt.VIR_DOMAIN_EVENT_STOPPED_MIGRATED),
    )

    assert record.cause is StopCause.MIGRATED
    assert [event.state for event in told] == [GuestState.MIGRATING, GuestState.STOPPED]


def test_an_arrival_counts_once_it_runs() -> None:
    record, told = heard(
        a_record(phase=Phase.EXPECTED),
        (STARTED, libvirt.VIR_DOMAIN_EVENT_STARTED_MIGRATED),
        (SUSPENDED, libvirt.VIR_DOMAIN_EVENT_SUSPENDED_PAUSED),
    )
    assert (record.phase, told) == (Phase.EXPECTED, [])

    record, told = heard(record, (RESUMED, libvirt.VIR_DOMAIN_EVENT_RESUMED_UNPAUSED))
    assert (record.phase, [event.state for event in told]) == (Phase.RUNNING, [GuestState.RUNNING])


def test_an_arrival_that_fails_is_no_crash() -> None:
    record, told = heard(a_record(phase=Phase.EXPECTED), (STARTED, 1), (STOPPED, AFTER_DEATH))

    assert (record.phase, told) == (Phase.EXPECTED, [])


def test_the_end_of_an_older_run_is_not_the_end_of_a_start() -> None:
    record, told = heard(a_record(phase=Phase.STARTING), (STOPPED, AFTER_DESTROY))

    assert (record.phase, told) == (Phase.STARTING, [])


def test_a_failing_disk_is_its_own_news() -> None:
    _record, told = heard(a_record(), (SUSPENDED, libvirt.VIR_DOMAIN_EVENT_SUSPENDED_IOERROR))

    assert told == [GuestPausedOnIoError(host_id="h1", vm_id="vm1", epoch=7)]


def test_a_restart_forgets_how_the_last_run_ended() -> None:
    record, told = heard(a_record(phase=Phase.STOPPED, cause=StopCause.CRASHED, terminated=True), (STARTED, 0))

    assert (record.phase, record.cause, record.terminated) == (Phase.RUNNING, None, False)
    assert told == [GuestChanged(host_id="h1", vm_id="vm1", epoch=7, state=GuestState.RUNNING)]


@pytest.mark.parametrize(
    ("prefix", "table"), [("EVENT_STOPPED", CAUSE_BY_EVENT_DETAIL), ("SHUTOFF", CAUSE_BY_SHUTOFF_REASON)]
)
def test_every_word_libvirt_has_for_an_end_has_a_meaning(prefix: str, table: dict[int, StopCause]) -> None:
    words = {name: getattr(libvirt, name) for name in dir(libvirt) if name.startswith(f"VIR_DOMAIN_{prefix}_")}

    assert set(words.values()) - {getattr(libvirt, f"VIR_DOMAIN_{prefix}_LAST", None)} == set(table)


# --- what is seen later ---


def test_a_look_in_between_does_not_forget_the_signal_that_ends_a_guest() -> None:
    record, _told = heard(a_record(), (SHUTDOWN, BY_HOST))

    record, _told = heard(settle(record, a_sighting(libvirt.VIR_DOMAIN_SHUTDOWN)), (STOPPED, AFTER_SHUTDOWN))

    assert record.cause is StopCause.OUTSIDER


@pytest.mark.parametrize(
    ("reason", "intent", "cause"),
    [
        (libvirt.VIR_DOMAIN_SHUTOFF_CRASHED, None, StopCause.CRASHED),
        (libvirt.VIR_DOMAIN_SHUTOFF_DESTROYED, None, StopCause.OUTSIDER),
        (libvirt.VIR_DOMAIN_SHUTOFF_DESTROYED, Intent.DESTROY, StopCause.ORDERED),
        (libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN, None, StopCause.GUEST_SHUTDOWN),
        (libvirt.VIR_DOMAIN_SHUTOFF_UNKNOWN, None, StopCause.VANISHED),
        (99, None, StopCause.VANISHED),
    ],
)
def test_an_end_that_nobody_watched_is_told_by_the_domains_state(
    reason: int, intent: Intent | None, cause: StopCause
) -> None:
    record = settle(a_record(intent=intent), a_sighting(libvirt.VIR_DOMAIN_SHUTOFF, reason))

    assert (record.phase, record.cause) == (Phase.STOPPED, cause)


def test_a_guest_that_ran_and_is_not_even_defined_vanished() -> None:
    assert settle(a_record(), None).cause is StopCause.VANISHED


def test_what_was_heard_of_an_end_outlasts_its_domain() -> None:
    stopped = a_record(phase=Phase.STOPPED, cause=StopCause.CRASHED)

    assert settle(stopped, None) == stopped


@pytest.mark.parametrize(
    ("state", "reason", "told"),
    [
        (libvirt.VIR_DOMAIN_RUNNING, 1, GuestState.RUNNING),
        (libvirt.VIR_DOMAIN_BLOCKED, 0, GuestState.RUNNING),
        (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_USER, GuestState.PAUSED),
        (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_MIGRATION, GuestState.MIGRATING),
        (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_STARTING_UP, GuestState.STARTING),
        (libvirt.VIR_DOMAIN_SHUTDOWN, 0, GuestState.STOPPING),
        (libvirt.VIR_DOMAIN_CRASHED, 0, GuestState.CRASHED),
        (99, 0, GuestState.UNKNOWN),
    ],
)
def test_a_living_guest_is_told_as_seen(state: int, reason: int, told: GuestState) -> None:
    guest = report(a_record(), a_sighting(state, reason))

    assert guest is not None
    assert (guest.state, guest.cause) == (told, None)


def test_a_guest_paused_by_its_storage_is_told_with_the_reason() -> None:
    guest = report(a_record(), a_sighting(libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_IOERROR))

    assert guest is not None
    assert (guest.state, guest.detail) == (GuestState.PAUSED, "io-error")


def test_what_is_expected_is_told_as_migrating_once_it_comes_and_not_before() -> None:
    expected = a_record(phase=Phase.EXPECTED)

    coming = report(expected, a_sighting(libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_STARTING_UP))

    assert report(expected, None) is None
    assert coming is not None
    assert coming.state is GuestState.MIGRATING


def test_what_is_expected_came_and_ended_if_it_is_defined_under_our_epoch_and_shut_off() -> None:
    """As a look over a new connection finds it: an arrival that failed is not defined, and the older run goes before it is expected."""
    expected = a_record(phase=Phase.EXPECTED)
    shut_off = a_sighting(libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_CRASHED)

    ended = settle(expected, replace(shut_off, epoch=7))

    assert (ended.phase, ended.cause) == (Phase.STOPPED, StopCause.CRASHED)
    assert settle(expected, replace(shut_off, epoch=6)) == expected
    assert settle(expected, shut_off) == expected
    assert settle(expected, None) == expected
