"""A guest's life by order, on every driver."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mainstay_proto.messages import GuestState, RunState, StopCause
from tests.agent.conformance.stand import (
    SOON_SECONDS,
    Stand,
    cause_of,
    eventually,
    is_in,
    report_of,
    started,
    state_of,
    successor,
)

NOBODY = "00000000-0000-4000-8000-000000000000"


async def test_the_driver_knows_its_host(stand: Stand) -> None:
    (facts,) = await stand.driver.hosts(SOON_SECONDS)

    assert facts.host_id == stand.host_id
    assert facts.cpus > 0
    assert facts.memory_mib > 0
    assert facts.boot_id
    assert set(facts.capabilities) == stand.driver.capabilities()


async def test_a_started_guest_runs_under_its_epoch(stand: Stand) -> None:
    spec = await started(stand, epoch=41)

    report = await report_of(stand, spec.vm_id)

    assert report is not None
    assert (report.state, report.epoch) == (GuestState.RUNNING, 41)


async def test_starting_it_again_under_its_epoch_changes_nothing(stand: Stand) -> None:
    spec = await started(stand)

    outcome = await stand.driver.start(stand.host_id, spec, SOON_SECONDS)

    assert outcome.done
    assert await state_of(stand, spec.vm_id) is GuestState.RUNNING


async def test_starting_it_under_another_epoch_is_refused_while_it_runs(stand: Stand) -> None:
    spec = await started(stand)

    outcome = await stand.driver.start(stand.host_id, successor(spec), SOON_SECONDS)

    assert (outcome.state, outcome.code) == (RunState.REFUSED, "running-other-epoch")
    report = await report_of(stand, spec.vm_id)
    assert report is not None
    assert (report.state, report.epoch) == (GuestState.RUNNING, spec.epoch)


async def test_a_destroyed_guest_is_gone_by_order(stand: Stand) -> None:
    spec = await started(stand)

    outcome = await stand.driver.destroy(stand.host_id, spec.vm_id, SOON_SECONDS)

    assert outcome.done
    assert await state_of(stand, spec.vm_id) is GuestState.STOPPED
    assert await cause_of(stand, spec.vm_id) is StopCause.ORDERED


async def test_destroying_a_guest_that_is_not_there_is_done(stand: Stand) -> None:
    outcome = await stand.driver.destroy(stand.host_id, NOBODY, SOON_SECONDS)

    assert outcome.done


async def test_a_stopped_guest_starts_under_its_next_epoch(stand: Stand) -> None:
    spec = await started(stand)
    await stand.driver.destroy(stand.host_id, spec.vm_id, SOON_SECONDS)

    outcome = await stand.driver.start(stand.host_id, successor(spec), SOON_SECONDS)

    assert outcome.done
    report = await report_of(stand, spec.vm_id)
    assert report is not None
    assert (report.state, report.epoch, report.cause) == (GuestState.RUNNING, spec.epoch + 1, None)


async def test_a_guest_that_obeys_its_power_button_is_off_and_did_not_crash(stand: Stand) -> None:
    spec = await started(stand)
    await stand.booted(spec.vm_id)

    outcome = await stand.driver.shutdown(stand.host_id, spec.vm_id, SOON_SECONDS, SOON_SECONDS)

    assert outcome.done
    # The port leaves it to the driver or to the duties above to know whose wish it was.
    assert await cause_of(stand, spec.vm_id) in (StopCause.ORDERED, StopCause.GUEST_SHUTDOWN)


async def test_a_guest_that_is_shut_down_while_it_boots_obeys_as_soon_as_it_can(stand: Stand) -> None:
    spec = await started(stand)

    outcome = await stand.driver.shutdown(stand.host_id, spec.vm_id, SOON_SECONDS, SOON_SECONDS)

    assert outcome.done


async def test_a_paused_guest_goes_on_when_told(stand: Stand) -> None:
    spec = await started(stand)

    await stand.pause_by_outsider(spec.vm_id)
    await eventually(lambda: is_in(stand, spec.vm_id, GuestState.PAUSED))

    assert (await stand.driver.resume(stand.host_id, spec.vm_id, SOON_SECONDS)).done
    await eventually(lambda: is_in(stand, spec.vm_id, GuestState.RUNNING))


async def test_a_forced_reboot_keeps_the_guest_where_it_is(stand: Stand) -> None:
    spec = await started(stand)

    outcome = await stand.driver.reboot(stand.host_id, spec.vm_id, True, SOON_SECONDS)

    assert outcome.done
    report = await report_of(stand, spec.vm_id)
    assert report is not None
    assert (report.state, report.epoch) == (GuestState.RUNNING, spec.epoch)


async def test_a_guest_is_forgotten_only_when_it_does_not_run(stand: Stand) -> None:
    spec = await started(stand)

    early = await stand.driver.forget(stand.host_id, spec.vm_id, SOON_SECONDS)
    await stand.driver.destroy(stand.host_id, spec.vm_id, SOON_SECONDS)
    late = await stand.driver.forget(stand.host_id, spec.vm_id, SOON_SECONDS)

    assert (early.state, early.code) == (RunState.REFUSED, "running")
    assert late.done
    assert await report_of(stand, spec.vm_id) is None


@pytest.mark.parametrize("order", ["reboot", "resume"])
async def test_orders_for_an_unknown_guest_are_refused(stand: Stand, order: str) -> None:
    driver = stand.driver

    match order:
        case "reboot":
            outcome = await driver.reboot(stand.host_id, NOBODY, True, SOON_SECONDS)
        case _:
            outcome = await driver.resume(stand.host_id, NOBODY, SOON_SECONDS)

    assert (outcome.state, outcome.code) == (RunState.REFUSED, "no-such-guest")


async def test_a_name_with_markup_is_a_name(stand: Stand) -> None:
    ordinary = stand.spec()
    spec = replace(ordinary, name=f"<b>&'\"{ordinary.vm_id[:8]}")

    outcome = await stand.driver.start(stand.host_id, spec, SOON_SECONDS)

    assert outcome.done, outcome
    assert await state_of(stand, spec.vm_id) is GuestState.RUNNING


async def test_many_guests_live_side_by_side(stand: Stand) -> None:
    specs = [await started(stand) for _ in range(3)]

    await stand.driver.destroy(stand.host_id, specs[1].vm_id, SOON_SECONDS)

    async def only_that_one_stopped() -> bool:
        states = [await state_of(stand, spec.vm_id) for spec in specs]
        return states == [GuestState.RUNNING, GuestState.STOPPED, GuestState.RUNNING]

    await eventually(only_that_one_stopped)
