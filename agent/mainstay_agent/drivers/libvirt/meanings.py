"""What libvirt's events, states and errors mean; tables and pure functions.

Three ends of a guest must never be taken for each other: it crashed, it shut itself down, somebody destroyed it.  libvirt's event
detail tells them apart; whose shutdown or destroy it was, only our own record of intent can say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import libvirt

from mainstay_agent.driver import (
    PAUSED_ON_IO_ERROR,
    DriverEvent,
    GuestChanged,
    GuestPausedOnIoError,
    Outcome,
    failed,
    refused,
)
from mainstay_agent.drivers.libvirt.records import Intent, Phase, Record
from mainstay_proto.messages import GuestReport, GuestState, StopCause

# --- how a guest ended ---

CAUSE_BY_EVENT_DETAIL: dict[int, StopCause] = {
    libvirt.VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN: StopCause.GUEST_SHUTDOWN,
    libvirt.VIR_DOMAIN_EVENT_STOPPED_DESTROYED: StopCause.OUTSIDER,
    libvirt.VIR_DOMAIN_EVENT_STOPPED_CRASHED: StopCause.CRASHED,  # it panicked
    libvirt.VIR_DOMAIN_EVENT_STOPPED_MIGRATED: StopCause.MIGRATED,
    libvirt.VIR_DOMAIN_EVENT_STOPPED_SAVED: StopCause.OUTSIDER,
    libvirt.VIR_DOMAIN_EVENT_STOPPED_FAILED: StopCause.CRASHED,  # its process died
    libvirt.VIR_DOMAIN_EVENT_STOPPED_FROM_SNAPSHOT: StopCause.OUTSIDER,
}

CAUSE_BY_SHUTOFF_REASON: dict[int, StopCause] = {
    libvirt.VIR_DOMAIN_SHUTOFF_UNKNOWN: StopCause.VANISHED,  # libvirt itself does not remember: the host was down
    libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN: StopCause.GUEST_SHUTDOWN,
    libvirt.VIR_DOMAIN_SHUTOFF_DESTROYED: StopCause.OUTSIDER,
    libvirt.VIR_DOMAIN_SHUTOFF_CRASHED: StopCause.CRASHED,
    libvirt.VIR_DOMAIN_SHUTOFF_MIGRATED: StopCause.MIGRATED,
    libvirt.VIR_DOMAIN_SHUTOFF_SAVED: StopCause.OUTSIDER,
    libvirt.VIR_DOMAIN_SHUTOFF_FAILED: StopCause.CRASHED,
    libvirt.VIR_DOMAIN_SHUTOFF_FROM_SNAPSHOT: StopCause.OUTSIDER,
    libvirt.VIR_DOMAIN_SHUTOFF_DAEMON: StopCause.VANISHED,
}

OURS: dict[tuple[StopCause, Intent | None], StopCause] = {
    (StopCause.GUEST_SHUTDOWN, Intent.SHUTDOWN): StopCause.ORDERED,
    (StopCause.GUEST_SHUTDOWN, Intent.DESTROY): StopCause.ORDERED,
    (StopCause.OUTSIDER, Intent.DESTROY): StopCause.ORDERED,
    (StopCause.CRASHED, Intent.DESTROY): StopCause.ORDERED,
    (StopCause.VANISHED, Intent.DESTROY): StopCause.ORDERED,
    (StopCause.VANISHED, Intent.MIGRATE): StopCause.MIGRATED,
}


def running(record: Record) -> Record:
    return replace(record, phase=Phase.RUNNING, cause=None, detail="")


def ended(record: Record, cause: StopCause, detail: str) -> Record:
    """The record of a guest that is certainly not running any more."""
    if record.terminated and cause is StopCause.GUEST_SHUTDOWN:
        cause = StopCause.OUTSIDER
    cause = OURS.get((cause, record.intent), cause)
    return replace(record, phase=Phase.STOPPED, cause=cause, detail=detail)


# --- events ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one event makes of a guest's record, and what the listener hears of it."""

    record: Record
    event: DriverEvent | None = None


def hear(record: Record, event: int, detail: int, host_id: str) -> Told:
    """One lifecycle event of a guest of ours."""
    if record.phase is Phase.EXPECTED and event != libvirt.VIR_DOMAIN_EVENT_RESUMED:
        return Told(record=record)  # it has not arrived before it runs, and an arrival that fails is no crash
    live = replace(running(record), terminated=False)
    match event, detail:
        case (libvirt.VIR_DOMAIN_EVENT_STARTED | libvirt.VIR_DOMAIN_EVENT_RESUMED, _):
            return Told(record=live, event=_changed(live, host_id, GuestState.RUNNING))
        case (libvirt.VIR_DOMAIN_EVENT_SUSPENDED, libvirt.VIR_DOMAIN_EVENT_SUSPENDED_IOERROR):
            paused = GuestPausedOnIoError(host_id=host_id, vm_id=record.vm_id, epoch=record.epoch)
            return Told(record=live, event=paused)
        case (libvirt.VIR_DOMAIN_EVENT_SUSPENDED, libvirt.VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED):
            return Told(record=live, event=_changed(live, host_id, GuestState.MIGRATING))
        case (libvirt.VIR_DOMAIN_EVENT_SUSPENDED, _):
            return Told(record=live, event=_changed(live, host_id, GuestState.PAUSED))
        case (libvirt.VIR_DOMAIN_EVENT_SHUTDOWN, libvirt.VIR_DOMAIN_EVENT_SHUTDOWN_HOST):
            return Told(record=replace(record, terminated=True))
        case (libvirt.VIR_DOMAIN_EVENT_STOPPED, _) if record.phase is not Phase.STARTING:
            gone = ended(record, CAUSE_BY_EVENT_DETAIL.get(detail, StopCause.VANISHED), f"stopped/{detail}")
            return Told(record=gone, event=_changed(gone, host_id, GuestState.STOPPED))
        case _:  # definitions, shutdowns under way, and starts that fail: the start itself answers for those
            return Told(record=record)


