"""Incidents and decision records as clients see them: what happened, what was known, what was decided and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from mainstay_controller.api.access import Caller
from mainstay_controller.api.views.in_words import Facts, in_words, names_in
from mainstay_controller.api.views.related import names_of
from mainstay_controller.domain.records import Decision, Incident, Json
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.store.port import any_of


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionView:
    """Why one virtual machine was, or was not, restarted."""

    wire_key: ClassVar[str] = "decision"

    id: str
    incident_id: str
    virtual_machine_id: str
    virtual_machine_name: str | None
    created: datetime
    trigger: str
    evidence: tuple[dict[str, Json], ...]
    rule: str
    alternatives: tuple[dict[str, Json], ...]
    decision: str
    target_host_id: str | None
    target_host_name: str | None
    epoch: int | None
    proof: dict[str, Json]
    phases: tuple[dict[str, Json], ...]
    outcome: str
    attempts: int
    retry_at: datetime | None
    closed: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentView:
    wire_key: ClassVar[str] = "incident"

    id: str
    created: datetime
    phase: str
    host_id: str | None
    host_name: str | None
    virtual_machine_id: str | None
    virtual_machine_name: str | None
    trigger: str
    proof: dict[str, Json]
    evidence: tuple[dict[str, Json], ...]
    timeline: tuple[dict[str, Json], ...]
    outcome: str
    closed: datetime | None
    retry_at: datetime | None
    attempts: int
    decisions: tuple[DecisionView, ...]


async def incidents(records: Sequence[Incident], caller: Caller, cloud: Cloud) -> list[IncidentView]:
    hosts = await names_of(cloud.store.hosts, (incident.host_id for incident in records))
    vms = await names_of(cloud.store.vms, (incident.vm_id for incident in records))
    found = await cloud.store.decisions.find(any_of("incident_id", [incident.id for incident in records]))
    shown = await decisions(found, caller, cloud)
    spoken_of = (fact for each in records for fact in (each.proof, *each.evidence, *each.timeline))
    names = await names_in(spoken_of, cloud)
    return [
        IncidentView(
            id=incident.id,
            created=incident.created,
            phase=incident.phase,
            host_id=incident.host_id,
            host_name=hosts.get(incident.host_id),
            virtual_machine_id=incident.vm_id,
            virtual_machine_name=vms.get(incident.vm_id),
            trigger=incident.trigger,
            proof=in_words(incident.proof, names),
            evidence=tuple(in_words(each, names) for each in incident.evidence),
            timeline=tuple(in_words(each, names) for each in incident.timeline),
            outcome=incident.outcome,
            closed=incident.closed,
            retry_at=incident.retry_at,
            attempts=incident.attempts,
            decisions=tuple(each for each in shown if each.incident_id == incident.id),
        )
        for incident in records
    ]


async def decisions(records: Sequence[Decision], _caller: Caller, cloud: Cloud) -> list[DecisionView]:
    vms = await names_of(cloud.store.vms, (decision.vm_id for decision in records))
    targets = (str(alternative.get("target")) for decision in records for alternative in decision.alternatives)
    hosts = await names_of(cloud.store.hosts, (*(decision.target_host_id for decision in records), *targets))
    spoken_of = (fact for each in records for fact in (each.proof, *each.evidence, *each.alternatives, *each.phases))
    names = await names_in(spoken_of, cloud)
    return [
        DecisionView(
            id=decision.id,
            incident_id=decision.incident_id,
            virtual_machine_id=decision.vm_id,
            virtual_machine_name=vms.get(decision.vm_id),
            created=decision.created,
            trigger=decision.trigger,
            evidence=tuple(in_words(each, names) for each in decision.evidence),
            rule=decision.rule,
            alternatives=tuple(_named(in_words(each, names), hosts) for each in decision.alternatives),
            decision=decision.decision,
            target_host_id=decision.target_host_id,
            target_host_name=hosts.get(decision.target_host_id),
            epoch=decision.epoch,
            proof=in_words(decision.proof, names),
            phases=tuple(in_words(each, names) for each in decision.phases),
            outcome=decision.outcome,
            attempts=decision.attempts,
            retry_at=decision.retry_at,
            closed=decision.closed,
        )
        for decision in records
    ]


def _named(alternative: Facts, hosts: Mapping[str | None, str]) -> Facts:
    """People know hosts by name."""
    name = hosts.get(str(alternative.get("target")))
    return {**alternative, "targetname": name} if name else alternative
