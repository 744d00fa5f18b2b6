"""A process is ready when all its parts are well, and healthy while none is broken."""

from __future__ import annotations

from mainstay_runtime.health import Condition, Health


def test_a_process_is_not_ready_before_every_part_said_so() -> None:
    health = Health("store", "rpc")

    health.tell("store", Condition.WELL)

    assert health.is_healthy
    assert not health.is_ready
    assert health.report() == {"store": "well", "rpc": "waiting: not started"}


def test_waiting_for_the_world_is_healthy_and_broken_is_not() -> None:
    health = Health("store")

    health.tell("store", Condition.WAITING, "database does not answer")
    assert (health.is_healthy, health.is_ready) == (True, False)

    health.tell("store", Condition.BROKEN, "loop ended")
    assert (health.is_healthy, health.is_ready) == (False, False)