def _changed(record: Record, host_id: str, state: GuestState) -> GuestChanged:
    return GuestChanged(
        host_id=host_id, vm_id=record.vm_id, epoch=record.epoch, state=state, cause=record.cause, detail=record.detail
    )


# --- sightings ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What libvirt says of one domain."""

    state: int
    reason: int
    epoch: int | None = None  # None: not asked, or not ours
    migrating: bool = False

    @property
    def is_active(self) -> bool:
        return self.state not in (libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_NOSTATE)

    @property
    def is_paused_on_io_error(self) -> bool:
        return (self.state, self.reason) == (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_IOERROR)


Sightings = Mapping[str, Sighting]  # by vm_id

STATES: dict[int, GuestState] = {
    libvirt.VIR_DOMAIN_RUNNING: GuestState.RUNNING,
    libvirt.VIR_DOMAIN_BLOCKED: GuestState.RUNNING,
    libvirt.VIR_DOMAIN_PAUSED: GuestState.PAUSED,
    libvirt.VIR_DOMAIN_SHUTDOWN: GuestState.STOPPING,
    libvirt.VIR_DOMAIN_CRASHED: GuestState.CRASHED,
    libvirt.VIR_DOMAIN_PMSUSPENDED: GuestState.PAUSED,
}
PAUSED_STATES: dict[int, GuestState] = {
    libvirt.VIR_DOMAIN_PAUSED_MIGRATION: GuestState.MIGRATING,
    libvirt.VIR_DOMAIN_PAUSED_STARTING_UP: GuestState.STARTING,
}


def settle(record: Record, sighting: Sighting | None) -> Record:
    """The record, corrected by what was seen: whatever happened while nobody listened."""
    if record.phase is Phase.EXPECTED and not _came(record, sighting):
        return record
    if sighting is not None and sighting.is_active:
        return running(record)
    if record.phase is Phase.STOPPED:
        return record
    if sighting is None:
        return ended(record, StopCause.VANISHED, "no longer defined")
    return ended(record, CAUSE_BY_SHUTOFF_REASON.get(sighting.reason, StopCause.VANISHED), f"shutoff/{sighting.reason}")


def _came(record: Record, sighting: Sighting | None) -> bool:
    """One that has not come yet is at most paused; defined under our epoch and shut off, it came and ended."""
    if sighting is None:
        return False
    return state_of(sighting) is GuestState.RUNNING or (not sighting.is_active and sighting.epoch == record.epoch)


STATE_BY_PHASE: dict[Phase, GuestState] = {
    Phase.STARTING: GuestState.STARTING,
    Phase.RUNNING: GuestState.RUNNING,
    Phase.STOPPED: GuestState.STOPPED,
}


def report(record: Record, sighting: Sighting | None) -> GuestReport | None:
    """One guest as the port tells it; None: nothing of it is here yet."""
    if sighting is not None and sighting.is_active:
        detail = PAUSED_ON_IO_ERROR if sighting.is_paused_on_io_error else ""
        state = state_of(sighting)
        if record.phase is Phase.EXPECTED and state is GuestState.STARTING:
            state = GuestState.MIGRATING
        return GuestReport(vm_id=record.vm_id, state=state, epoch=record.epoch, detail=detail)
    if record.phase is Phase.EXPECTED:
        return None
    state = STATE_BY_PHASE[record.phase]
    return GuestReport(vm_id=record.vm_id, state=state, epoch=record.epoch, cause=record.cause, detail=record.detail)


def state_of(sighting: Sighting) -> GuestState:
    if sighting.migrating:
        return GuestState.MIGRATING
    if sighting.state == libvirt.VIR_DOMAIN_PAUSED:
        return PAUSED_STATES.get(sighting.reason, GuestState.PAUSED)
    return STATES.get(sighting.state, GuestState.UNKNOWN)


# --- errors ---

REFUSALS: dict[int, str] = {
    libvirt.VIR_ERR_NO_DOMAIN: "no-such-guest",
    libvirt.VIR_ERR_OPERATION_TIMEOUT: "busy",  # another call holds the guest
    libvirt.VIR_ERR_OPERATION_UNSUPPORTED: "unsupported",
    libvirt.VIR_ERR_NO_SUPPORT: "unsupported",
    libvirt.VIR_ERR_CONFIG_UNSUPPORTED: "unsupported",
    libvirt.VIR_ERR_XML_ERROR: "bad-input",
    libvirt.VIR_ERR_XML_DETAIL: "bad-input",
}
FAILURES: dict[int, str] = {
    libvirt.VIR_ERR_OPERATION_ABORTED: "aborted",
    libvirt.VIR_ERR_RESOURCE_BUSY: "locked",
}
LOCK_WORDS = 'Failed to get "write" lock'  # QEMU's, passed on as an internal error


def answer_to(error: libvirt.libvirtError) -> Outcome:
    """libvirt said no, and stayed: nothing is in the air."""
    code, words = error.get_error_code(), str(error)
    if code in REFUSALS:
        return refused(REFUSALS[code], words)
    if LOCK_WORDS in words:
        return failed("locked", words)
    return failed(FAILURES.get(code, "hypervisor-refused"), words)
