"""Attend to a guest: ask the hypervisor, judge, and do what must be done, one guest at a time under its lock.

Called for every sign that something changed - an event, a look, a lease, a start - and harmless when nothing did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from mainstay_agent.duties import launch
from mainstay_agent.duties.book import Entry, Wanted
from mainstay_agent.duties.charge import AREA_SILENT, Charge, Restarted
from mainstay_agent.duties.situation import (
    Adopt,
    ConfirmGone,
    ConfirmRunning,
    Deed,
    DropIncoming,
    JudgeRestart,
    KillStale,
    MakeSureGone,
    ResumeAfterIoError,
    Situation,
    deeds,
)
from mainstay_agent.duties.standing import Leave, Restart, judge
from mainstay_agent.duties.view import is_there
from mainstay_agent.lease.area import LedgerEntry, Refused
from mainstay_proto.messages import GuestEvent, GuestReport, GuestState, StopCause
from mainstay_runtime.logs import logger

log = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the lease area says, for all guests of one look."""

    ledger: Mapping[str, LedgerEntry]
    lapsed_pools: frozenset[str]


async def reconcile(charge: Charge) -> None:
    """Look at everything; attend to what is not as it should be."""
    try:
        sighted = await charge.look()
        if sighted is not None:
            for vm_id in await _out_of_order(charge, sighted):
                begin_attending(charge, vm_id)
    except AREA_SILENT as error:
        log.warning("lease area does not answer", host=charge.host_id, error=str(error))


async def _out_of_order(charge: Charge, sighted: Mapping[str, GuestReport]) -> list[str]:
    ground = await _ground(charge)
    known = {*sighted, *ground.ledger, *(entry.spec.vm_id for entry in charge.book.entries())}
    situations = [await _situation(charge, vm_id, sighted.get(vm_id), ground) for vm_id in sorted(known)]
    return [situation.vm_id for situation in situations if any(deeds(situation))]


def begin_attending(charge: Charge, vm_id: str, seen_at: float | None = None, after_seconds: float = 0.0) -> None:
    charge.tasks.adopt(_attend(charge, vm_id, seen_at, after_seconds), f"attend {vm_id}")


async def _attend(charge: Charge, vm_id: str, seen_at: float | None, after_seconds: float) -> None:
    await charge.clock.sleep(after_seconds)
    seen_at = charge.clock.monotonic() if seen_at is None else seen_at
    async with charge.guest_lock(vm_id):
        try:
            await _attend_now(charge, vm_id, seen_at)
        except AREA_SILENT as error:
            log.warning("lease area does not answer", host=charge.host_id, vm=vm_id, error=str(error))


async def _attend_now(charge: Charge, vm_id: str, seen_at: float) -> None:
    sighted = await charge.look()
    if sighted is None:
        return
    situation = await _situation(charge, vm_id, sighted.get(vm_id), await _ground(charge))
    for deed in deeds(situation):
        if not await _do(charge, situation, deed, seen_at):
            return


async def _ground(charge: Charge) -> Ground:
    return Ground(
        ledger={entry.vm_id: entry for entry in await charge.area.ledger()},
        lapsed_pools=frozenset(lease.pool_id for lease in await charge.area.leases() if not lease.valid),
    )


async def _situation(charge: Charge, vm_id: str, sighted: GuestReport | None, ground: Ground) -> Situation:
    entry, ledger = charge.book.entry(vm_id), ground.ledger.get(vm_id)
    agrees = sighted is not None and ledger is not None and sighted.epoch == ledger.epoch
    return Situation(
        vm_id=vm_id,
        sighted=sighted,
        entry=entry,
        ledger=ledger,
        highest_epoch=await charge.area.highest_epoch(vm_id) if is_there(sighted) and not agrees else None,
        leases_hold=entry is None or not (entry.spec.pool_ids & ground.lapsed_pools),
    )


async def _do(charge: Charge, situation: Situation, deed: Deed, seen_at: float) -> bool:
    """False: it did not succeed, or another will follow by itself."""
    vm_id = situation.vm_id
    match deed:
        case KillStale(epoch=epoch, newer_epoch=newer_epoch):
            log.warning("guest runs under an old epoch", host=charge.host_id, vm=vm_id, epoch=epoch, newer=newer_epoch)
            return await launch.kill(charge, vm_id, epoch)
        case Adopt(epoch=epoch):
            return await _adopt(charge, situation, epoch)
        case ConfirmRunning(epoch=epoch):
            await launch.runs(charge, vm_id, epoch)
            return True
        case MakeSureGone(epoch=epoch):
            return await _make_sure_gone(charge, vm_id, epoch)
        case DropIncoming(epoch=epoch):
            return await _drop_incoming(charge, vm_id, epoch)
        case ConfirmGone(epoch=epoch):
            await launch.is_gone(charge, vm_id, epoch)
            return True
        case ResumeAfterIoError():
            return await _resume(charge, vm_id)
        case JudgeRestart():
            return await _judge_restart(charge, situation, seen_at)
        case never:
            assert_never(never)


