"""The faults that the simulation must find, by room.  `seeds.toml` keeps, for each, a seed that does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mainstay_agent.driver import DONE
from mainstay_agent.duties import device_orders, guest_orders, last_writes, situation
from mainstay_agent.lease import bounds
from mainstay_agent.lease.keeper import Keeper
from mainstay_agent.lease.ledger import Ledger
from mainstay_agent.lease.observer import Observer
from mainstay_agent.lease.tenure import Claim, Tenure
from mainstay_controller.domain import jobs as job_rules
from mainstay_controller.domain.ha import case, proof, settling, victims
from mainstay_controller.domain.ha.proof import LeaseExpired, Rebooted, Released
from mainstay_controller.domain.ha.suspicion import Attention
from mainstay_controller.domain.jobs import Workers
from mainstay_controller.domain.states import VmState
from mainstay_controller.fleet import commands, fleet, verbs
from mainstay_controller.fleet.holds import Holds
from mainstay_controller.fleet.news import Inbox
from mainstay_controller.fleet.outcome import Done, Failed, Unknown
from mainstay_controller.operations.hosts import admit_host
from mainstay_controller.operations.maintenance import drain_host
from mainstay_controller.operations.orders import ask_again, start_orders
from mainstay_controller.operations.recovery import (
    casebook,
    investigate_host,
    plan_restarts,
    reconcile_host,
    release_guests,
    restart_guest,
)
from mainstay_controller.operations.vms import attach_volume, settle_migration, start_vm, stop_vm
from mainstay_proto.messages import CommandResult, RunState
from tests.kit.memory_store import MemoryRepository
from tests.simulation.mutants.planting import Mutant, Planter

# --- lease ------------------------------------------------------------------------------------------------------------


def dead_too_early(plant: Planter) -> None:
    plant.put(bounds, "dead_after", lambda profile: profile.validity_seconds / 2)


def petted_while_valid(plant: Planter) -> None:
    plant.put(bounds, "may_pet", lambda profile, now, lapses_at: now <= lapses_at)
    plant.put(bounds, "kill_line", lambda profile, lapses_at: lapses_at)


def the_watchdog_is_petted_for_ever(plant: Planter) -> None:
    plant.put(Tenure, "lets_pet", lambda self, profile, now: True)


def guests_are_not_killed(plant: Planter) -> None:
    plant.put(Keeper, "_kills", lambda self: ())
    plant.put(bounds, "may_pet", lambda profile, now, lapses_at: True)


def renewed_from_its_end(plant: Planter) -> None:
    ships = Keeper.renewal_acknowledged

    def acknowledged(self: Keeper, pool_id: str, sequence: int, now: float) -> Any:
        tenures = tuple(
            replace(each, renewal=replace(each.renewal, begun_at=now))
            if each.renewal and each.pool_id == pool_id
            else each
            for each in self.tenures
        )
        return ships(replace(self, tenures=tenures), pool_id, sequence, now)

    plant.put(Keeper, "renewal_acknowledged", acknowledged)


def renewals_stop(plant: Planter) -> None:
    plant.put(Tenure, "may_renew", lambda self, now: self.sequence < 20)


def the_ledger_dies_with_its_process(plant: Planter) -> None:
    plant.put(Keeper, "restarted", lambda self: replace(self, ledger=Ledger(), tenures=(), petted_at=None, told=()))


def authority_outlives_a_lapse(plant: Planter) -> None:
    plant.put(Ledger, "stands", lambda self, vm_id, tenures: self.order(vm_id) is not None)
    plant.put(Keeper, "standing_authority", lambda self, vm_id, now: self.ledger.order(vm_id) is not None)


def started_without_a_lease(plant: Planter) -> None:
    plant.put(Keeper, "_refusal", lambda self, pools, generations, now: None)


def a_hold_counts_from_its_answer(plant: Planter) -> None:
    ships = Tenure.granted

    def granted(self: Tenure, request_id: int, hold_seconds: float) -> Tenure:
        return ships(self, request_id, 2 * hold_seconds)

    plant.put(Tenure, "granted", granted)


def a_start_in_flight_is_nothing(plant: Planter) -> None:
    plant.put(Keeper, "_was_shot", lambda self, entry: entry in self.ledger.entries)
    plant.put(situation, "MakeSureGone", situation.ConfirmGone)


def every_witness_is_sound(plant: Planter) -> None:
    plant.put(Observer, "_is_sound", lambda self, scan: True)
    plant.put(Observer, "_remembered", lambda self, scan: self.watches)
    plant.put(Observer, "blinded", lambda self: self)


def poison_is_only_acknowledged(plant: Planter) -> None:
    def poisoned(self: Tenure, slot: Any, host_id: str) -> Tenure:
        poison = slot.poison
        if self.claim is not Claim.OWNED or poison is None or poison.incident_id == self.acknowledged_incident:
            return self
        return replace(self, acknowledged_incident=poison.incident_id, generation=self.generation + 1)

    plant.put(Tenure, "poisoned", poisoned)


def dropped_at_once(plant: Planter) -> None:
    plant.put(bounds, "drained_after", lambda profile: 0.0)


# --- proof ------------------------------------------------------------------------------------------------------------


def silence_is_death(plant: Planter) -> None:
    def lease_expired(known: case.Case, pool: case.LeasedPool) -> Any:
        if known.now - known.last_heard_at < pool.timing.doomed_seconds:
            return None
        return LeaseExpired(pool_id=pool.pool_id, boot_id=known.boot_id, generation=0, witnesses=())

    plant.put(case, "lease_expired", lease_expired)


def holds_are_forgotten(plant: Planter) -> None:
    plant.put(case, "question_counts_from", lambda known, pool: known.last_heard_at)


def holds_for_everybody(plant: Planter) -> None:
    plant.put(Holds, "bar", lambda self, host_id: None)
    plant.put(Holds, "over_at", lambda self, host_id, pool_id: 0.0)


def nobody_is_given_a_hold(plant: Planter) -> None:
    plant.put(Holds, "answer", lambda self, *_: None)


def nobody_waits_before_holds_are_over(plant: Planter) -> None:
    plant.put(fleet.Fleet, "holds_over_at", lambda self, host_id, pool_id: 0.0)


def a_lapse_proves_without_a_watchdog(plant: Planter) -> None:
    ships = case.lease_expired
    plant.put(case, "lease_expired", lambda known, pool: ships(replace(known, watchdog=True), pool))


def off_is_believed_alone(plant: Planter) -> None:
    plant.put(case, "ran_out", lambda known, pool: True)


def any_move_of_a_slot_is_a_boot(plant: Planter) -> None:
    def rebooted(known: case.Case) -> Any:
        moved = [each for pool in known.pools for each in known.sound(pool) if each.moved]
        if not moved:
            return None
        return Rebooted(old_boot_id=known.boot_id, new_boot_id="another", seen_by=moved[0].slot.observer_id)

    plant.put(case, "rebooted", rebooted)


def given_up_whoever_wrote_it(plant: Planter) -> None:
    def released(known: case.Case, pool: case.LeasedPool) -> Any:
        return next(
            (
                Released(pool_id=pool.pool_id, boot_id=known.boot_id, generation=0, told_by=each.slot.observer_id)
                for each in known.sound(pool)
                if known.poisoned_at is not None
            ),
            None,
        )

    plant.put(case, "released", released)


def an_early_answer_is_enough(plant: Planter) -> None:
    """Of storage, to a write begun within delta of the guest's end."""
    ships = last_writes._answered_since

    async def answered_since(moment: float, charge: Any, vm_id: str) -> bool:
        early = moment - charge.book.pools.profile.late_io_seconds
        return charge.clock.monotonic() >= moment and await ships(early, charge, vm_id)

    plant.put(last_writes, "_answered_since", answered_since)


