"""Incidents and decision records as clients see them: what happened, what was known, what was decided and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from mainstay_controller.api.access import Caller
from mainstay_controller.api.views.related import names_of
from mainstay_controller.domain.records import Decision, Incident, Json
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.store.port import any_of

Facts = dict[str, Json]


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
    evidence: tuple[Facts, ...]
    rule: str
    alternatives: tuple[Facts, ...]
    decision: str
    target_host_id: str | None
    target_host_name: str | None
    epoch: int | None
    proof: Facts
    phases: tuple[Facts, ...]
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
    proof: Facts
    evidence: tuple[Facts, ...]
    timeline: tuple[Facts, ...]
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
            proof=incident.proof,
            evidence=incident.evidence,
            timeline=incident.timeline,
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
    return [
        DecisionView(
            id=decision.id,
            incident_id=decision.incident_id,
            virtual_machine_id=decision.vm_id,
            virtual_machine_name=vms.get(decision.vm_id),
            created=decision.created,
            trigger=decision.trigger,
            evidence=decision.evidence,
            rule=decision.rule,
            alternatives=tuple(_named(each, hosts) for each in decision.alternatives),
            decision=decision.decision,
            target_host_id=decision.target_host_id,
            target_host_name=hosts.get(decision.target_host_id),
            epoch=decision.epoch,
            proof=decision.proof,
            phases=decision.phases,
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
