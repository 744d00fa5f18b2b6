"""Take guests off a host that is proven to be without them, and whose writes have landed; and open for each the record of what is decided about it.

In one transaction with the proof: whoever looks sees the host, its guests and their decisions change together.  A guest that the proof does
not cover stays where its row has it, and its record says what is waited for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from mainstay_controller.domain.ha.evidence import StopCause
from mainstay_controller.domain.ha.proof import Proof, as_facts
from mainstay_controller.domain.ha.settling import Settled
from mainstay_controller.domain.ha.victims import LeaveStopped, Restart, Verdict, judge
from mainstay_controller.domain.ids import DecisionId, IncidentId, VmId
from mainstay_controller.domain.lifecycle.vm import VmEvent
from mainstay_controller.domain.records import Decision, Json, Vm
from mainstay_controller.domain.states import DecisionOutcome, VmState
from mainstay_controller.operations.change_state import VmChange, change_vms
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.journal import AlertType, Level, about_vm
from mainstay_controller.operations.orders.start_orders import taken_off
from mainstay_controller.operations.recovery.casebook import CaseFile
from mainstay_controller.operations.recovery.crash_loops import tell_crash_loop
from mainstay_controller.store.port import Store, any_of

RESTART, WAIT = "restart", "wait"
WAITED_FOR = {
    "no-proof": "it has no disk on a pool whose lease expired (local storage): only its host's return, or its power controller, can "
    "show it gone, and elsewhere it could not run",
    "migrating": "it was being migrated: where it is, the other host must say",
}
ON_A_HOST = (VmState.STARTING, VmState.RUNNING, VmState.STOPPING)
"""A migrating guest has two places; its own job asks both, and finishes once each has answered or is proven dead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Freed:
    """A guest, and what shows that it is gone, and all it wrote.  `cause`: of one that stopped on a living host."""

    vm: Vm
    settled: Settled
    cause: StopCause | None = None
    evidence: tuple[dict[str, Json], ...] = ()

    @property
    def proof(self) -> Proof:
        return self.settled.proof


async def release(store: Store, case: CaseFile, freed: Iterable[Freed]) -> list[Decision]:
    """Within the caller's transaction; Stale means that somebody changed one of the guests, and nothing was written."""
    return await release_all(store, [(case, each) for each in freed], case.cloud)


async def release_all(store: Store, freed: Sequence[tuple[CaseFile, Freed]], cloud: Cloud) -> list[Decision]:
    """Each guest with the case that it belongs to."""
    now = await store.now()
    judged = [(case, each, judge(each.vm, each.cause, force_ha=cloud.settings.force_ha)) for case, each in freed]
    off = await change_vms(store, now, [_gone(each, verdict) for _, each, verdict in judged])
    decisions, events = [], []
    for (case, each, verdict), vm in zip(judged, off, strict=True):
        decisions.append(_decision(case, each, vm, verdict, now))
        text = f"{vm.name} stopped: {each.proof}; {verdict.why}"
        events.append(cloud.journal.entry("VM.STOP", text, about_vm(vm), level=Level.WARN))
        await _alert(store, each, verdict, cloud)
    await store.events.add_all(events)
    written = await _write(store, decisions)
    for _, each, verdict in judged:
        if each.cause is not None and isinstance(verdict, Restart):
            await tell_crash_loop(store, each.vm, cloud)
    return written


def _gone(freed: Freed, verdict: Verdict) -> VmChange:
    off = taken_off(freed.vm, verdict.why)
    return VmChange(vm=freed.vm, event=VmEvent.PROVEN_GONE, into=off, why=str(freed.proof))


async def _write(store: Store, decisions: list[Decision]) -> list[Decision]:
    """In place of what was written while their proof was waited for."""
    if not decisions:
        return []
    incident_ids = sorted({decision.incident_id for decision in decisions})
    earlier = await store.decisions.find(any_of("incident_id", incident_ids))
    known = {about(decision): decision for decision in earlier}
    await store.decisions.add_all([decision for decision in decisions if about(decision) not in known])
    return [await _replace(store, known[about(each)], each) if about(each) in known else each for each in decisions]


def about(decision: Decision) -> tuple[IncidentId, VmId]:
    return decision.incident_id, decision.vm_id


async def _replace(store: Store, known: Decision, decision: Decision) -> Decision:
    phases = (*known.phases, *decision.phases)
    return await store.decisions.swap(known, replace(decision, id=known.id, phases=phases))


def _decision(case: CaseFile, freed: Freed, vm: Vm, verdict: Verdict, now: datetime) -> Decision:
    released: dict[str, Json] = {
        "name": "released",
        "at": case.cloud.clock.now().isoformat(),
        "elapsed_ms": case.elapsed_ms,
        "text": str(freed.proof),
    }
    decision = Decision(
        id=DecisionId(case.cloud.rng.uuid()),
        incident_id=case.id,
        vm_id=vm.id,
        created=now,
        trigger=case.incident.trigger,
        evidence=freed.evidence,
        rule=verdict.rule,
        proof=as_facts(freed.proof),
        epoch=vm.epoch,
        phases=(released,),
    )
    match verdict:
        case Restart():
            return replace(decision, decision=RESTART)
        case LeaveStopped(why=why):
            left: dict[str, Json] = {**released, "name": "left-stopped", "text": why}
            return replace(
                decision,
                decision="leave-stopped",
                outcome=DecisionOutcome.LEFT_STOPPED,
                phases=(released, left),
                closed=now,
            )


async def leave_unproven(store: Store, left: Sequence[tuple[CaseFile, Vm]]) -> None:
    """Guests of dead hosts of which the proofs say nothing."""
    now = await store.now()
    await _write(store, [_waiting(case, vm, now) for case, vm in left])


def _waiting(case: CaseFile, vm: Vm, now: datetime) -> Decision:
    rule = "migrating" if vm.state is VmState.MIGRATING else "no-proof"
    waiting: dict[str, Json] = {
        "name": "waiting",
        "at": case.cloud.clock.now().isoformat(),
        "elapsed_ms": case.elapsed_ms,
        "text": WAITED_FOR[rule],
    }
    return Decision(
        id=DecisionId(case.cloud.rng.uuid()),
        incident_id=case.id,
        vm_id=vm.id,
        created=now,
        trigger=case.incident.trigger,
        rule=rule,
        decision=WAIT,
        epoch=vm.epoch,
        phases=(waiting,),
    )


async def _alert(store: Store, freed: Freed, verdict: Verdict, cloud: Cloud) -> None:
    vm = freed.vm
    if isinstance(verdict, LeaveStopped) and vm.wanted_running and freed.cause is not StopCause.GUEST_SHUTDOWN:
        subject = f"VM {vm.name} stopped unexpectedly and is not restarted: {verdict.why}"
        await cloud.journal.alert(store, AlertType.USER_VM, subject, dedupe_key=f"vm-stopped:{vm.id}")


async def guests_to_release(store: Store, *host_ids: str) -> list[Vm]:
    """All that may run on those hosts by their rows."""
    return await store.vms.find(any_of("host_id", host_ids), any_of("state", ON_A_HOST))