def a_calm_pool_has_nothing_on_its_way(plant: Planter) -> None:
    """So that the word comes with the next renewal where the last one is not late."""
    ships = last_writes._answered_since

    async def answered_since(moment: float, charge: Any, vm_id: str) -> bool:
        profile = charge.book.pools.profile
        leases = await charge.area.leases()
        is_calm = all(lease.age_seconds <= 2 * profile.renew_seconds + profile.poll_seconds for lease in leases)
        return await ships(moment - (profile.late_io_seconds if is_calm else 0.0), charge, vm_id)

    plant.put(last_writes, "_answered_since", answered_since)


def what_is_gone_has_written(plant: Planter) -> None:
    """Whatever shows that a copy is gone shows that its writes have landed."""
    plant.put(settling, "speaks_of", lambda proof, pool_id: True)


def gone_before_its_writes(plant: Planter) -> None:
    async def at_once(charge: Any, vm_id: str, deadline: Any) -> None: ...

    plant.put(last_writes, "doubt", at_once)


def a_guest_told_to_stop_is_gone(plant: Planter) -> None:
    ships = guest_orders._bring_down

    async def bring_down(charge: Any, order: Any, deadline: Any) -> Any:
        charge.tasks.adopt(ships(charge, order, deadline), "bring it down")
        return DONE

    plant.put(guest_orders, "_bring_down", bring_down)


