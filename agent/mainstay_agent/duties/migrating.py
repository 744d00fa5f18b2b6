"""Both sides of a live migration.

The target holds the next epoch before anything is sent, and counts the guest as running.  The source, when it does not know how a migration
ended, neither resumes nor restarts its copy: the controller asks both sides and orders what is right."""

from __future__ import annotations

from mainstay_agent.driver import Migrates, Outcome
from mainstay_agent.duties import launch
from mainstay_agent.duties.answers import NOT_SUPPORTED, Deadline
from mainstay_agent.duties.attend import begin_attending
from mainstay_agent.duties.book import Wanted
from mainstay_agent.duties.charge import Charge
from mainstay_agent.duties.guest_orders import addressed_to, admit, turn_of, with_epoch
from mainstay_proto.messages import (
    AbortMigration,
    CancelIncoming,
    MigrateGuest,
    MigrationProgress,
    PrepareIncoming,
    RunState,
)
from mainstay_runtime.tasks import background

# --- target -----------------------------------------------------------------------------------------------------------


async def prepare_incoming(charge: Charge, order: PrepareIncoming, deadline: Deadline) -> Outcome:
    migration, spec = charge.hypervisor.migration, addressed_to(charge, order.spec)
    if migration is None:
        return NOT_SUPPORTED
    async with turn_of(charge, spec.vm_id, deadline):
        refusal = await admit(charge, spec, order.tenure)
        if refusal is not None:
            return refusal
        charge.book.enter(spec, Wanted.ARRIVING)
        outcome = await migration.expect_incoming(charge.host_id, spec, deadline.remaining_seconds())
        if outcome.state in (RunState.FAILED, RunState.REFUSED):
            await _give_up_arrival(charge, spec.vm_id, spec.epoch)
    return outcome


async def cancel_incoming(charge: Charge, order: CancelIncoming, deadline: Deadline) -> Outcome:
    migration = charge.hypervisor.migration
    if migration is None:
        return NOT_SUPPORTED
    async with turn_of(charge, order.vm_id, deadline):
        outcome = await migration.drop_incoming(charge.host_id, order.vm_id, order.epoch, deadline.remaining_seconds())
        if outcome.done:
            await _give_up_arrival(charge, order.vm_id, order.epoch)
    return outcome


async def _give_up_arrival(charge: Charge, vm_id: str, epoch: int) -> None:
    """Not revoked: the next attempt to come here has the same epoch."""
    charge.book.want(vm_id, Wanted.LEFT)
    await launch.is_gone(charge, vm_id, epoch)


# --- source -----------------------------------------------------------------------------------------------------------


async def migrate_guest(charge: Charge, order: MigrateGuest, command_id: str, deadline: Deadline) -> Outcome:
    migration = charge.hypervisor.migration
    if migration is None:
        return NOT_SUPPORTED

    async def migrate() -> Outcome:
        charge.book.want(order.vm_id, Wanted.DEPARTING)
        async with background(lambda: _tell_progress(charge, migration, order.vm_id, command_id)):
            outcome = await migration.migrate(
                charge.host_id,
                order.vm_id,
                order.target_url,
                order.target_epoch,
                order.bandwidth_mib,
                deadline.remaining_seconds(),
            )
        await _settle_departure(charge, order, outcome)
        return outcome

    return await with_epoch(charge, order.vm_id, order.epoch, deadline, migrate)


async def _settle_departure(charge: Charge, order: MigrateGuest, outcome: Outcome) -> None:
    match outcome.state:
        case RunState.DONE:
            charge.book.want(order.vm_id, Wanted.LEFT)
            await launch.is_gone(charge, order.vm_id, order.epoch)
            await charge.area.revoke(order.vm_id, order.epoch)
            await charge.look()
        case RunState.FAILED | RunState.REFUSED:
            charge.book.want(order.vm_id, Wanted.RUNNING)
            begin_attending(charge, order.vm_id)
        case RunState.UNKNOWN:
            pass


async def _tell_progress(charge: Charge, migration: Migrates, vm_id: str, command_id: str) -> None:
    while True:
        await charge.clock.sleep(charge.settings.progress_seconds)
        status = await migration.migration_status(charge.host_id, vm_id)
        if status is not None:
            charge.uplink.send(
                MigrationProgress(
                    host_id=charge.host_id,
                    vm_id=vm_id,
                    command_id=command_id,
                    percent=status.percent,
                    phase=status.phase,
                )
            )


async def abort_migration(charge: Charge, order: AbortMigration, deadline: Deadline) -> Outcome:
    """Out of turn: the migration itself has the guest's turn."""
    migration = charge.hypervisor.migration
    if migration is None:
        return NOT_SUPPORTED
    return await migration.abort_migration(charge.host_id, order.vm_id, deadline.remaining_seconds())
