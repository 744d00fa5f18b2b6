"""A hypervisor's daemon that hangs or dies: no call waits for it, no guest ends with it, and its return is told."""

from __future__ import annotations

import asyncio
import time

import pytest

from mainstay_agent.driver import HypervisorBack, HypervisorLost
from mainstay_proto.messages import GuestState, RunState, StopCause
from tests.agent.conformance.stand import (
    SOON_SECONDS,
    Stand,
    cause_of,
    eventually,
    heard,
    report_of,
    started,
    state_of,
)

PATIENCE_SECONDS = 0.5
SLACK_SECONDS = 1.0  # of a busy machine


@pytest.mark.ability("hang")
async def test_a_question_to_a_hung_daemon_ends_in_time(stand: Stand) -> None:
    await started(stand)
    await stand.hang_hypervisor()

    begun = time.perf_counter()
    guests = await stand.driver.guests(stand.host_id, PATIENCE_SECONDS)
    took = time.perf_counter() - begun

    await stand.wake_hypervisor()
    assert guests is None
    assert took < PATIENCE_SECONDS + SLACK_SECONDS


@pytest.mark.ability("hang")
async def test_orders_to_a_hung_daemon_are_unknown_and_in_time(stand: Stand) -> None:
    running = await started(stand)
    fresh = [stand.spec() for _ in range(12)]
    await stand.hang_hypervisor()

    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        orders = [group.create_task(stand.driver.start(stand.host_id, spec, PATIENCE_SECONDS)) for spec in fresh]
        orders.append(group.create_task(stand.driver.destroy(stand.host_id, running.vm_id, PATIENCE_SECONDS)))
    took = time.perf_counter() - begun

    await stand.wake_hypervisor()
    assert {order.result().state for order in orders} == {RunState.UNKNOWN}
    assert took < PATIENCE_SECONDS + SLACK_SECONDS


@pytest.mark.ability("hang")
async def test_after_a_destroy_is_done_no_earlier_start_comes_through(stand: Stand) -> None:
    spec = stand.spec()
    await stand.hang_hypervisor()
    start = await stand.driver.start(stand.host_id, spec, PATIENCE_SECONDS)
    await stand.wake_hypervisor()

    async def destroyed() -> bool:
        return (await stand.driver.destroy(stand.host_id, spec.vm_id, SOON_SECONDS)).done

    await eventually(destroyed)

    assert start.state is RunState.UNKNOWN
    for _ in range(20):
        assert await state_of(stand, spec.vm_id) in (None, GuestState.STOPPED)
        await asyncio.sleep(0.05)


@pytest.mark.ability("hang")
async def test_a_daemon_that_hangs_is_told_as_lost_and_later_as_back(stand: Stand) -> None:
    spec = await started(stand)

    await stand.hang_hypervisor()
    await heard(stand, lambda event: isinstance(event, HypervisorLost))
    await stand.wake_hypervisor()
    await heard(stand, lambda event: isinstance(event, HypervisorBack))

    assert await state_of(stand, spec.vm_id) is GuestState.RUNNING


@pytest.mark.ability("daemon-restart")
async def test_guests_live_through_their_daemons_restart_and_its_return_is_told(stand: Stand) -> None:
    spec = await started(stand)

    await stand.kill_hypervisor()
    await heard(stand, lambda event: isinstance(event, HypervisorLost))
    await stand.restart_hypervisor()
    await heard(stand, lambda event: isinstance(event, HypervisorBack))

    report = await report_of(stand, spec.vm_id)
    assert report is not None
    assert (report.state, report.epoch) == (GuestState.RUNNING, spec.epoch)


@pytest.mark.ability("daemon-restart", "crash")
async def test_a_guest_that_died_without_its_daemon_is_reported_when_it_returns(stand: Stand) -> None:
    spec = await started(stand)

    await stand.kill_hypervisor()
    await stand.crash(spec.vm_id)
    await stand.restart_hypervisor()
    await heard(stand, lambda event: isinstance(event, HypervisorBack))

    assert await cause_of(stand, spec.vm_id) in (StopCause.CRASHED, StopCause.VANISHED)