def every_boot_is_over(plant: Planter) -> None:
    async def boot_is_over(*_: Any) -> bool:
        return True

    for user in (start_vm, stop_vm, restart_guest):
        plant.put(user, "boot_is_over", boot_is_over)


def proofs_are_not_kept(plant: Planter) -> None:
    plant.put(release_guests, "as_facts", lambda proof: {})


# --- epochs -----------------------------------------------------------------------------------------------------------


def epochs_do_not_rise(plant: Planter) -> None:
    ships = start_orders.placed_on
    plant.put(
        start_orders, "placed_on", lambda vm, host, cluster, *, epoch: ships(vm, host, cluster, epoch=max(1, vm.epoch))
    )


def any_epoch_is_good(plant: Planter) -> None:
    plant.put(Ledger, "_refusal", lambda self, vm_id, epoch, tenures, *, standing: None)


def orders_name_no_generation(plant: Planter) -> None:
    ships = verbs._of_pools
    plant.put(
        verbs, "_of_pools", lambda tenure, pool_ids, boot_id: replace(ships(tenure, pool_ids, boot_id), generations=())
    )


def writes_are_not_compared(plant: Planter) -> None:
    """Of rows: the last one wins."""
    plant.put(
        MemoryRepository,
        "_swap",
        lambda self, old, new: self._table.__setitem__(old.id, replace(new, version=new.version + 1))
        or self._table[old.id],
    )


# --- recovery ---------------------------------------------------------------------------------------------------------


def whoever_was_stopped_is_started(plant: Planter) -> None:
    def judge(vm: Any, cause: Any = None, *, force_ha: bool = False) -> Any:
        return victims.Restart(rule="always", why="always")

    plant.put(release_guests, "judge", judge)
    plant.put(plan_restarts, "judge_again", lambda vm, epoch: victims.Restart(rule="always", why="always"))


def a_shutdown_is_a_crash(plant: Planter) -> None:
    plant.put(victims, "judge_shutdown", lambda vm: victims.Restart(rule="guest-died", why="it is down"))


def a_stop_meanwhile_is_overlooked(plant: Planter) -> None:
    async def still(turns: Any, cloud: Any) -> Any:
        return turns

    plant.put(plan_restarts, "_still_to_be_restarted", still)


def a_failed_restart_is_not_tried_again(plant: Planter) -> None:
    ships = plan_restarts.turns_due

    async def turns_due(cloud: Any, in_hand: Any) -> Any:
        return [turn for turn in await ships(cloud, in_hand) if turn.decision.attempts == 0 or turn.is_under_way]

    plant.put(plan_restarts, "turns_due", turns_due)


def incidents_of_the_dead_are_left(plant: Planter) -> None:
    async def claimed(incident: Any, cloud: Any) -> Any:
        return []

    plant.put(casebook, "_claimed", claimed)


def fenced_as_soon_as_suspect(plant: Planter) -> None:
    plant.put(case, "FENCED_AFTER_SECONDS", 0.0)


