"""What a guest is told that no host takes: where its disk is, before how full the others are."""

from __future__ import annotations

from mainstay_controller.domain.ids import HostId, PoolId
from mainstay_controller.domain.placement.refusal import may_pass_soon, why_nowhere
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


def test_hosts_without_a_lease_on_its_pool_would_refuse_it() -> None:
    back_from_a_boot = a_host_room("h1", lapsed_pool_ids=frozenset({POOL}))
    silent = a_host_room("h2", state=HostState.ALERT)

    assert why_nowhere(ON_SHARED, a_snapshot(back_from_a_boot, silent), POOLS) == "no host has a lease on its pool now"
    assert why_nowhere(ON_SHARED, a_snapshot(back_from_a_boot, a_host_room("h3")), POOLS) == "no host has room"


def test_a_host_that_is_coming_back_may_take_it_soon() -> None:
    let_in = a_host_room("h1", state=HostState.CONNECTING)
    without_lease = a_host_room("h2", lapsed_pool_ids=frozenset({POOL}))
    full, dead = a_host_room("h3"), a_host_room("h4", state=HostState.DOWN)

    assert may_pass_soon(ON_SHARED, a_snapshot(let_in, dead))
    assert may_pass_soon(ON_SHARED, a_snapshot(without_lease, full))
    assert not may_pass_soon(ON_SHARED, a_snapshot(full, dead))
    assert not may_pass_soon(ON_LOCAL, a_snapshot(let_in, without_lease))
