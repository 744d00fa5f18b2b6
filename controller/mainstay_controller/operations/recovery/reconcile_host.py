"""Bring our rows and a host's word together, one host at a time, whenever it had something to say.

Level-triggered: what counts is the host's newest picture, and one that was proven dead comes in anew before it is listened to.  Nothing here takes
a guest off its host: what is missing becomes an incident, whose handler asks the host anew; what must not run is stopped on sight."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import assert_never

from mainstay_controller.domain.ha.evidence import GuestSeen, StopCause
from mainstay_controller.domain.ha.reconcile import (
    Adopt,
    Agrees,
    Alarm,
    Finding,
    Kill,
    Missing,
    Unawaited,
    Undecided,
    compare,
)
from mainstay_controller.domain.ha.suspicion import Contact
from mainstay_controller.domain.ids import DecisionId, VmId
from mainstay_controller.domain.lifecycle.host import HostEvent
from mainstay_controller.domain.lifecycle.incident import IncidentEvent
from mainstay_controller.domain.lifecycle.table import ForbiddenTransition
from mainstay_controller.domain.lifecycle.vm import VmEvent
from mainstay_controller.domain.records import Decision, Host, Vm
from mainstay_controller.domain.states import DecisionOutcome, HostState, IncidentPhase
from mainstay_controller.fleet.news import GuestNote, News
from mainstay_controller.fleet.outcome import Done, in_words
from mainstay_controller.operations.change_state import change_host, change_vm
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.journal import AlertType, Level, about_host, about_vm, place_of
from mainstay_controller.operations.recovery.casebook import (
    DECISIONS,
    INCIDENTS,
    CaseFile,
    case_file,
    incident_of_vm,
    open_vm_incident,
)
from mainstay_controller.operations.recovery.crash_loops import tell_crash_loop
from mainstay_controller.operations.recovery.release_older_boot import is_left_behind, release_older_boot
from mainstay_controller.store.port import Stale
from mainstay_runtime.logs import logger

KILL_DEADLINE_SECONDS = 10.0
"""One that takes longer is asked for again; others wait to be heard meanwhile."""

log = logger(__name__)


async def reconcile_host(news: News, cloud: Cloud) -> bool:
    """False: something is left to be done, and the host is to be looked at again.  Stale is the caller's to catch: he comes again."""
    host = await cloud.rounds.host(news.host_id)
    if news.parted is Contact.LEFT and not cloud.fleet.holds(host.id):
        await _part(host, cloud)
    if news.has_a_twin:
        await _tell_of_twin(host, cloud)
    for note in news.notes:
        if note.restarted_locally:
            await record_local_restart(host, note, cloud)
    if host.state is HostState.DOWN:
        cloud.fleet.drop_session(host.id, "proven dead")
    if host.state is HostState.DOWN or not cloud.fleet.holds(host.id):
        return True
    seen = cloud.fleet.guests_on(host.id)
    guests = await cloud.rounds.guests(host.id)
    awaited = await release_older_boot(host, guests, cloud)
    if any(is_left_behind(vm, host) for vm in guests):
        guests = await cloud.rounds.guests(host.id)
    settled = await compare_guests(host, seen, guests, cloud)
    became_up = await welcome_back(host, cloud)
    if became_up or news.condition_changed:
        await tell_condition(host, cloud)
        await cloud.rounds.wake_waiting()
        cloud.fleet.bells.ring(DECISIONS)
    return settled and not awaited


async def _part(host: Host, cloud: Cloud) -> None:
    if host.state in (HostState.UP, HostState.CONNECTING):
        now = await cloud.store.now()
        await change_host(cloud.store, host, HostEvent.SHUTDOWN_REQUESTED, now, "its agent said goodbye")


async def welcome_back(host: Host, cloud: Cloud) -> bool:
    """Its guests are known: it may be given others.  True when it became Up.  Raises Stale when its row changed since it was read."""
    if host.state is not HostState.CONNECTING or not cloud.fleet.has_beaten(host.id):
        return False
    await cloud.rounds.become_up(host)
    cloud.fleet.allow_holds(host.id)
    return True


