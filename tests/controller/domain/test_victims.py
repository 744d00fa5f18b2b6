"""What becomes of a guest that is proven gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mainstay_controller.domain.ha.evidence import GuestSeen, Power, StopCause
from mainstay_controller.domain.ha.reconcile import Adopt, Agrees, Alarm, Kill, Missing, Unawaited, Undecided, compare
from mainstay_controller.domain.ha.victims import LeaveStopped, Restart, Superseded, judge, judge_again, restart_order
from mainstay_controller.domain.ids import AccountId, DomainId, HostId, OfferingId, VmId, ZoneId
from mainstay_controller.domain.records import Vm
from mainstay_controller.domain.states import VmState

THEN = datetime(2026, 1, 1, tzinfo=UTC)
H1, H2 = HostId("h1"), HostId("h2")


def a_vm(name: str = "v1", **other: Any) -> Vm:
    """Wanted, HA on, Running on h1 under epoch 5."""
    ordinary: dict[str, Any] = {
        "id": VmId(name),
        "name": name,
        "created": THEN,
        "account_id": AccountId("a"),
        "domain_id": DomainId("d"),
        "zone_id": ZoneId("z"),
        "service_offering_id": OfferingId("o"),
        "state": VmState.RUNNING,
        "wanted_running": True,
        "ha_enabled": True,
        "host_id": H1,
        "epoch": 5,
    }
    return Vm(**{**ordinary, **other})


def seen(power: Power = Power.RUNNING, epoch: int = 5, cause: StopCause | None = None) -> GuestSeen:
    return GuestSeen(vm_id=VmId("v1"), power=power, epoch=epoch, cause=cause)


def rule(**other: Any) -> str:
    cause = other.pop("cause", None)
    return judge(a_vm(**other), cause).rule


def test_a_wanted_guest_with_ha_is_restarted() -> None:
    assert isinstance(judge(a_vm()), Restart)


@pytest.mark.parametrize(
    ("facts", "left_by"),
    [
        ({"wanted_running": False}, "not-wanted"),
        ({"ha_enabled": False}, "ha-off"),
        ({"state": VmState.DESTROYED}, "destroyed"),
        ({"cause": StopCause.GUEST_SHUTDOWN}, "guest-shutdown"),
        (
            {"ha_enabled": False, "restart_after_guest_shutdown": True, "cause": StopCause.GUEST_SHUTDOWN},
            "guest-shutdown",
        ),
    ],
)
def test_it_is_left_stopped_by_the_rule_that_says_why(facts: dict[str, Any], left_by: str) -> None:
    assert rule(**facts) == left_by


def test_force_ha_counts_for_every_guest() -> None:
    assert isinstance(judge(a_vm(ha_enabled=False), force_ha=True), Restart)


def test_a_changed_mind_and_other_hands_are_noticed_in_the_last_moment() -> None:
    stopped: dict[str, Any] = {"state": VmState.STOPPED, "host_id": None}

    assert isinstance(judge_again(a_vm(**stopped), 5), Restart)
    assert isinstance(judge_again(a_vm(**stopped, wanted_running=False), 5), LeaveStopped)
    assert isinstance(judge_again(a_vm(**stopped), 4), Superseded)
    assert isinstance(judge_again(a_vm(), 5), Superseded)


def test_system_machines_first_then_priority_then_age() -> None:
    young = a_vm("young", created=THEN + timedelta(days=1))
    low, high, router = a_vm("low"), a_vm("high", priority=3), a_vm("router", type="DomainRouter")

    assert [vm.name for vm in restart_order([young, low, high, router])] == ["router", "high", "low", "young"]


# --- a host's word against our row --------------------------------------------------------------------------------------


def test_a_guest_that_runs_where_we_have_it_agrees() -> None:
    assert compare(a_vm(), seen(), H1) == Agrees()


def test_an_old_epoch_is_killed_on_sight_wherever_it_is() -> None:
    assert isinstance(compare(a_vm(), seen(epoch=4), H1), Kill)
    assert isinstance(compare(a_vm(), seen(epoch=4), H2), Kill)
    assert isinstance(compare(a_vm(state=VmState.STOPPED, host_id=None), seen(epoch=4), H2), Kill)


def test_a_starting_copy_counts_as_running() -> None:
    assert isinstance(compare(a_vm(), seen(Power.STARTING, epoch=4), H2), Kill)


def test_what_is_gone_from_a_host_is_asked_about_only_if_it_should_run_there() -> None:
    assert isinstance(compare(a_vm(), None, H1), Missing)
    assert compare(a_vm(), seen(Power.CRASHED, cause=StopCause.CRASHED), H1) == Missing(
        cause=StopCause.CRASHED, detail=""
    )
    assert compare(a_vm(state=VmState.STARTING), None, H1) == Agrees()
    assert compare(a_vm(), None, H2) == Agrees()


def test_a_guest_whose_power_is_unknown_is_not_gone() -> None:
    assert compare(a_vm(), seen(Power.UNKNOWN), H1) == Agrees()


def test_a_guest_found_running_is_adopted_if_it_is_wanted_and_killed_if_not() -> None:
    nowhere: dict[str, Any] = {"state": VmState.STOPPED, "host_id": None}

    assert compare(a_vm(**nowhere), seen(), H1) == Adopt()
    assert isinstance(compare(a_vm(**nowhere, wanted_running=False), seen(), H1), Kill)


def test_what_should_be_impossible_is_told_and_not_touched() -> None:
    assert isinstance(compare(None, seen(), H1), Alarm)
    assert isinstance(compare(a_vm(), seen(epoch=6), H1), Alarm)
    assert isinstance(compare(a_vm(), seen(), H2), Alarm)


def test_a_host_that_still_expects_a_guest_whose_migration_is_over_is_told_to_forget_it() -> None:
    assert compare(a_vm(), seen(Power.MIGRATING, epoch=6), H2) == Unawaited(epoch=6)
    assert compare(a_vm(state=VmState.MIGRATING, target_host_id=H2), seen(Power.MIGRATING, epoch=6), H2) == Agrees()
    assert isinstance(compare(a_vm(), seen(Power.RUNNING, epoch=6), H2), Alarm)


def test_the_target_of_a_migration_may_run_the_epoch_handed_over() -> None:
    moving = a_vm(state=VmState.MIGRATING, target_host_id=H2)

    assert compare(moving, seen(epoch=6), H2) == Agrees()
    assert compare(moving, seen(), H1) == Agrees()


def test_a_guest_that_is_gone_from_its_target_is_looked_at_again_until_its_migration_is_settled() -> None:
    moving = a_vm(state=VmState.MIGRATING, target_host_id=H2)
    arrived = a_vm(epoch=6, host_id=H2)

    assert compare(moving, seen(Power.CRASHED, epoch=6), H2) == Undecided()
    assert compare(moving, seen(Power.CRASHED, epoch=4), H2) == Agrees()
    assert isinstance(compare(arrived, seen(Power.CRASHED, epoch=6), H2), Missing)
