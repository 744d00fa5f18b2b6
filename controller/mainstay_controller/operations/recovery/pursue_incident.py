"""See an incident through, once it is past its investigation, to its end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from mainstay_controller.domain.ids import IncidentId
from mainstay_controller.domain.lifecycle.incident import IncidentEvent
from mainstay_controller.domain.records import Decision, Incident, Json, Vm
from mainstay_controller.domain.states import DecisionOutcome, HostState, IncidentPhase, VmState
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.recovery.casebook import DECISIONS, CaseFile
from mainstay_controller.operations.recovery.release_guests import RESTART, WAIT
from mainstay_controller.store.port import Stale, any_of, eq, ne

LOOK_AGAIN_SECONDS = 1.0


async def see_through(case: CaseFile, cloud: Cloud) -> None:
    """Ends when the incident is closed.  Raises CaseLost when it is in other hands."""
    while case.incident.phase is IncidentPhase.RECOVERING:
        if await cloud.gathered(count_open).ask(case.id) == 0:
            ended = await cloud.store.decisions.count_by("outcome", eq("incident_id", case.id))
            await case.advance(IncidentEvent.SETTLED, in_short(ended))
            return
        for decision in await cloud.gathered(find_waiting).ask(case.id):
            await look_after(decision, case, cloud)
        await cloud.clock.sleep(LOOK_AGAIN_SECONDS)


async def count_open(incident_ids: Sequence[IncidentId], cloud: Cloud) -> list[int]:
    """Decisions that are not closed, of all incidents that are looked at in the same moment."""
    of_these = any_of("incident_id", incident_ids)
    counted = await cloud.store.decisions.count_by("incident_id", of_these, eq("closed", None))
    return [counted.get(incident_id, 0) for incident_id in incident_ids]


async def find_waiting(incident_ids: Sequence[IncidentId], cloud: Cloud) -> list[list[Decision]]:
    """Of each incident those about guests of which there is no proof."""
    of_these = any_of("incident_id", incident_ids)
    found = await cloud.store.decisions.find(of_these, eq("closed", None), eq("decision", WAIT))
    return [[each for each in found if each.incident_id == incident_id] for incident_id in incident_ids]


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


def in_short(ended: Mapping[str, int]) -> str:
    """How many came to which outcome."""
    said = [f"{ended[outcome]} {outcome}" for outcome in DecisionOutcome if outcome in ended]
    return ", ".join(said) or "no guest was on it"