def a_silent_peer_has_nobody_at_its_door(plant: Planter) -> None:
    plant.put(case, "FENCED_AFTER_SECONDS_IF_A_PEER_IS_SILENT", case.FENCED_AFTER_SECONDS)


def unknown_is_failed(plant: Planter) -> None:
    async def until_known(order: Any, **_: Any) -> Any:
        told = await order(0)
        return Failed(code=told.code) if isinstance(told, Unknown) else told

    for user in (start_vm, restart_guest):
        plant.put(user, "until_known", until_known)


def missing_guests_are_not_missed(plant: Planter) -> None:
    async def miss(vm: Any, missing: Any, cloud: Any) -> bool:
        return True

    plant.put(reconcile_host, "_miss", miss)


def guests_are_not_compared(plant: Planter) -> None:
    async def compare_guests(host: Any, seen: Any, guests: Any, cloud: Any) -> bool:
        return True

    plant.put(reconcile_host, "compare_guests", compare_guests)


def the_dead_are_left_dead(plant: Planter) -> None:
    async def turns_due(cloud: Any, in_hand: Any) -> Any:
        return []

    plant.put(plan_restarts, "turns_due", turns_due)


def nobody_is_wanted_back(plant: Planter) -> None:
    def judge(vm: Any, cause: Any = None, *, force_ha: bool = False) -> Any:
        return victims.LeaveStopped(rule="never", why="never")

    plant.put(release_guests, "judge", judge)


def a_boot_releases_nobody(plant: Planter) -> None:
    async def nothing(host: Any, guests: Any, cloud: Any) -> None: ...

    for user in (reconcile_host, investigate_host):
        plant.put(user, "release_older_boot", nothing)


def guests_stay_paused(plant: Planter) -> None:
    plant.put(situation, "PAUSED_ON_IO_ERROR", "something else")


def what_was_not_settled_is_dropped(plant: Planter) -> None:
    plant.put(Inbox, "again", lambda self, news, after_seconds: None)


# --- jobs and migrations ----------------------------------------------------------------------------------------------


def jobs_are_anybodys(plant: Planter) -> None:
    plant.put(Workers, "work_on", lambda self, job: job.id in self.in_hand)


def jobs_in_one_line_run_together(plant: Planter) -> None:
    plant.put(job_rules, "takeable", lambda unfinished, workers, now: [j for j in unfinished if not workers.work_on(j)])
    plant.put(job_rules, "has_rival", lambda job, unfinished, workers: False)


def jobs_of_the_dead_are_left(plant: Planter) -> None:
    plant.put(Workers, "work_on", lambda self, job: job.owner_id is not None)


def a_postponed_job_is_done(plant: Planter) -> None:
    ships = job_rules.after

    def after(job: Any, ending: Any, now: Any) -> Any:
        is_postponed = isinstance(ending, job_rules.Postponed)
        return ships(job, job_rules.Succeeded(result={}) if is_postponed else ending, now)

    plant.put(job_rules, "after", after)


def the_source_goes_on_blindly(plant: Planter) -> None:
    """Its agent resumes whatever is paused, and not only what its storage paused."""

    async def decide(self: Any, source: Any, target: Any) -> Any:
        return await settle_migration.stayed(self.vm, self.run) if source.answered else None

    plant.put(settle_migration.Settling, "decide", decide)
    plant.put(situation, "PAUSED_ON_IO_ERROR", "")


def the_other_half_is_left(plant: Planter) -> None:
    async def nothing(self: Any, source: Any) -> None: ...

    plant.put(settle_migration.Settling, "_clear_away_its_other_half", nothing)


def who_came_and_ended_is_waited_for(plant: Planter) -> None:
    plant.put(situation, "_came_and_ended", lambda situation, ledger: False)


def a_target_need_not_forget(plant: Planter) -> None:
    async def forgotten(self: Any) -> bool:
        return True

    plant.put(settle_migration.Settling, "_target_has_forgotten", forgotten)


def a_host_without_running_guests_is_empty(plant: Planter) -> None:
    ships = drain_host.guests_on

    async def guests_on(host: Any, cloud: Any) -> Any:
        return [vm for vm in await ships(host, cloud) if vm.state is VmState.RUNNING]

    plant.put(drain_host, "guests_on", guests_on)


