"""The one place where the state of a host or a VM is written: by the table, by compare-and-set, and with a line in the log.

A state that the table forbids raises ForbiddenTransition, a row that changed meanwhile raises Stale; both mean: look again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from mainstay_controller.domain.lifecycle import host as host_table
from mainstay_controller.domain.lifecycle import incident as incident_table
from mainstay_controller.domain.lifecycle import vm as vm_table
from mainstay_controller.domain.lifecycle.host import HostEvent
from mainstay_controller.domain.lifecycle.incident import IncidentEvent
from mainstay_controller.domain.lifecycle.table import after
from mainstay_controller.domain.lifecycle.vm import VmEvent
from mainstay_controller.domain.records import Host, Incident, Vm
from mainstay_controller.store.port import Store
from mainstay_runtime.logs import logger

log = logger(__name__)


async def change_host(
    store: Store, host: Host, event: HostEvent, now: datetime, why: str, *, into: Host | None = None
) -> Host:
    """`into`: the row with whatever else changes with the state."""
    state = after(host_table.TRANSITIONS, host.state, event)
    changed = await store.hosts.swap(host, replace(into or host, state=state, state_since=now))
    log.info(f"host {host.name}: {host.state} -> {state} ({why})", host=host.id)
    return changed


@dataclass(frozen=True, slots=True, kw_only=True)
class HostChange:
    """`into`: the row with whatever else changes with the state."""

    host: Host
    into: Host
    why: str


async def change_hosts(store: Store, event: HostEvent, now: datetime, changes: Sequence[HostChange]) -> None:
    """The same event for each: all or none."""
    states = [after(host_table.TRANSITIONS, change.host.state, event) for change in changes]
    await store.hosts.swap_all(
        [
            (change.host, replace(change.into, state=state, state_since=now))
            for change, state in zip(changes, states, strict=True)
        ]
    )
    for change, state in zip(changes, states, strict=True):
        host = change.host
        log.info(f"host {host.name}: {host.state} -> {state} ({change.why})", host=host.id)


async def change_vm(store: Store, vm: Vm, event: VmEvent, now: datetime, why: str, *, into: Vm | None = None) -> Vm:
    [changed] = await change_vms(store, now, [VmChange(vm=vm, event=event, into=into or vm, why=why)])
    return changed


@dataclass(frozen=True, slots=True, kw_only=True)
class VmChange:
    """`into`: the row with whatever else changes with the state."""

    vm: Vm
    event: VmEvent
    into: Vm
    why: str


async def change_vms(store: Store, now: datetime, changes: Sequence[VmChange]) -> list[Vm]:
    """All or none; as they are written, in the order of the changes."""
    states = [after(vm_table.TRANSITIONS, change.vm.state, change.event) for change in changes]
    written = await store.vms.swap_all(
        [
            (change.vm, replace(change.into, state=state, state_since=now))
            for change, state in zip(changes, states, strict=True)
        ]
    )
    for change, vm in zip(changes, written, strict=True):
        told = f"vm {vm.name}: {change.vm.state} -> {vm.state} ({change.why})"
        log.info(told, vm=vm.id, epoch=vm.epoch, host=vm.host_id)
    return written


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentChange:
    """`into`: the row with whatever else changes with the phase."""

    incident: Incident
    into: Incident
    why: str


async def change_incidents(store: Store, event: IncidentEvent, changes: Sequence[IncidentChange]) -> list[Incident]:
    """The same event for each: all or none; as they are written, in the order of the changes."""
    phases = [after(incident_table.TRANSITIONS, change.incident.phase, event) for change in changes]
    written = await store.incidents.swap_all(
        [(change.incident, replace(change.into, phase=phase)) for change, phase in zip(changes, phases, strict=True)]
    )
    for change, phase in zip(changes, phases, strict=True):
        told = f"incident {change.incident.id}: {change.incident.phase} -> {phase} ({change.why})"
        log.info(told, host=change.incident.host_id, vm=change.incident.vm_id)
    return written