async def _adopt(charge: Charge, situation: Situation, epoch: int) -> bool:
    answer = await charge.area.authorise(situation.vm_id, epoch, _pools_of(charge, situation.entry))
    if isinstance(answer, Refused):
        if answer.code == "not-configured":
            return False
        log.warning("guest runs without a lease", host=charge.host_id, vm=situation.vm_id, code=answer.code)
        return await launch.kill(charge, situation.vm_id, epoch)
    await launch.runs(charge, situation.vm_id, epoch)
    return True


def _pools_of(charge: Charge, entry: Entry | None) -> frozenset[str]:
    """Of a guest we remember nothing of: every pool we have."""
    if entry is not None:
        return entry.spec.pool_ids
    return frozenset(mount.pool_id for mount in charge.book.pools.mounts) if charge.book.pools else frozenset()


async def _make_sure_gone(charge: Charge, vm_id: str, epoch: int) -> bool:
    outcome = await charge.driver.destroy(charge.host_id, vm_id, charge.settings.kill_deadline_seconds)
    if not outcome.done:
        return False
    entry = charge.book.entry(vm_id)
    if entry is not None and entry.wanted is Wanted.STARTING:
        charge.book.want(vm_id, Wanted.LEFT)
    await launch.is_gone(charge, vm_id, epoch)
    return True


async def _drop_incoming(charge: Charge, vm_id: str, epoch: int) -> bool:
    migration = charge.hypervisor.migration
    if migration is None:
        return False
    outcome = await migration.drop_incoming(charge.host_id, vm_id, epoch, charge.settings.kill_deadline_seconds)
    if outcome.done:
        charge.book.want(vm_id, Wanted.LEFT)
        await launch.is_gone(charge, vm_id, epoch)
    return outcome.done


async def _resume(charge: Charge, vm_id: str) -> bool:
    outcome = await charge.driver.resume(charge.host_id, vm_id, charge.settings.look_deadline_seconds)
    if outcome.done:
        log.info("guest resumed after its storage returned", host=charge.host_id, vm=vm_id)
    return outcome.done


async def _judge_restart(charge: Charge, situation: Situation, seen_at: float) -> bool:
    entry, told = situation.entry, charge.view.of(situation.vm_id)
    assert entry is not None, "only a guest with orders is judged"
    cause = told.cause if told is not None else StopCause.VANISHED
    verdict = judge(entry, cause, charge.clock.monotonic())
    if isinstance(verdict, Restart):
        if not situation.leases_hold:
            return False
        if not await charge.area.standing_authority(entry.spec.vm_id):
            verdict = Leave(why="its lease lapsed since it was ordered")
    match verdict:
        case Leave(why=why):
            await _leave(charge, entry, cause, why)
            return True
        case Restart(attempt=attempt):
            return await _restart(charge, entry, cause, attempt, seen_at)
        case never:
            assert_never(never)


async def _leave(charge: Charge, entry: Entry, cause: StopCause | None, why: str) -> None:
    """From now on it is the controller's: never again under this epoch here."""
    vm_id, epoch = entry.spec.vm_id, entry.spec.epoch
    await charge.area.revoke(vm_id, epoch)
    charge.book.want(vm_id, Wanted.LEFT)
    log.info("guest is left down", host=charge.host_id, vm=vm_id, why=why)
    charge.uplink.send(
        GuestEvent(host_id=charge.host_id, vm_id=vm_id, epoch=epoch, state=GuestState.STOPPED, cause=cause, detail=why)
    )


async def _restart(charge: Charge, entry: Entry, cause: StopCause | None, attempt: int, seen_at: float) -> bool:
    spec = entry.spec
    answer = await charge.area.authorise(spec.vm_id, spec.epoch, spec.pool_ids, standing=True)
    if isinstance(answer, Refused):
        if answer.code != "no-lease":
            await _leave(charge, entry, cause, answer.detail)
        return False
    now = charge.clock.monotonic()
    charge.book.note_restart(spec.vm_id, now)
    log.info("guest restarts here", host=charge.host_id, vm=spec.vm_id, cause=cause, attempt=attempt)
    restarted = Restarted(
        cause=cause,
        detail=f"attempt {attempt} of {spec.restart.attempts_max}",
        elapsed_ms=round(1000 * (now - seen_at)),
    )
    outcome = await launch.launch(charge, spec, charge.settings.restart_deadline_seconds, restarted)
    if not outcome.done:
        begin_attending(charge, spec.vm_id, after_seconds=_backoff_seconds(charge, attempt))
    return outcome.done


def _backoff_seconds(charge: Charge, attempt: int) -> float:
    settings = charge.settings
    return min(settings.restart_backoff_seconds * 2.0 ** (attempt - 1), settings.restart_backoff_seconds_max)