# --- disks ------------------------------------------------------------------------------------------------------------


def a_new_disk_needs_no_lease(plant: Planter) -> None:
    async def fine(charge: Any, spec: Any, tenure: Any) -> None: ...

    plant.put(device_orders, "_refuse", fine)


def what_is_being_attached_is_attached(plant: Planter) -> None:
    plant.put(proof, "UNSURE", frozenset())


def a_host_need_not_let_go_of_a_disk(plant: Planter) -> None:
    ships = attach_volume.Plugging._order

    async def order(self: Any, volume: Any, vm: Any, pool: Any, attempt: int) -> Any:
        return await ships(self, volume, vm, pool, attempt) if self.attaches else Done(answer={}, guests=(), slots=())

    plant.put(attach_volume.Plugging, "_order", order)


# --- sessions ---------------------------------------------------------------------------------------------------------


def sessions_of_the_dead_go_on(plant: Planter) -> None:
    plant.put(fleet.Fleet, "drop_session", lambda self, host_id, reason: None)


def whoever_shows_the_name_is_the_machine(plant: Planter) -> None:
    plant.put(admit_host, "is_another_machine", lambda host, arrival: False)


def silence_is_done(plant: Planter) -> None:
    def unanswered(command_id: str, code: str, why: str) -> Any:
        return CommandResult(command_id=command_id, state=RunState.DONE)

    plant.put(commands, "unanswered", unanswered)
    plant.put(fleet, "unanswered", unanswered)


def the_next_controller_knows_of_no_holds(plant: Planter) -> None:
    plant.put(fleet.Fleet, "holds_over_at", lambda self, host_id, pool_id: self._holds.over_at(host_id, pool_id) or 0.0)


def whoever_was_turned_away_is_lost(plant: Planter) -> None:
    plant.put(Attention, "how_we_stand", lambda self, last: last.contact)


def a_refusal_speaks_for_earlier_orders(plant: Planter) -> None:
    plant.put(ask_again, "NO_WORD_ABOUT_EARLIER", frozenset())


