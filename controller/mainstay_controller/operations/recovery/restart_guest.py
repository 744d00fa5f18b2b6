"""Order the start of one planned guest, ask until it is known what became of it, and write down how it ended, of many at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from mainstay_controller.domain.ids import HostId
from mainstay_controller.domain.lifecycle.vm import VmEvent
from mainstay_controller.domain.records import Decision, Event
from mainstay_controller.domain.states import DecisionOutcome
from mainstay_controller.fleet.outcome import Done, Failed, Outcome, Refused, in_words
from mainstay_controller.operations.change_state import VmChange, change_vms
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.journal import Level, about_vm
from mainstay_controller.operations.orders.ask_again import boot_is_over, until_known
from mainstay_controller.operations.orders.decision_record import (
    Turn,
    alert_key,
    closed,
    has_waited_for_room,
    pause,
    phase,
    with_phase,
)
from mainstay_controller.operations.orders.start_orders import as_victim, order_start, taken_off
from mainstay_controller.store.port import Stale, Store

Known: TypeAlias = Done | Refused | Failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    turn: Turn
    told: Known


async def order_restart(turn: Turn, cloud: Cloud) -> Ending:
    """Until its host says what became of it, or is proven dead.  Raises Stale when the guest is in other hands."""
    told = await until_known(
        lambda attempt: _order(turn, attempt, cloud),
        may_have_been_sent=turn.may_have_been_ordered,
        host_is_gone=lambda: _host_is_gone(turn, cloud),
        cloud=cloud,
    )
    return Ending(turn=turn, told=told)


async def _order(turn: Turn, attempt: int, cloud: Cloud) -> Outcome:
    command_id = f"{turn.decision.id}:start:{turn.vm.epoch}:{attempt}"
    return await order_start(turn.vm, command_id=command_id, cloud=cloud, owns=turn.owns)


async def _host_is_gone(turn: Turn, cloud: Cloud) -> bool:
    row = await cloud.store.vms.by_id(turn.vm.id)
    if row.version != turn.vm.version:
        raise Stale(f"VM {row.name} is {row.state} under epoch {row.epoch} now")
    what = await as_victim(turn.vm, cloud.store)
    return await boot_is_over(HostId(str(turn.vm.host_id)), turn.vm.host_boot_id, cloud, what)


async def write_endings(store: Store, endings: Sequence[Ending], cloud: Cloud) -> list[None]:
    """Within the caller's transaction: all or none."""
    now = await store.now()
    written = [_written(ending, now, cloud) for ending in endings]
    await change_vms(store, now, [each.vm for each in written])
    await store.decisions.swap_all([(each.ending.turn.decision, each.decision) for each in written])
    await store.events.add_all([each.event for each in written])
    await cloud.journal.resolve_all(store, [key for each in written for key in each.resolved])
    return [None] * len(endings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What is written of one ending."""

    ending: Ending
    vm: VmChange
    decision: Decision
    event: Event
    resolved: tuple[str, ...] = ()  # keys of alerts


def _written(ending: Ending, now: datetime, cloud: Cloud) -> Written:
    match ending.told:
        case Done():
            return _runs(ending, now, cloud)
        case Refused() | Failed() as told:
            return _failed(ending, in_words(told), now, cloud)


def _runs(ending: Ending, now: datetime, cloud: Cloud) -> Written:
    turn, vm = ending.turn, ending.turn.vm
    text = f"{vm.name} runs again, on {turn.host_name or vm.host_id}"
    running = phase("running", turn, cloud, text, vm.host_id)
    return Written(
        ending=ending,
        vm=VmChange(vm=vm, event=VmEvent.OPERATION_SUCCEEDED, into=vm, why="HA: its new host says so"),
        decision=closed(turn.decision, DecisionOutcome.RESTARTED, running, now),
        event=cloud.journal.entry("VM.START", f"HA: {text} ({turn.decision.rule})", about_vm(vm)),
        resolved=(alert_key(vm),) if has_waited_for_room(turn.decision) else (),
    )


def _failed(ending: Ending, why: str, now: datetime, cloud: Cloud) -> Written:
    turn = ending.turn
    off = taken_off(turn.vm, f"its restart failed: {why}")
    again = replace(
        with_phase(turn.decision, phase("failed", turn, cloud, why, turn.vm.host_id)),
        epoch=off.epoch,
        target_host_id=None,
        retry_at=now + pause(turn.decision, cloud.settings),
    )
    text = f"HA: {off.name} could not be restarted: {why}; it is tried again"
    return Written(
        ending=ending,
        vm=VmChange(vm=turn.vm, event=VmEvent.OPERATION_FAILED, into=off, why=f"HA: {why}"),
        decision=again,
        event=cloud.journal.entry("VM.START", text, about_vm(off), level=Level.ERROR),
    )
