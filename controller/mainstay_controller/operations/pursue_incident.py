"""See one incident through, from where its row says it is to its end."""

from __future__ import annotations

from mainstay_controller.domain.lifecycle.incident import IncidentEvent
from mainstay_controller.domain.records import Decision
from mainstay_controller.domain.states import DecisionOutcome, IncidentPhase
from mainstay_controller.operations.casebook import CaseFile
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.investigate_guest import investigate_guest
from mainstay_controller.operations.investigate_host import investigate_host
from mainstay_controller.store.port import eq

LOOK_AGAIN_SECONDS = 1.0


async def pursue(case: CaseFile, cloud: Cloud) -> None:
    """Ends when the incident is closed.  Raises CaseLost when it is in other hands."""
    if case.incident.phase not in (IncidentPhase.RECOVERING, IncidentPhase.CLOSED):
        await (investigate_guest if case.incident.vm_id else investigate_host)(case, cloud)
    while case.incident.phase is IncidentPhase.RECOVERING:
        decisions = await cloud.store.decisions.find(eq("incident_id", case.id))
        if all(decision.closed for decision in decisions):
            await case.advance(IncidentEvent.SETTLED, in_short(decisions))
            return
        await cloud.clock.sleep(LOOK_AGAIN_SECONDS)


def in_short(decisions: list[Decision]) -> str:
    counts = {outcome: sum(1 for each in decisions if each.outcome is outcome) for outcome in DecisionOutcome}
    said = [f"{count} {outcome}" for outcome, count in counts.items() if count]
    return ", ".join(said) or "no guest was on it"
