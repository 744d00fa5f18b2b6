"""A guest moves while it runs: at every moment at most one of its copies does, and a failed move leaves it where it was."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from mainstay_agent.driver import Outcome
from mainstay_proto.messages import GuestSpec, GuestState, RunState, StopCause
from tests.agent.conformance.stand import (
    SOON_SECONDS,
    Stand,
    cause_of,
    eventually,
    report_of,
    started,
    state_of,
    successor,
)

pytestmark = pytest.mark.ability("migrate")
Pair = tuple[Stand, Stand]
SLOWLY = 1  # MiB a second
GONE = (None, GuestState.STOPPED)


async def ready_to_move(pair: Pair, **changes: Any) -> GuestSpec:
    """It runs on the source; the target expects it under its next epoch."""
    source, target = pair
    spec = await started(source, **changes)
    await source.booted(spec.vm_id)
    expected = await migrates(target).expect_incoming(target.host_id, successor(spec), SOON_SECONDS)
    assert expected.done, expected
    return spec


def migrates(stand: Stand) -> Any:
    """The driver as one that migrates."""
    return stand.driver


async def move(pair: Pair, spec: GuestSpec, bandwidth_mib: int | None = None) -> Outcome:
    source, target = pair
    outcome: Outcome = await migrates(source).migrate(
        source.host_id, spec.vm_id, target.url, spec.epoch + 1, bandwidth_mib, SOON_SECONDS
    )
    return outcome


async def while_moving(pair: Pair, spec: GuestSpec, deed: Callable[[], Awaitable[object]]) -> Outcome:
    """A slow move, and a deed once its memory is on the way."""
    source, _target = pair

    async def on_its_way() -> bool:
        status = await migrates(source).migration_status(source.host_id, spec.vm_id)
        return status is not None and status.remaining_bytes > 0

    async with asyncio.TaskGroup() as group:
        moving = group.create_task(move(pair, spec, SLOWLY))
        await eventually(on_its_way)
        await deed()
    return moving.result()


async def test_a_guest_moves_and_runs_under_its_next_epoch(pair: Pair) -> None:
    source, target = pair
    spec = await ready_to_move(pair)

    outcome = await move(pair, spec)

    assert outcome.done, outcome
    report = await report_of(target, spec.vm_id)
    assert report is not None
    assert (report.state, report.epoch) == (GuestState.RUNNING, spec.epoch + 1)
    assert await state_of(source, spec.vm_id) in GONE
    assert await cause_of(source, spec.vm_id) is StopCause.MIGRATED


async def test_its_progress_is_told_and_never_do_both_copies_run(pair: Pair) -> None:
    source, target = pair
    spec = await ready_to_move(pair)
    percents: list[int] = []

    async def watch() -> None:
        for _ in range(20):
            here, there = await state_of(source, spec.vm_id), await state_of(target, spec.vm_id)
            assert not (here is GuestState.RUNNING and there is GuestState.RUNNING)
            status = await migrates(source).migration_status(source.host_id, spec.vm_id)
            if status is not None:
                percents.append(status.percent)
            await asyncio.sleep(0.02)

    outcome = await while_moving(pair, spec, watch)

    assert outcome.done, outcome
    assert percents
    assert all(0 <= percent <= 100 for percent in percents)


async def test_an_aborted_move_leaves_the_guest_where_it_was(pair: Pair) -> None:
    source, target = pair
    spec = await ready_to_move(pair)

    async def abort() -> None:
        aborted = await migrates(source).abort_migration(source.host_id, spec.vm_id, SOON_SECONDS)
        assert aborted.done, aborted

    outcome = await while_moving(pair, spec, abort)

    assert (outcome.state, outcome.code) == (RunState.FAILED, "aborted")
    report = await report_of(source, spec.vm_id)
    assert report is not None
    assert (report.state, report.epoch) == (GuestState.RUNNING, spec.epoch)
    dropped = await migrates(target).drop_incoming(target.host_id, spec.vm_id, spec.epoch + 1, SOON_SECONDS)
    assert dropped.done
    assert await state_of(target, spec.vm_id) in GONE


async def test_there_is_nothing_to_abort_when_nothing_moves(pair: Pair) -> None:
    source, _target = pair
    spec = await started(source)

    outcome = await migrates(source).abort_migration(source.host_id, spec.vm_id, SOON_SECONDS)

    assert (outcome.state, outcome.code) == (RunState.REFUSED, "no-migration")


async def test_a_guest_that_has_arrived_is_not_dropped(pair: Pair) -> None:
    _source, target = pair
    spec = await ready_to_move(pair)
    assert (await move(pair, spec)).done

    outcome = await migrates(target).drop_incoming(target.host_id, spec.vm_id, spec.epoch + 1, SOON_SECONDS)

    assert (outcome.state, outcome.code) == (RunState.REFUSED, "running")
    assert await state_of(target, spec.vm_id) is GuestState.RUNNING


async def test_a_host_that_runs_another_epoch_of_it_expects_nothing(pair: Pair) -> None:
    _source, target = pair
    spec = await started(target)

    outcome = await migrates(target).expect_incoming(target.host_id, successor(spec), SOON_SECONDS)

    assert (outcome.state, outcome.code) == (RunState.REFUSED, "running-other-epoch")
    assert await state_of(target, spec.vm_id) is GuestState.RUNNING


async def test_an_expected_guest_that_never_comes_is_no_guest(pair: Pair) -> None:
    _source, target = pair
    spec = await ready_to_move(pair)

    dropped = await migrates(target).drop_incoming(target.host_id, spec.vm_id, spec.epoch + 1, SOON_SECONDS)

    assert dropped.done
    assert await state_of(target, spec.vm_id) in GONE


async def test_a_guest_can_move_back_and_be_destroyed(pair: Pair) -> None:
    source, target = pair
    spec = await ready_to_move(pair)
    assert (await move(pair, spec)).done
    moved = successor(spec)

    expected = await migrates(source).expect_incoming(source.host_id, successor(moved), SOON_SECONDS)
    back = await move((target, source), moved)

    assert expected.done
    assert back.done, back
    assert (await source.driver.destroy(source.host_id, spec.vm_id, SOON_SECONDS)).done
    assert await cause_of(source, spec.vm_id) is StopCause.ORDERED
    assert await state_of(target, spec.vm_id) in GONE
