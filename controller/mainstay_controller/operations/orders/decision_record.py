"""The Decision Record of one guest in one incident: what is written into it while the guest is brought back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice, takewhile

from mainstay_controller.domain.ids import HostId
from mainstay_controller.domain.placement.request import Alternatives, Rejected
from mainstay_controller.domain.records import Decision, Json, Vm
from mainstay_controller.domain.states import DecisionOutcome, VmState
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.orders.start_orders import Belongings
from mainstay_controller.operations.settings import Settings

OPEN = (DecisionOutcome.PENDING, DecisionOutcome.WAITING_FOR_CAPACITY)
ALTERNATIVES_MAX = 50
"""Hosts named in one record; in a bigger cloud the rest is counted."""
PHASES_MAX = 40
AVOIDED_MAX = 3
"""So many of the hosts that failed last are not tried again at once, if there are others."""

Phase = dict[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One decision whose time has come.  `zero`: our clock when its host or guest was last heard.

    `may_have_been_ordered`: an earlier hand raised its epoch; what he did then, he did not write down.  `owns`: what it is run with, if that was
    read already."""

    decision: Decision
    vm: Vm
    zero: float
    host_name: str = ""
    may_have_been_ordered: bool = False
    owns: Belongings | None = None

    @property
    def is_under_way(self) -> bool:
        """Its epoch was raised and its start perhaps ordered, by us or by a controller that is gone."""
        vm, decision = self.vm, self.decision
        return (vm.state, vm.epoch, vm.host_id) == (VmState.STARTING, decision.epoch, decision.target_host_id)


def phase(name: str, turn: Turn, cloud: Cloud, text: str, host_id: HostId | None = None) -> Phase:
    entry: Phase = {
        "name": name,
        "at": cloud.clock.now().isoformat(),
        "elapsed_ms": round((cloud.clock.monotonic() - turn.zero) * 1000),
        "text": text,
    }
    return {**entry, "host": host_id} if host_id is not None else entry


def with_phase(decision: Decision, last: Phase) -> Decision:
    """The first half and the newest are kept."""
    phases, half = (*decision.phases, last), PHASES_MAX // 2
    kept = phases if len(phases) <= PHASES_MAX else (*phases[:half], *phases[-half:])
    return replace(decision, phases=kept)


def closed(decision: Decision, outcome: DecisionOutcome, last: Phase, now: datetime) -> Decision:
    return replace(with_phase(decision, last), outcome=outcome, closed=now, retry_at=None)


def has_waited_for_room(decision: Decision) -> bool:
    return any(phase["name"] == "no-room" for phase in decision.phases)


def hosts_that_failed(decision: Decision) -> dict[HostId, str]:
    """Lately; forgotten as soon as there was no other host left."""
    failed: dict[HostId, str] = {}
    for each in decision.phases:
        if each["name"] == "no-room":
            failed.clear()
        elif each["name"] == "failed":
            failed[HostId(str(each["host"]))] = str(each["text"])
    return dict(list(failed.items())[-AVOIDED_MAX:])


def pause(decision: Decision, settings: Settings) -> timedelta:
    """Grows with what failed in a row; waiting for room is woken by room, so that its own pace need not be quick."""
    in_a_row = takewhile(lambda name: name != "no-room", (each["name"] for each in reversed(decision.phases)))
    failures = sum(1 for name in in_a_row if name == "failed")
    seconds = settings.restart_retry_seconds * 2.0 ** min(failures, 20)
    return timedelta(seconds=min(seconds, settings.restart_retry_seconds_max))


class Rejections:
    """Of one wave: what hosts were rejected for, as facts.  Guests of one demand were refused by most hosts in the same words, which are put into
    facts once."""

    def __init__(self) -> None:
        self._told: dict[int, tuple[Rejected, Phase]] = {}

    def fact(self, rejected: Rejected) -> Phase:
        """By the object itself, which is kept so that no other takes its place."""
        known = self._told.get(id(rejected))
        if known is None:
            known = self._told[id(rejected)] = (rejected, _in_facts(rejected))
        return known[1]


def _in_facts(rejected: Rejected) -> Phase:
    return {
        "target": rejected.host_id,
        "target_name": rejected.host_name,
        "rejected_by": [{"code": by.code.value, "need": by.need, "have": by.have} for by in rejected.by],
    }


def in_facts(alternatives: Alternatives, rejections: Rejections) -> tuple[Phase, ...]:
    """Each host that was not chosen, by name and number."""
    named = [rejections.fact(each) for each in islice(alternatives, ALTERNATIVES_MAX)]
    more = len(alternatives) - len(named)
    if more:
        named.append({"target": "", "target_name": f"and {more} more", "rejected_by": []})
    return tuple(named)


def alert_key(vm: Vm) -> str:
    return f"vm-stopped:{vm.id}"
