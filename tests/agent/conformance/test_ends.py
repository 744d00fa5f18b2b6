"""A crash, a shutdown from inside, and somebody else's destroy are three different ends: told at once, and told the same later."""

from __future__ import annotations

import asyncio

import pytest

from mainstay_agent.driver import GuestChanged
from mainstay_proto.messages import GuestState, StopCause
from tests.agent.conformance.stand import (
    SOON_SECONDS,
    Stand,
    cause_of,
    heard,
    is_stop_of,
    report_of,
    started,
)

EVENT_SECONDS = 1.0  # of the port's promise


async def stop_told(stand: Stand, vm_id: str) -> GuestChanged:
    event = await heard(stand, is_stop_of(vm_id), EVENT_SECONDS + SOON_SECONDS)
    assert isinstance(event, GuestChanged)
    return event


@pytest.mark.ability("crash")
async def test_a_crash_is_told_as_a_crash(stand: Stand) -> None:
    spec = await started(stand)

    await stand.crash(spec.vm_id)

    told = await stop_told(stand, spec.vm_id)
    assert (told.cause, told.epoch) == (StopCause.CRASHED, spec.epoch)
    assert await cause_of(stand, spec.vm_id) is StopCause.CRASHED


@pytest.mark.ability("inside")
async def test_a_guest_that_powers_itself_off_did_not_crash(stand: Stand) -> None:
    spec = await started(stand)

    await stand.power_off_from_inside(spec.vm_id)

    told = await stop_told(stand, spec.vm_id)
    assert told.cause is StopCause.GUEST_SHUTDOWN
    assert await cause_of(stand, spec.vm_id) is StopCause.GUEST_SHUTDOWN


@pytest.mark.ability("outsider")
async def test_an_outsiders_destroy_is_not_ours(stand: Stand) -> None:
    spec = await started(stand)

    await stand.destroy_by_outsider(spec.vm_id)

    told = await stop_told(stand, spec.vm_id)
    assert told.cause is StopCause.OUTSIDER
    assert await cause_of(stand, spec.vm_id) is StopCause.OUTSIDER


async def test_our_own_destroy_is_told_as_ordered(stand: Stand) -> None:
    spec = await started(stand)

    await stand.driver.destroy(stand.host_id, spec.vm_id, SOON_SECONDS)

    told = await stop_told(stand, spec.vm_id)
    assert told.cause is StopCause.ORDERED


async def test_a_start_and_a_pause_are_told_too(stand: Stand) -> None:
    spec = await started(stand)
    await stand.pause_by_outsider(spec.vm_id)

    states = []
    while GuestState.PAUSED not in states:
        event = await heard(stand, lambda event: isinstance(event, GuestChanged) and event.vm_id == spec.vm_id)
        assert isinstance(event, GuestChanged)
        states.append(event.state)

    assert GuestState.RUNNING in states


@pytest.mark.ability("crash", "agent-restart")
async def test_a_crash_that_nobody_watched_is_told_when_the_agent_is_back(stand: Stand) -> None:
    spec = await started(stand)
    await stand.stop_agent()

    await stand.crash(spec.vm_id)
    await stand.start_agent()

    assert await cause_of(stand, spec.vm_id) in (StopCause.CRASHED, StopCause.VANISHED)


@pytest.mark.ability("agent-restart")
async def test_guests_live_through_their_agents_restart(stand: Stand) -> None:
    spec = await started(stand)

    await stand.stop_agent()
    await stand.start_agent()

    report = await report_of(stand, spec.vm_id)
    assert report is not None
    assert (report.state, report.epoch) == (GuestState.RUNNING, spec.epoch)


@pytest.mark.ability("agent-restart")
async def test_an_ordered_end_stays_ordered_after_the_agents_restart(stand: Stand) -> None:
    spec = await started(stand)
    await stand.driver.destroy(stand.host_id, spec.vm_id, SOON_SECONDS)

    await stand.stop_agent()
    await stand.start_agent()

    assert await cause_of(stand, spec.vm_id) is StopCause.ORDERED


@pytest.mark.ability("outsider", "agent-restart")
async def test_an_agent_that_was_restarted_still_hears_events(stand: Stand) -> None:
    spec = await started(stand)
    await stand.stop_agent()
    await stand.start_agent()

    await stand.destroy_by_outsider(spec.vm_id)

    assert (await stop_told(stand, spec.vm_id)).cause is StopCause.OUTSIDER


async def test_events_end_when_the_driver_is_closed(stand: Stand) -> None:
    await started(stand)
    await stand.stop_agent()

    async with asyncio.timeout(SOON_SECONDS):
        _last_told = [event async for event in stand.driver.events()]

    await stand.start_agent()