async def tell_condition(host: Host, cloud: Cloud) -> None:
    """What an operator should know before it hurts."""
    conditions = {
        f"hypervisor:{host.id}": (
            not cloud.fleet.hypervisor_responds(host.id),
            f"The hypervisor of host {host.name} does not answer; its guests run on, and none can be ordered there",
        ),
        f"watchdog:{host.id}": (
            not host.watchdog,
            f"Host {host.name} has no watchdog: its lapsed lease proves nothing, so that its guests are restarted elsewhere only when "
            "its power controller shows it off, or it comes back",
        ),
    }
    if not any(holds for holds, _ in conditions.values()) and not await cloud.rounds.open_alerts(list(conditions)):
        return
    async with cloud.store.transaction() as store:
        for key, (holds, subject) in conditions.items():
            if holds:
                await cloud.journal.alert(store, AlertType.HOST, subject, dedupe_key=key, place=place_of(host))
            else:
                await cloud.journal.resolve(store, key)


# --- guest by guest ---------------------------------------------------------------------------------------------------


async def compare_guests(host: Host, seen: Iterable[GuestSeen], guests: Iterable[Vm], cloud: Cloud) -> bool:
    """`seen`: the host's picture from before its rows, `guests`, were read.  Those of an older boot are not missed: what became of them is known."""
    picture = {guest.vm_id: guest for guest in seen}
    rows = await rows_about(guests, list(picture), cloud)
    answered = [
        await _answer(finding, vm_id, rows.get(vm_id), host, cloud)
        for vm_id in sorted({*picture, *rows})
        if not isinstance(finding := compare(rows.get(vm_id), picture.get(vm_id), host.id), Missing)
        or not is_left_behind(rows[vm_id], host)
    ]
    return all(answered)


async def rows_about(guests: Iterable[Vm], reported: list[VmId], cloud: Cloud) -> dict[VmId, Vm]:
    here = {vm.id: vm for vm in guests}
    told = await cloud.rounds.vms([vm_id for vm_id in reported if vm_id not in here])
    return here | {vm.id: vm for vm in told}


async def _answer(finding: Finding, vm_id: VmId, vm: Vm | None, host: Host, cloud: Cloud) -> bool:
    match finding:
        case Agrees():
            return True
        case Undecided():
            return False
        case Alarm(why=why):
            name = vm.name if vm is not None else vm_id
            await _alarm(f"guest {name} on host {host.name}: {why}", f"guest:{host.id}:{vm_id}", host, cloud)
            return True
    assert vm is not None, "only an alarm is about a guest without a row"
    match finding:
        case Kill():
            return await _kill(vm, finding, host, cloud)
        case Adopt():
            return await _adopt(vm, host, cloud)
        case Missing():
            return await _miss(vm, finding, cloud)
        case Unawaited(epoch=epoch):
            return await _drop(vm, epoch, host, cloud)
        case never:
            assert_never(never)


async def _kill(vm: Vm, kill: Kill, host: Host, cloud: Cloud) -> bool:
    told = await cloud.fleet.stop_guest(
        host.id,
        vm.id,
        kill.epoch,
        forced=True,
        command_id=f"stale:{vm.id}:{kill.epoch}:{cloud.rng.uuid()}",
        deadline_seconds=KILL_DEADLINE_SECONDS,
    )
    text = f"guest {vm.name} was stopped on sight on host {host.name}: {kill.why}: {in_words(told)}"
    await cloud.journal.event(cloud.store, "VM.STOP", text, about_vm(vm), level=Level.ERROR)
    await _alarm(text, f"stale:{host.id}:{vm.id}", host, cloud)
    return isinstance(told, Done)


async def _drop(vm: Vm, epoch: int, host: Host, cloud: Cloud) -> bool:
    """By the order that a host refuses for a guest that runs."""
    told = await cloud.fleet.cancel_incoming(
        host.id,
        vm.id,
        epoch,
        command_id=f"unawaited:{vm.id}:{epoch}:{cloud.rng.uuid()}",
        deadline_seconds=KILL_DEADLINE_SECONDS,
    )
    text = f"guest {vm.name} is not expected any more on host {host.name}, as its migration is over: {in_words(told)}"
    await cloud.journal.event(cloud.store, "VM.MIGRATE", text, about_vm(vm))
    return isinstance(told, Done)


