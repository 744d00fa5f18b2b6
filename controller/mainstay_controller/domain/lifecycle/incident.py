"""An incident, from suspicion to its end.  Recovering begins with proof; a false alarm closes before it."""

from __future__ import annotations

from enum import StrEnum

from mainstay_controller.domain.states import IncidentPhase


class IncidentEvent(StrEnum):
    INVESTIGATE = "Investigate"
    FENCE = "Fence"  # we began to act on the host: power off, poison
    PROVEN = "Proven"
    FALSE_ALARM = "FalseAlarm"  # the host came back before there was proof
    SETTLED = "Settled"  # every guest's decision is closed


S, E = IncidentPhase, IncidentEvent

TRANSITIONS: dict[tuple[IncidentPhase, IncidentEvent], IncidentPhase] = {
    (S.SUSPECTED, E.INVESTIGATE): S.INVESTIGATING,
    (S.SUSPECTED, E.PROVEN): S.RECOVERING,
    (S.SUSPECTED, E.FALSE_ALARM): S.CLOSED,
    (S.INVESTIGATING, E.FENCE): S.FENCING,
    (S.INVESTIGATING, E.PROVEN): S.RECOVERING,
    (S.INVESTIGATING, E.FALSE_ALARM): S.CLOSED,
    (S.FENCING, E.PROVEN): S.RECOVERING,
    (S.FENCING, E.FALSE_ALARM): S.CLOSED,
    (S.RECOVERING, E.SETTLED): S.CLOSED,
}