CATALOGUE = {
    "lease": (
        (dead_too_early, "cut_off_with_guests_that_cannot_be_killed"),
        (petted_while_valid, "cut_off_with_guests_that_cannot_be_killed"),
        (the_watchdog_is_petted_for_ever, "cut_off_with_guests_that_cannot_be_killed"),
        (guests_are_not_killed, "cut_off_with_guests_that_cannot_be_killed"),
        (renewed_from_its_end, "slots_answer_late_then_cut_off"),
        (renewals_stop, "cut_off_for_seconds"),
        (the_ledger_dies_with_its_process, "cut_off_and_its_processes_die"),
        (authority_outlives_a_lapse, "agent_stopped_while_its_pool_hangs"),
        (started_without_a_lease, "told_to_start_and_then_without_storage"),
        (a_hold_counts_from_its_answer, "held_then_cut_off"),
        (a_start_in_flight_is_nothing, "a_crash_then_a_daemon_that_hangs"),
        (every_witness_is_sound, "cut_off_while_reads_are_frozen"),
        (poison_is_only_acknowledged, "cut_off_for_seconds"),
        (dropped_at_once, "poisoned_and_without_storage"),
    ),
    "proof": (
        (silence_is_death, "cut_off_with_guests_that_cannot_be_killed"),
        (holds_are_forgotten, "held_then_cut_off"),
        (holds_for_everybody, "held_then_cut_off"),
        (nobody_is_given_a_hold, "the_pool_stands_still_for_all"),
        (nobody_waits_before_holds_are_over, "held_then_cut_off"),
        (a_lapse_proves_without_a_watchdog, "stands_still"),
        (off_is_believed_alone, "cut_off_and_its_power_controller_lies"),
        (any_move_of_a_slot_is_a_boot, "cut_off_for_seconds"),
        (given_up_whoever_wrote_it, "cut_off_for_seconds"),
        (an_early_answer_is_enough, "the_pool_stands_still_soon_after_a_guest_ended"),
        (a_calm_pool_has_nothing_on_its_way, "the_way_is_gone_as_a_guest_ends"),
        (gone_before_its_writes, "pool_hangs_for_some"),
        (what_is_gone_has_written, "a_host_dies_just_before_the_pool_stands_still"),
        (a_guest_told_to_stop_is_gone, "users_stop_what_cannot_be_reached"),
        (every_boot_is_over, "users_stop_what_cannot_be_reached"),
        (proofs_are_not_kept, "pool_hangs_for_some"),
    ),
    "epoch": (
        (epochs_do_not_rise, "pool_hangs_for_some"),
        (any_epoch_is_good, "stopped_while_their_start_is_in_the_post"),
        (orders_name_no_generation, "told_to_start_and_then_without_storage"),
        (writes_are_not_compared, "wishes_meet_recovery"),
    ),
    "recovery": (
        (whoever_was_stopped_is_started, "guests_shut_themselves_down"),
        (a_shutdown_is_a_crash, "guests_shut_themselves_down"),
        (a_stop_meanwhile_is_overlooked, "users_stop_what_waits_to_be_restarted"),
        (a_failed_restart_is_not_tried_again, "users_stop_what_waits_to_be_restarted"),
        (incidents_of_the_dead_are_left, "a_controller_dies_in_mid_recovery"),
        (fenced_as_soon_as_suspect, "agents_pause_for_seconds"),
        (a_silent_peer_has_nobody_at_its_door, "agents_dial_a_controller_that_stands_still"),
        (unknown_is_failed, "agents_stop_as_starts_are_ordered"),
        (missing_guests_are_not_missed, "pool_hangs_for_some"),
        (guests_are_not_compared, "pool_hangs_for_some"),
        (the_dead_are_left_dead, "pool_hangs_for_some"),
        (nobody_is_wanted_back, "pool_hangs_for_some"),
        (a_boot_releases_nobody, "a_host_dies_while_the_pool_stands_still"),
        (guests_stay_paused, "pool_fails_for_a_moment"),
        (what_was_not_settled_is_dropped, "guests_end_while_the_database_is_away"),
    ),
    "job": (
        (jobs_are_anybodys, "wishes_of_one_guest"),
        (jobs_in_one_line_run_together, "wishes_of_one_guest"),
        (jobs_of_the_dead_are_left, "wishes_while_controllers_die"),
        (a_postponed_job_is_done, "wishes_while_commits_are_lost"),
        (the_source_goes_on_blindly, "migrations_without_a_last_word"),
        (the_other_half_is_left, "migrations_without_a_last_word"),
        (a_target_need_not_forget, "migrations_in_trouble"),
        (who_came_and_ended_is_waited_for, "guests_come_to_a_daemon_that_hangs_and_crash"),
        (a_host_without_running_guests_is_empty, "a_host_is_emptied_while_guests_come_to_it"),
    ),
    "disk": (
        (a_new_disk_needs_no_lease, "a_new_disk_s_pool_goes_and_its_host_is_cut_off"),
        (what_is_being_attached_is_attached, "a_disk_is_asked_for_where_nobody_hears"),
        (a_host_need_not_let_go_of_a_disk, "disks_come_and_go_while_their_guests_move"),
    ),
    "session": (
        (whoever_shows_the_name_is_the_machine, "a_copy_comes_as_its_host_is_not_heard"),
        (sessions_of_the_dead_go_on, "poisoned_while_its_agent_stands_still"),
        (silence_is_done, "users_stop_what_cannot_be_reached"),
        (the_next_controller_knows_of_no_holds, "held_then_cut_off_as_the_controller_dies"),
        (whoever_was_turned_away_is_lost, "controllers_come_back_to_a_database_that_crawls"),
        (a_refusal_speaks_for_earlier_orders, "the_controller_dies_as_starts_are_ordered"),
    ),
}
"""By room: the fault, and what has to come together for it to matter."""

MUTANTS = {
    plant.__name__: Mutant(plant.__name__, plant, room, chord)
    for room, faults in CATALOGUE.items()
    for plant, chord in faults
}
