"""What a guest is told that no host takes: where its disk is, before how full the others are."""

from __future__ import annotations

from mainstay_controller.domain.ids import HostId, PoolId
from mainstay_controller.domain.placement.refusal import why_nowhere
from mainstay_controller.domain.records import StoragePool
from mainstay_controller.domain.states import HostState
from tests.kit.rooms import POOL, ZONE, a_demand, a_host_room, a_snapshot
from tests.kit.virtual_time import BEGINNING

LOCAL = PoolId("local")
ON_SHARED, ON_LOCAL = a_demand(pool_ids=frozenset({POOL})), a_demand(pool_ids=frozenset({LOCAL}))
POOLS = {
    POOL: StoragePool(id=POOL, name="shared", zone_id=ZONE, created=BEGINNING, scope="CLUSTER"),
    LOCAL: StoragePool(id=LOCAL, name="local", zone_id=ZONE, created=BEGINNING, scope="HOST", host_id=HostId("h1")),
}


def test_a_disk_on_one_host_is_on_that_host() -> None:
    dead = a_host_room("h1", state=HostState.DOWN, pool_ids=frozenset({POOL, LOCAL}))

    why = why_nowhere(ON_LOCAL, a_snapshot(dead, a_host_room("h2")), POOLS)

    assert why == "its disk is on h1, which is Down"


def test_a_shared_disk_waits_for_any_host_that_reaches_it() -> None:
    dead, silent = a_host_room("h1", state=HostState.DOWN), a_host_room("h2", state=HostState.ALERT)
    elsewhere = a_host_room("h3", pool_ids=frozenset())

    why = why_nowhere(ON_SHARED, a_snapshot(dead, silent, elsewhere), POOLS)

    assert why == "its disk is reached only from h1, which is Down; h2, which is Alert"


def test_a_disk_that_no_host_reaches() -> None:
    assert why_nowhere(ON_LOCAL, a_snapshot(a_host_room("h2")), POOLS) == "no host reaches its disk"


def test_a_disk_that_is_in_reach_is_not_the_reason() -> None:
    assert why_nowhere(ON_SHARED, a_snapshot(a_host_room("h2")), POOLS) == "no host has room"
