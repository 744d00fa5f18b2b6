"""The state tables keep their promises: every state is reached, every event used, and nothing leaves the end."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pytest

from mainstay_controller.domain.lifecycle import host, incident, resource, vm
from mainstay_controller.domain.lifecycle.host import HostEvent
from mainstay_controller.domain.lifecycle.table import ForbiddenTransition, after
from mainstay_controller.domain.states import HostState, IncidentPhase, ResourceState, VmState


@dataclass(frozen=True, kw_only=True)
class Machine:
    transitions: Mapping[Any, StrEnum]  # by (state, event)
    states: Set[StrEnum]
    events: Set[StrEnum]
    first: StrEnum
    ends: Set[StrEnum]


MACHINES = {
    "host": Machine(
        transitions=host.TRANSITIONS,
        states=set(HostState),
        events=set(host.HostEvent),
        first=HostState.CREATING,
        ends={HostState.REMOVED},
    ),
    "resource": Machine(
        transitions=resource.TRANSITIONS,
        states=set(ResourceState),
        events=set(resource.ResourceEvent),
        first=ResourceState.CREATING,
        ends={ResourceState.ERROR},
    ),
    "vm": Machine(
        transitions=vm.TRANSITIONS,
        states=set(VmState) - vm.NEVER_ENTERED,
        events=set(vm.VmEvent),
        first=VmState.STOPPED,
        ends=set(),
    ),
    "incident": Machine(
        transitions=incident.TRANSITIONS,
        states=set(IncidentPhase),
        events=set(incident.IncidentEvent),
        first=IncidentPhase.SUSPECTED,
        ends={IncidentPhase.CLOSED},
    ),
}


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest) -> Machine:
    return MACHINES[request.param]


def test_every_state_is_reachable_from_the_first(machine: Machine) -> None:
    reached = {machine.first}

    for _ in machine.states:
        reached |= {to for (state, _event), to in machine.transitions.items() if state in reached}

    assert reached == machine.states


def test_every_event_is_used(machine: Machine) -> None:
    assert {event for _state, event in machine.transitions} == machine.events


def test_nothing_leaves_the_end(machine: Machine) -> None:
    assert not {state for state, _event in machine.transitions} & machine.ends


def test_a_missing_arrow_is_an_answer() -> None:
    with pytest.raises(ForbiddenTransition, match="Ping is not possible in Down"):
        after(host.TRANSITIONS, HostState.DOWN, HostEvent.PING)


def test_only_a_host_under_suspicion_is_declared_down() -> None:
    assert [state for state, event in host.TRANSITIONS if event is HostEvent.HOST_DOWN] == [HostState.ALERT]


def test_proof_stops_a_vm_wherever_it_may_have_run() -> None:
    proven = {state for state, event in vm.TRANSITIONS if event is vm.VmEvent.PROVEN_GONE}

    assert proven == {VmState.STARTING, VmState.RUNNING, VmState.STOPPING, VmState.MIGRATING}
