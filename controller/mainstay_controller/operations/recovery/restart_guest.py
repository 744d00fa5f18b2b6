"""Order the start of one planned guest, ask until it is known what became of it, and write down how it ended."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

from mainstay_controller.domain.ids import HostId
from mainstay_controller.domain.lifecycle.vm import VmEvent
from mainstay_controller.domain.states import DecisionOutcome
from mainstay_controller.fleet.outcome import Done, Failed, Outcome, Refused, in_words
from mainstay_controller.operations.change_state import change_vm
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
from mainstay_controller.operations.orders.start_orders import order_start, taken_off
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
    return await boot_is_over(HostId(str(turn.vm.host_id)), turn.vm.host_boot_id, cloud)


async def write_ending(store: Store, ending: Ending, cloud: Cloud) -> None:
    """Within the caller's transaction."""
    match ending.told:
        case Done():
            await _runs(store, ending.turn, cloud)
        case Refused() | Failed() as told:
            await _failed(store, ending.turn, in_words(told), cloud)


async def _runs(store: Store, turn: Turn, cloud: Cloud) -> None:
    now = await store.now()
    vm = await change_vm(store, turn.vm, VmEvent.OPERATION_SUCCEEDED, now, "HA: its new host says so")
    text = f"{vm.name} runs again, on {turn.host_name or vm.host_id}"
    running = phase("running", turn, cloud, text, vm.host_id)
    await store.decisions.swap(turn.decision, closed(turn.decision, DecisionOutcome.RESTARTED, running, now))
    await cloud.journal.event(store, "VM.START", f"HA: {text} ({turn.decision.rule})", about_vm(vm))
    if has_waited_for_room(turn.decision):
        await cloud.journal.resolve(store, alert_key(vm))


async def _failed(store: Store, turn: Turn, why: str, cloud: Cloud) -> None:
    now = await store.now()
    off = taken_off(turn.vm, f"its restart failed: {why}")
    vm = await change_vm(store, turn.vm, VmEvent.OPERATION_FAILED, now, f"HA: {why}", into=off)
    again = replace(
        with_phase(turn.decision, phase("failed", turn, cloud, why, turn.vm.host_id)),
        epoch=vm.epoch,
        target_host_id=None,
        retry_at=now + pause(turn.decision, cloud.settings),
    )
    await store.decisions.swap(turn.decision, again)
    text = f"HA: {vm.name} could not be restarted: {why}; it is tried again"
    await cloud.journal.event(store, "VM.START", text, about_vm(vm), level=Level.ERROR)
