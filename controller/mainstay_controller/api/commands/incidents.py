"""Incidents, and why a virtual machine is where it is: ours beyond CloudStack, in its style."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar

from mainstay_controller.api.access import ROOT_READS, Caller
from mainstay_controller.api.listing import Listing, listing
from mainstay_controller.api.parameters import Filter
from mainstay_controller.api.registry import MAINSTAY, command
from mainstay_controller.api.views import incidents as views
from mainstay_controller.domain.ids import HostId, IncidentId, VmId
from mainstay_controller.domain.states import IncidentPhase
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.store.port import Where, at_least, eq, ne

DECISIONS_SHOWN_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ListIncidents(Listing):
    """Lists incidents, newest first, each with its decisions."""

    id: Annotated[IncidentId | None, "the ID of the incident", Filter()] = None
    host_id: Annotated[HostId | None, "only incidents of this host", Filter()] = None
    virtual_machine_id: Annotated[VmId | None, "only incidents of this virtual machine", Filter("vm_id")] = None
    phase: Annotated[IncidentPhase | None, "only incidents in this phase", Filter()] = None
    open: Annotated[bool | None, "only incidents that are, or are not, closed yet"] = None
    start_date: Annotated[datetime | None, "only incidents since then"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainVirtualMachine:
    id: Annotated[VmId, "the ID of the virtual machine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplanationView:
    """`decisions`: newest first."""

    wire_key: ClassVar[str] = "explanation"

    virtual_machine_id: str
    virtual_machine_name: str
    state: str
    host_id: str | None
    host_name: str | None
    ha_enable: bool
    wanted_running: bool
    stop_reason: str | None
    epoch: int
    decisions: tuple[views.DecisionView, ...]


async def _when_and_whether_open(request: ListIncidents, _caller: Caller, _cloud: Cloud) -> list[Where]:
    conditions = [at_least("created", request.start_date)] if request.start_date else []
    if request.open is not None:
        conditions.append((ne if request.open else eq)("phase", IncidentPhase.CLOSED))
    return conditions


list_incidents = listing(
    "listIncidents",
    request=ListIncidents,
    rows=lambda store: store.incidents,
    view=views.incidents,
    roles=ROOT_READS,
    keyword=("trigger", "outcome"),
    order_by="created",
    newest_first=True,
    fixed=(),
    where=_when_and_whether_open,
    since=MAINSTAY,
)


@command("explainVirtualMachine", roles=ROOT_READS, since=MAINSTAY)
async def explain_virtual_machine(request: ExplainVirtualMachine, caller: Caller, cloud: Cloud) -> ExplanationView:
    """Explains from the stored decision records why a virtual machine was, or was not, restarted."""
    vm = await cloud.store.vms.by_id(request.id)
    host = await cloud.store.hosts.get(vm.host_id) if vm.host_id else None
    records = await cloud.store.decisions.find(eq("vm_id", vm.id), descending=True, limit=DECISIONS_SHOWN_MAX)
    return ExplanationView(
        virtual_machine_id=vm.id,
        virtual_machine_name=vm.name,
        state=vm.state,
        host_id=vm.host_id,
        host_name=host.name if host else None,
        ha_enable=vm.ha_enabled,
        wanted_running=vm.wanted_running,
        stop_reason=vm.stop_reason or None,
        epoch=vm.epoch,
        decisions=tuple(await views.decisions(records, caller, cloud)),
    )


COMMANDS = (list_incidents, explain_virtual_machine)
