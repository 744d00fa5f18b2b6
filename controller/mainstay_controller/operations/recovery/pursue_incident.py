"""See one incident through, from where its row says it is to its end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from mainstay_controller.domain.lifecycle.incident import IncidentEvent
from mainstay_controller.domain.records import Decision, Incident, Json, Vm
from mainstay_controller.domain.states import DecisionOutcome, HostState, IncidentPhase, VmState
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.recovery.casebook import DECISIONS, CaseFile
from mainstay_controller.operations.recovery.investigate_guest import investigate_guest
from mainstay_controller.operations.recovery.investigate_host import investigate_host
from mainstay_controller.operations.recovery.release_guests import RESTART, WAIT
from mainstay_controller.store.port import Stale, eq, ne

LOOK_AGAIN_SECONDS = 1.0


async def pursue(case: CaseFile, cloud: Cloud) -> None:
    """Ends when the incident is closed.  Raises CaseLost when it is in other hands."""
    if case.incident.phase not in (IncidentPhase.RECOVERING, IncidentPhase.CLOSED):
        await (investigate_guest if case.incident.vm_id else investigate_host)(case, cloud)
    while case.incident.phase is IncidentPhase.RECOVERING:
        of_this, open_ = eq("incident_id", case.id), eq("closed", None)
        if await cloud.store.decisions.count(of_this, open_) == 0:
            await case.advance(IncidentEvent.SETTLED, in_short(await cloud.store.decisions.find(of_this)))
            return
        for decision in await cloud.store.decisions.find(of_this, open_, eq("decision", WAIT)):
            await look_after(decision, case, cloud)
        await cloud.clock.sleep(LOOK_AGAIN_SECONDS)


async def look_after(decision: Decision, case: CaseFile, cloud: Cloud) -> None:
    """A guest without proof: has somebody settled it meanwhile?"""
    vm = await cloud.store.vms.by_id(decision.vm_id)
    others = await cloud.store.decisions.find(eq("vm_id", vm.id), ne("id", decision.id))
    into = what_became_of(vm, decision, others, case.incident, await host_is_up(case, cloud))
    if into is None:
        return
    closed = None if into.outcome is DecisionOutcome.PENDING else await cloud.store.now()
    try:
        await cloud.store.decisions.swap(decision, replace(into, closed=closed))
    except Stale:
        return  # it was released in this moment
    cloud.fleet.bells.ring(DECISIONS)


def what_became_of(
    vm: Vm, decision: Decision, others: Iterable[Decision], incident: Incident, host_is_up: bool
) -> Decision | None:
    """None: it is still waited for.  Of several decisions about one guest one restarts it, and the others see how that ends."""
    if vm.state is VmState.MIGRATING or (vm.host_id == incident.host_id and not host_is_up):
        return None
    if vm.state is VmState.RUNNING:
        return replace(decision, outcome=DecisionOutcome.LEFT_RUNNING)
    if any(other.closed is None and other.decision == RESTART for other in others):
        return None
    if vm.state is VmState.STOPPED and vm.wanted_running and vm.ha_enabled:
        taken_off: dict[str, Json] = {"kind": "taken-off", "text": f"it was taken off its host: {vm.stop_reason}"}
        return replace(decision, decision=RESTART, epoch=vm.epoch, proof=taken_off)
    return replace(decision, outcome=DecisionOutcome.SUPERSEDED)


async def host_is_up(case: CaseFile, cloud: Cloud) -> bool:
    host = await cloud.store.hosts.get(str(case.incident.host_id))
    return host is not None and host.state is HostState.UP


def in_short(decisions: list[Decision]) -> str:
    counts = {outcome: sum(1 for each in decisions if each.outcome is outcome) for outcome in DecisionOutcome}
    said = [f"{count} {outcome}" for outcome, count in counts.items() if count]
    return ", ".join(said) or "no guest was on it"