async def _adopt(vm: Vm, host: Host, cloud: Cloud) -> bool:
    """If the host, asked anew after the row was read, still says so: a picture may be older than the proof that took the guest off."""
    told = await cloud.fleet.query_guests(
        host.id,
        (vm.id,),
        command_id=f"adopt:{vm.id}:{cloud.rng.uuid()}",
        deadline_seconds=cloud.settings.probe_deadline_seconds,
    )
    if not isinstance(told, Done):
        return False
    if not any(guest.vm_id == vm.id and guest.epoch == vm.epoch and not guest.is_gone for guest in told.guests):
        return True
    into = replace(
        vm,
        host_id=host.id,
        host_boot_id=host.boot_id,
        cluster_id=host.cluster_id,
        pod_id=host.pod_id,
        stop_reason="",
    )
    now = await cloud.store.now()
    await change_vm(cloud.store, vm, VmEvent.FOLLOW_AGENT_POWER_ON, now, f"found running on {host.name}", into=into)
    text = f"Out of band VM power on: {vm.name} was found running on host {host.name}"
    await cloud.journal.event(cloud.store, "VM.START", text, about_vm(vm), level=Level.WARN)
    return True


async def _miss(vm: Vm, missing: Missing, cloud: Cloud) -> bool:
    """An incident that is past its investigation knows nothing of this: it is to be over first."""
    async with cloud.store.transaction() as store:
        row, known = await store.vms.by_id(vm.id), await incident_of_vm(store, vm.id)
        if row.version != vm.version or (known is not None and known.phase is IncidentPhase.RECOVERING):
            return False
        if known is None:
            await open_vm_incident(store, vm, missing, cloud)
    cloud.fleet.bells.ring(INCIDENTS)
    return True


async def _alarm(text: str, key: str, host: Host, cloud: Cloud) -> None:
    log.warning(text)
    async with cloud.store.transaction() as store:
        await cloud.journal.alert(store, AlertType.SYNC, text, dedupe_key=key, place=place_of(host))


async def _tell_of_twin(host: Host, cloud: Cloud) -> None:
    """Once as an event; as an alert that counts, until an operator says that it is over."""
    text = f"Another agent comes with the identity of host {host.name} and is turned away: a copy of its state is in use somewhere"
    async with cloud.store.transaction() as store:
        key = f"twin:{host.id}"
        alert = await cloud.journal.alert(store, AlertType.HOST, text, dedupe_key=key, place=place_of(host))
        if alert.count == 1:
            await cloud.journal.event(store, "HOST.TWIN", text, about_host(host), level=Level.ERROR)


# --- restarts by the host itself --------------------------------------------------------------------------------------


async def record_local_restart(host: Host, note: GuestNote, cloud: Cloud) -> None:
    """Under its standing authority the host has acted already; here it is only written down."""
    vm = await cloud.store.vms.get(note.guest.vm_id)
    if vm is None or vm.host_id != host.id or vm.epoch != note.guest.epoch:
        return
    cause = note.guest.cause or StopCause.VANISHED
    try:
        async with cloud.store.transaction() as store:
            known = await incident_of_vm(store, vm.id)
            missing = Missing(cause=cause, detail=note.guest.detail)
            incident = known or await open_vm_incident(store, vm, missing, cloud)
            case = await case_file(incident, cloud)
            text = f"{vm.name} stopped ({cause}) and was restarted by its own host within {note.elapsed_ms} ms"
            await store.decisions.add(_local_decision(case, vm, note, text))
            await tell_crash_loop(store, vm, cloud)
            await case.advance(IncidentEvent.FALSE_ALARM, text, store)
            await cloud.journal.event(store, "VM.START", f"HA: {text}", about_vm(vm), level=Level.WARN)
    except (Stale, ForbiddenTransition):
        log.info("a local restart was recorded by other hands", vm=vm.id)


def _local_decision(case: CaseFile, vm: Vm, note: GuestNote, text: str) -> Decision:
    now = case.incident.created
    return Decision(
        id=DecisionId(case.cloud.rng.uuid()),
        incident_id=case.id,
        vm_id=vm.id,
        created=now,
        trigger=case.incident.trigger,
        evidence=case.incident.evidence,
        rule="standing-authority",
        decision="restart",
        target_host_id=vm.host_id,
        epoch=vm.epoch,
        phases=({"name": "running", "at": now.isoformat(), "elapsed_ms": note.elapsed_ms or 0, "text": text},),
        outcome=DecisionOutcome.RESTARTED,
        closed=now,
    )
