"""Orders about one guest: each waits for its turn, is checked against the epoch seen here, and is carried out.

An order under an epoch lower than what runs or ran here is refused `stale-epoch`, whatever it is.  A stop that was answered
DONE is a promise: the guest is gone, and nobody here starts it again under that epoch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from mainstay_agent.driver import DONE, Outcome, refused, unknown
from mainstay_agent.duties import last_writes, launch
from mainstay_agent.duties.answers import Answer, Deadline
from mainstay_agent.duties.attend import begin_attending
from mainstay_agent.duties.book import MAYBE_RUNNING, Entry, Wanted
from mainstay_agent.duties.charge import AREA_SILENT, Charge
from mainstay_agent.duties.view import is_there
from mainstay_agent.lease.area import EntryState, Refused
from mainstay_proto.messages import (
    ForgetGuest,
    GuestReport,
    GuestSpec,
    QueryGuests,
    RebootGuest,
    RunState,
    StartGuest,
    StopGuest,
    Tenure,
)

HYPERVISOR_SILENT = refused("hypervisor-silent", "the hypervisor does not answer, so nothing was tried")


class NotOurTurn(Exception):
    """Another order about this guest is still being carried out."""


@asynccontextmanager
async def turn_of(charge: Charge, vm_id: str, deadline: Deadline) -> AsyncIterator[None]:
    lock = charge.guest_lock(vm_id)
    try:
        async with asyncio.timeout(deadline.remaining_seconds()):
            await lock.acquire()
    except TimeoutError as error:
        raise NotOurTurn from error
    try:
        yield
    finally:
        lock.release()


# --- start ------------------------------------------------------------------------------------------------------------


async def start_guest(charge: Charge, order: StartGuest, deadline: Deadline) -> Outcome:
    spec = addressed_to(charge, order.spec)
    async with turn_of(charge, spec.vm_id, deadline):
        refusal = await admit(charge, spec, order.tenure)
        if refusal is not None:
            return refusal
        charge.book.enter(spec, Wanted.STARTING)
        outcome = await launch.launch(charge, spec, deadline.remaining_seconds())
        if outcome.state is RunState.FAILED:
            charge.book.want(spec.vm_id, Wanted.LEFT)
    if not outcome.done:
        begin_attending(charge, spec.vm_id, after_seconds=charge.settings.restart_backoff_seconds)
    return outcome


def addressed_to(charge: Charge, spec: GuestSpec) -> GuestSpec:
    """With {epoch} and {host} in its kernel's arguments replaced."""
    if spec.kernel is None:
        return spec
    arguments = spec.kernel.arguments.replace("{epoch}", str(spec.epoch)).replace("{host}", charge.facts.name)
    return replace(spec, kernel=replace(spec.kernel, arguments=arguments))


async def admit(charge: Charge, spec: GuestSpec, tenure: Tenure | None) -> Outcome | None:
    """May it be started or received here?  None: yes, and it counts as running from now on.

    REFUSED says that the order is not in effect.  Where an earlier order under this epoch may be, a refusal is UNKNOWN."""
    refusal = await _refuse(charge, spec, tenure)
    if refusal is None or not _is_under_way(charge.book.entry(spec.vm_id), spec.epoch):
        return refusal
    return unknown(refusal.code, refusal.detail)


def _is_under_way(entry: Entry | None, epoch: int) -> bool:
    return entry is not None and entry.spec.epoch == epoch and entry.wanted in MAYBE_RUNNING


async def _refuse(charge: Charge, spec: GuestSpec, tenure: Tenure | None) -> Outcome | None:
    """What is left of it under an older epoch is ended before the lease area is asked."""
    if tenure is not None and tenure.boot_id != charge.facts.boot_id:
        return refused("superseded-boot", f"ordered under boot {tenure.boot_id}, now {charge.facts.boot_id}")
    generations = tuple((pool.pool_id, pool.generation) for pool in tenure.generations) if tenure else ()
    sighted = await charge.look()
    if sighted is None:
        return HYPERVISOR_SILENT
    try:
        if not await _end_older(charge, spec, sighted.get(spec.vm_id)):
            return refused("running-other-epoch", "an older copy could not be shown gone")
        answer = await charge.area.authorise(spec.vm_id, spec.epoch, spec.pool_ids, generations=generations)
    except AREA_SILENT as error:
        return refused("no-lease", f"the lease area does not answer: {error}")
    return refused(answer.code, answer.detail) if isinstance(answer, Refused) else None


