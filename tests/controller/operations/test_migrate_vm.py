"""A live migration ends on one host, whatever is lost on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mainstay_controller.domain.ids import HostId
from mainstay_controller.domain.records import Job, Vm
from mainstay_controller.domain.states import DecisionOutcome, JobState, VmState
from mainstay_controller.operations.errors import InsufficientCapacity, InvalidParameter, ResourceInUse
from mainstay_controller.operations.jobs import request_cancel
from mainstay_controller.operations.vms import attend_vms, migrate_vm
from mainstay_proto.messages import GuestState
from tests.kit.small_cloud import ANN, Here, a_cloud
from tests.kit.told_hosts import UNKNOWN, Deaf, DoButSay, Say, Silence, failed, refused
from tests.kit.wishes import a_running_vm, a_stopped_vm


async def migrate(here: Here, vm: Vm, to: str | None = "h2") -> Job:
    return await migrate_vm.begin(vm.id, ANN, here.cloud, host_id=HostId(to) if to else None)


async def test_a_guest_moves_under_the_next_epoch() -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here)

        job = await here.run(await migrate(here, vm))

        vm = await here.vm(vm.id)
        assert (job.state, vm.host_id, vm.last_host_id, vm.epoch) == (JobState.SUCCEEDED, "h2", "h1", 2)
        assert here.world.where_runs(vm.id) == ["h2"]


async def test_without_a_named_host_the_planner_chooses() -> None:
    async with a_cloud(hosts=3) as here:
        vm = await a_running_vm(here)
        other = await a_running_vm(here, name="other")
        assert {vm.host_id, other.host_id} == {"h1", "h2"}

        await here.run(await migrate(here, vm, to=None))

        assert here.world.where_runs(vm.id) == ["h3"]


LOST: list[tuple[str, str, Any]] = [
    ("the acknowledgement of the migration is lost", "migrate", Silence()),
    ("the source does not know how it ended", "migrate", DoButSay(UNKNOWN)),
    ("the target's readiness is not heard", "incoming", Silence()),
]


@pytest.mark.parametrize(("_what", "verb", "twist"), LOST, ids=[row[0] for row in LOST])
async def test_an_unclear_end_is_settled_by_asking(_what: str, verb: str, twist: Any) -> None:
    async with a_cloud(migrate_deadline_seconds=60.0) as here:
        vm = await a_running_vm(here)
        here.host(2 if verb == "incoming" else 1).twist(verb, twist)

        await here.run(await migrate(here, vm))

        vm = await here.vm(vm.id)
        assert vm.state is VmState.RUNNING
        assert here.world.where_runs(vm.id) == [vm.host_id]


FAILS: list[tuple[str, str, Any]] = [
    ("the target refuses", "incoming", Say(refused("no-lease"))),
    ("the migration fails", "migrate", Say(failed("unreachable"))),
    ("the source never hears of it", "migrate", Deaf()),
]


@pytest.mark.parametrize(("_what", "verb", "twist"), FAILS, ids=[row[0] for row in FAILS])
async def test_a_guest_that_did_not_move_runs_on_and_the_target_has_forgotten_it(
    _what: str, verb: str, twist: Any
) -> None:
    async with a_cloud(migrate_deadline_seconds=60.0) as here:
        vm = await a_running_vm(here)
        here.host(2 if verb == "incoming" else 1).twist(verb, twist)

        job = await here.run(await migrate(here, vm))

        after = await here.vm(vm.id)
        assert (job.state, job.result_code) == (JobState.FAILED, 534)
        assert (after.state, after.host_id, after.target_host_id, after.epoch) == (
            VmState.RUNNING,
            "h1",
            None,
            vm.epoch,
        )
        assert vm.id not in here.host(2).guests


async def test_a_paused_source_is_never_resumed_since_the_guest_may_have_run_on_the_target() -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here)
        here.host(1).twist("migrate", Say(UNKNOWN))
        job = await migrate(here, vm)
        here.host(1).guests[vm.id].state = GuestState.PAUSED

        await here.run(job)

        verbs = [verb for host in here.site.hosts for verb in host.verbs() if verb in ("cancel", "stop", "resume")]
        assert sorted(verbs) == ["cancel", "stop"]
        assert here.world.where_runs(vm.id) == []
        [decision] = await here.cloud.store.decisions.find()
        assert (decision.vm_id, decision.rule, (await here.vm(vm.id)).state) == (vm.id, "ha-off", VmState.STOPPED)


async def test_while_neither_host_answers_the_vm_is_migrating_and_is_attended_to_later() -> None:
    async with a_cloud(migrate_deadline_seconds=60.0) as here:
        vm = await a_running_vm(here)
        here.host(1).twist("migrate", Silence())
        job = await migrate(here, vm)
        with pytest.raises(AssertionError):
            await here.run(job, within_seconds=30)
        for host in here.site.hosts:
            await host.disconnect()

        job = await here.run(job)

        assert (job.result_code, (await here.vm(vm.id)).state) == (530, VmState.MIGRATING)

        for host in here.site.hosts:
            await host.connect(here.cloud.fleet)
        [attended] = await attend_vms.attend(here.cloud)
        await here.run(attended)

        assert (await here.vm(vm.id)).state is VmState.RUNNING


async def test_a_guest_lost_on_both_hosts_is_handed_to_recovery_with_proof() -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here)
        here.host(1).twist("migrate", Say(UNKNOWN))
        job = await migrate(here, vm)
        here.host(1).guests.clear()

        job = await here.run(job)

        vm = await here.vm(vm.id)
        [decision] = await here.cloud.store.decisions.find()
        assert (job.state, vm.state, vm.host_id, vm.epoch) == (JobState.FAILED, VmState.STOPPED, None, 2)
        assert (decision.vm_id, decision.proof["kind"]) == (vm.id, "acknowledged")
        assert decision.outcome is DecisionOutcome.LEFT_STOPPED  # its offering does not ask for HA


async def test_a_migration_can_be_cancelled_before_it_begins() -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here)
        job = await migrate(here, vm)
        await request_cancel(job.id, here.cloud)

        job = await here.run(job)

        assert job.state is JobState.CANCELLED
        assert here.world.where_runs(vm.id) == ["h1"]


async def test_impossible_wishes_are_refused_at_once() -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here)
        stopped = await a_stopped_vm(here, name="stopped")

        with pytest.raises(InvalidParameter, match="hostid"):
            await migrate(here, vm, to="h1")
        with pytest.raises(InvalidParameter, match="there is no host nowhere"):
            await migrate(here, vm, to="nowhere")
        with pytest.raises(ResourceInUse, match="it is Stopped"):
            await migrate(here, stopped)


async def test_a_full_target_is_refused_with_its_numbers() -> None:
    async with a_cloud() as here:
        vm = await a_running_vm(here)
        row = await here.cloud.store.hosts.by_id("h2")
        await here.cloud.store.hosts.swap(row, replace(row, memory_mib=512))

        with pytest.raises(InsufficientCapacity, match=r"h2 \(memory-full: need 1024, have 512\)"):
            await migrate(here, vm)