async def _end_older(charge: Charge, spec: GuestSpec, sighted: GuestReport | None) -> bool:
    """Running, in flight, or expected from elsewhere."""
    ledger = [entry.epoch for entry in await charge.area.ledger() if entry.vm_id == spec.vm_id]
    seen = [sighted.epoch] if sighted is not None and is_there(sighted) else []
    older = [epoch for epoch in (*ledger, *seen) if epoch < spec.epoch]
    return not older or await launch.kill(charge, spec.vm_id, max(older))


# --- stop -------------------------------------------------------------------------------------------------------------


async def stop_guest(charge: Charge, order: StopGuest, deadline: Deadline) -> Outcome:
    async with turn_of(charge, order.vm_id, deadline):
        sighted = await charge.look()
        if sighted is None and not order.forced:
            return HYPERVISOR_SILENT
        refusal = _refuse_stale(sighted, order.vm_id, order.epoch)
        if refusal is not None:
            return refusal
        charge.book.want(order.vm_id, Wanted.STOPPED)
        outcome = await _bring_down(charge, order, deadline)
        if not outcome.done:
            return outcome
        await launch.is_gone(charge, order.vm_id, order.epoch)
        await charge.area.revoke(order.vm_id, order.epoch)
        await charge.look()
        return await last_writes.doubt(charge, order.vm_id, deadline) or outcome


async def _bring_down(charge: Charge, order: StopGuest, deadline: Deadline) -> Outcome:
    seconds = deadline.remaining_seconds()
    if order.forced:
        return await charge.driver.destroy(charge.host_id, order.vm_id, seconds)
    return await charge.driver.shutdown(charge.host_id, order.vm_id, order.grace_seconds, seconds)


def _refuse_stale(sighted: dict[str, GuestReport] | None, vm_id: str, epoch: int) -> Outcome | None:
    seen = (sighted or {}).get(vm_id)
    if seen is not None and seen.epoch > epoch:
        return refused("stale-epoch", f"epoch {epoch}, but {seen.epoch} is {seen.state} here")
    return None


# --- reboot, forget, query --------------------------------------------------------------------------------------------


async def reboot_guest(charge: Charge, order: RebootGuest, deadline: Deadline) -> Outcome:
    async def reboot() -> Outcome:
        charge.book.want(order.vm_id, Wanted.RUNNING)
        return await charge.driver.reboot(charge.host_id, order.vm_id, order.forced, deadline.remaining_seconds())

    return await with_epoch(charge, order.vm_id, order.epoch, deadline, reboot)


async def forget_guest(charge: Charge, order: ForgetGuest, deadline: Deadline) -> Outcome:
    """DONE is the promise that it does not run here and will not by itself; a start in flight counts as running."""

    async def forget() -> Outcome:
        if await _may_run(charge, order.vm_id):
            return refused("running")
        outcome = await charge.driver.forget(charge.host_id, order.vm_id, deadline.remaining_seconds())
        if not outcome.done:
            return outcome
        await launch.is_gone(charge, order.vm_id, order.epoch)
        await charge.area.revoke(order.vm_id, order.epoch)
        doubt = await last_writes.doubt(charge, order.vm_id, deadline)
        if doubt is not None:
            return doubt
        charge.book.drop(order.vm_id)
        charge.view.forget(order.vm_id)
        charge.tell_changes()
        return outcome

    return await with_epoch(charge, order.vm_id, order.epoch, deadline, forget)


async def _may_run(charge: Charge, vm_id: str) -> bool:
    in_flight = [entry for entry in await charge.area.ledger() if entry.state is EntryState.STARTING]
    return is_there(charge.view.of(vm_id)) or any(entry.vm_id == vm_id for entry in in_flight)


async def query_guests(charge: Charge, order: QueryGuests) -> Answer:
    if await charge.look() is None:
        return Answer(outcome=unknown("hypervisor-silent"))
    wanted = frozenset(order.vm_ids)
    guests = tuple(guest for guest in charge.view.told() if not wanted or guest.vm_id in wanted)
    return Answer(outcome=DONE, guests=guests)


async def with_epoch(
    charge: Charge, vm_id: str, epoch: int, deadline: Deadline, work: Callable[[], Awaitable[Outcome]]
) -> Outcome:
    async with turn_of(charge, vm_id, deadline):
        sighted = await charge.look()
        if sighted is None:
            return HYPERVISOR_SILENT
        return _refuse_stale(sighted, vm_id, epoch) or await work()
