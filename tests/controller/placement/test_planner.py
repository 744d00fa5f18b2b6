"""Where guests are placed, and what is said of the hosts that were not chosen."""

from __future__ import annotations

from random import Random

import pytest

from mainstay_controller.domain.capacity.usage import Usage
from mainstay_controller.domain.ids import AccountId, ClusterId, HostId, PodId, PoolId, ZoneId
from mainstay_controller.domain.placement.planner import plan
from mainstay_controller.domain.placement.request import Code, Demand, NoRoom, Placed, Placement, Purpose, Request
from mainstay_controller.domain.placement.snapshot import Algorithm, ClusterRoom, HostRoom, Rules, Snapshot
from mainstay_controller.domain.states import HostState, ResourceState
from tests.kit.rooms import CLUSTER, POOL, a_demand, a_host_room, a_request, a_snapshot, for_ha


def planned(snapshot: Snapshot, *requests: Request, seed: int = 1) -> dict[str, Placement]:
    return {str(vm_id): placement for vm_id, placement in plan(snapshot, requests, Random(seed)).items()}


def hosts_of(plan: dict[str, Placement]) -> dict[str, str | None]:
    return {name: placed.host_id if isinstance(placed, Placed) else None for name, placed in plan.items()}


def codes(placement: Placement) -> dict[str, list[str]]:
    return {rejected.host_name: [reason.code.value for reason in rejected.by] for rejected in placement.alternatives}


def test_the_least_consumed_host_is_chosen() -> None:
    busy = a_host_room("busy", used=Usage(memory_mib=3000))
    idle = a_host_room("idle")

    placed = planned(a_snapshot(busy, idle), a_request("vm"))

    assert hosts_of(placed) == {"vm": "idle"}


def test_what_was_placed_before_counts_as_used() -> None:
    snapshot = a_snapshot(a_host_room("h1"), a_host_room("h2"))

    placed = planned(snapshot, *(a_request(f"vm{n}", memory_mib=2048) for n in range(5)))

    assert hosts_of(placed) == {"vm0": "h1", "vm1": "h2", "vm2": "h1", "vm3": "h2", "vm4": None}


def test_first_fit_fills_one_host_before_the_next() -> None:
    snapshot = a_snapshot(a_host_room("h1"), a_host_room("h2"), rules=Rules(algorithm=Algorithm.FIRST_FIT))

    placed = planned(snapshot, *(a_request(f"vm{n}", memory_mib=2048) for n in range(3)))

    assert hosts_of(placed) == {"vm0": "h1", "vm1": "h1", "vm2": "h2"}


def test_user_dispersing_keeps_an_account_s_guests_apart() -> None:
    ann = AccountId("ann")
    crowded = a_host_room("crowded", guests_of_account={ann: 3})
    loaded = a_host_room("loaded", used=Usage(memory_mib=2048))
    snapshot = a_snapshot(crowded, loaded, rules=Rules(algorithm=Algorithm.USER_DISPERSING))

    placed = planned(snapshot, a_request("vm", account_id=ann))

    assert hosts_of(placed) == {"vm": "loaded"}


@pytest.mark.parametrize("algorithm", [Algorithm.CONCENTRATED_FIRST_FIT, Algorithm.CONCENTRATED_RANDOM])
def test_user_concentrated_looks_first_in_the_account_s_pod(algorithm: Algorithm) -> None:
    ann = AccountId("ann")
    elsewhere = a_host_room("elsewhere", pod_id=PodId("p1"))
    at_home = a_host_room("at-home", pod_id=PodId("p2"), guests_of_account={ann: 1})
    snapshot = a_snapshot(elsewhere, at_home, rules=Rules(algorithm=algorithm))

    placed = planned(snapshot, a_request("vm", account_id=ann))

    assert hosts_of(placed) == {"vm": "at-home"}


def test_random_uses_every_host_and_is_repeatable() -> None:
    snapshot = a_snapshot(
        *(a_host_room(f"h{n}", memory_mib=64_000, cpus=64) for n in range(4)), rules=Rules(algorithm=Algorithm.RANDOM)
    )
    requests = [a_request(f"vm{n:02}") for n in range(40)]

    first, second = planned(snapshot, *requests, seed=7), planned(snapshot, *requests, seed=7)

    assert first == second
    assert {*hosts_of(first).values()} == {"h0", "h1", "h2", "h3"}


def test_the_last_host_is_preferred_while_it_has_room() -> None:
    last = a_host_room("last", used=Usage(memory_mib=2048))
    other = a_host_room("other")
    requests = [a_request(f"vm{n}", memory_mib=1500, preferred_host_id=HostId("last")) for n in range(2)]

    placed = planned(a_snapshot(last, other), *requests)

    assert hosts_of(placed) == {"vm0": "last", "vm1": "other"}


def test_scarce_room_goes_to_the_higher_priority() -> None:
    snapshot = a_snapshot(a_host_room("h1", memory_mib=1024))

    placed = planned(snapshot, a_request("ordinary", memory_mib=1024), a_request("urgent", priority=9, memory_mib=512))

    assert hosts_of(placed) == {"urgent": "h1", "ordinary": None}


def test_the_hard_to_place_are_placed_first() -> None:
    snapshot = a_snapshot(a_host_room("h1", memory_mib=3000), a_host_room("h2", memory_mib=1000))

    placed = planned(snapshot, a_request("small", memory_mib=900), a_request("big", memory_mib=3000))

    assert hosts_of(placed) == {"big": "h1", "small": "h2"}


UNFIT: list[tuple[Code, HostRoom, Demand]] = [
    (Code.HOST_NOT_UP, a_host_room(state=HostState.ALERT), a_demand()),
    (Code.HOST_NOT_ENABLED, a_host_room(resource_state=ResourceState.MAINTENANCE), a_demand()),
    (Code.HOST_NOT_ENABLED, a_host_room(resource_state=ResourceState.DISABLED), for_ha()),
    (Code.PLACE_DISABLED, a_host_room(disabled=("zone z",)), a_demand()),
    (Code.PLACE_DISABLED, a_host_room(disabled=("cluster c",)), for_ha()),
    (Code.OTHER_ZONE, a_host_room(zone_id=ZoneId("elsewhere")), a_demand()),
    (Code.OTHER_POD, a_host_room(), a_demand(pod_id=PodId("elsewhere"))),
    (Code.OTHER_CLUSTER, a_host_room(), a_demand(cluster_id=ClusterId("elsewhere"))),
    (Code.OTHER_HOST, a_host_room(), a_demand(host_id=HostId("elsewhere"))),
    (Code.OTHER_HYPERVISOR, a_host_room(hypervisor="XenServer"), a_demand()),
    (Code.ALREADY_TRIED, a_host_room(), a_demand(avoid=frozenset({(HostId("h1"), "refused: no-lease")}))),
    (Code.TAGS_MISSING, a_host_room(tags=frozenset({"slow"})), a_demand(tags=frozenset({"ssd"}))),
    (Code.POOL_UNREACHABLE, a_host_room(), a_demand(pool_ids=frozenset({PoolId("far")}))),
    (Code.POOL_UNREACHABLE, a_host_room(), a_demand(any_pool_of=frozenset({PoolId("far")}))),
    (Code.POOL_UNREACHABLE, a_host_room(), a_demand(any_pool_of=frozenset())),
    (Code.NO_LEASE, a_host_room(lapsed_pool_ids=frozenset({POOL})), a_demand(pool_ids=frozenset({POOL}))),
    (Code.NO_LEASE, a_host_room(lapsed_pool_ids=frozenset({POOL})), a_demand(any_pool_of=frozenset({POOL}))),
    (Code.HYPERVISOR_SILENT, a_host_room(hypervisor_answers=False), a_demand()),
    (Code.TOO_FEW_CORES, a_host_room(cpus=1), a_demand(cpus=2)),
    (Code.CORES_TOO_SLOW, a_host_room(core_mhz=900), a_demand()),
]


@pytest.mark.parametrize(("code", "host", "demand"), UNFIT, ids=[f"{n}-{row[0]}" for n, row in enumerate(UNFIT)])
def test_a_host_that_does_not_meet_the_demand_is_named_with_the_reason(
    code: Code, host: HostRoom, demand: Demand
) -> None:
    placed = planned(a_snapshot(host), a_request("vm", demand=demand))

    assert codes(placed["vm"]) == {"h1": [code]}


FULL: list[tuple[Code, HostRoom, Request]] = [
    (Code.CPU_FULL, a_host_room(used=Usage(cpu_mhz=7500)), a_request("vm")),
    (Code.MEMORY_FULL, a_host_room(used=Usage(memory_mib=3500)), a_request("vm")),
    (Code.GUESTS_MAX, a_host_room(guests_max=2, used=Usage(guests=2)), a_request("vm")),
    (Code.APART_FROM, a_host_room(group_ids=frozenset({"db"})), a_request("vm", apart=frozenset({"db"}))),
]


@pytest.mark.parametrize(("code", "host", "request_"), FULL, ids=[row[0].value for row in FULL])
def test_a_host_without_room_is_named_with_the_number(code: Code, host: HostRoom, request_: Request) -> None:
    placed = planned(a_snapshot(host), request_)

    assert codes(placed["vm"]) == {"h1": [code]}


def test_an_explanation_reads_as_a_sentence() -> None:
    snapshot = a_snapshot(
        a_host_room("h1", used=Usage(memory_mib=3500)), a_host_room("h2", state=HostState.DOWN, tags=frozenset({"x"}))
    )

    placed = planned(snapshot, a_request("vm"))

    assert str(placed["vm"].alternatives) == (
        "h1 (memory-full: need 1024, have 596), h2 (host-not-up: need Up, have Down)"
    )


def test_a_placed_guest_too_is_told_which_hosts_were_passed_over() -> None:
    small = a_host_room("small", memory_mib=1000)
    busy = a_host_room("busy", used=Usage(memory_mib=2000))
    down = a_host_room("down", state=HostState.DOWN)

    placed = planned(a_snapshot(small, busy, down), a_request("vm"))

    assert hosts_of(placed) == {"vm": "busy"}
    assert codes(placed["vm"]) == {"small": ["memory-full"], "down": ["host-not-up"]}


def test_the_root_administrator_may_use_a_disabled_place() -> None:
    host = a_host_room(disabled=("zone z",), resource_state=ResourceState.DISABLED)

    placed = planned(a_snapshot(host), a_request("vm", demand=a_demand(may_use_disabled=True)))

    assert hosts_of(placed) == {"vm": "h1"}


def test_a_running_guest_may_move_within_a_disabled_cluster() -> None:
    host = a_host_room(disabled=("cluster c",))

    placed = planned(a_snapshot(host), a_request("vm", demand=a_demand(purpose=Purpose.MIGRATE)))

    assert hosts_of(placed) == {"vm": "h1"}


def test_dedicated_hosts_take_the_guests_of_ha_alone() -> None:
    spare = a_host_room("spare", tags=frozenset({"ha"}))
    usual = a_host_room("usual")
    snapshot = a_snapshot(spare, usual, rules=Rules(ha_tag="ha"))

    placed = planned(snapshot, a_request("new"), a_request("victim", demand=for_ha()))

    assert hosts_of(placed) == {"new": "usual", "victim": "spare"}
    assert codes(placed["new"]) == {"spare": ["kept-for-ha"]}
    assert codes(placed["victim"]) == {"usual": ["not-for-ha"]}


@pytest.mark.parametrize(
    ("purpose", "host"),
    [(Purpose.DEPLOY, None), (Purpose.START, None), (Purpose.HA, "h1"), (Purpose.MIGRATE, "h1")],
)
def test_the_cluster_s_reserve_is_kept_from_new_guests_and_given_to_ha(purpose: Purpose, host: str | None) -> None:
    cluster = ClusterRoom(id=CLUSTER, name="c", memory_threshold=0.85)
    snapshot = a_snapshot(a_host_room(memory_mib=1000, used=Usage(memory_mib=800)), clusters=[cluster])

    placed = planned(snapshot, a_request("vm", memory_mib=100, demand=a_demand(purpose=purpose)))

    assert hosts_of(placed) == {"vm": host}


def test_existing_guests_may_start_beyond_the_threshold_when_the_operator_says_so() -> None:
    cluster = ClusterRoom(id=CLUSTER, name="c", cpu_threshold=0.1)
    rules = Rules(thresholds_bind_existing=False)
    snapshot = a_snapshot(a_host_room(), clusters=[cluster], rules=rules)

    placed = planned(snapshot, a_request("new"), a_request("old", demand=a_demand(purpose=Purpose.START), priority=1))

    assert hosts_of(placed) == {"old": "h1", "new": None}
    assert codes(placed["new"]) == {"h1": ["cluster-cpu-threshold"]}


def test_an_anti_affinity_group_is_spread_and_the_one_too_many_waits() -> None:
    snapshot = a_snapshot(a_host_room("h1"), a_host_room("h2"))
    group = frozenset({"db"})

    placed = planned(snapshot, *(a_request(f"db{n}", apart=group, group_ids=group, memory_mib=64) for n in range(3)))

    assert hosts_of(placed) == {"db0": "h1", "db1": "h2", "db2": None}


def test_an_affinity_group_stays_together() -> None:
    snapshot = a_snapshot(a_host_room("h1"), a_host_room("h2"))
    group = frozenset({"web"})

    placed = planned(
        snapshot, *(a_request(f"web{n}", together=group, group_ids=group, memory_mib=64) for n in range(3))
    )

    assert len({*hosts_of(placed).values()}) == 1


def test_no_host_takes_more_than_its_share_of_one_recovery() -> None:
    snapshot = a_snapshot(a_host_room("h1"), rules=Rules(guests_at_once_max=2))

    placed = planned(snapshot, *(a_request(f"vm{n}", memory_mib=64) for n in range(3)))

    assert hosts_of(placed) == {"vm0": "h1", "vm1": "h1", "vm2": None}
    assert codes(placed["vm2"]) == {"h1": ["guests-at-once-max"]}


def test_a_refusal_s_numbers_are_those_of_the_moment() -> None:
    snapshot = a_snapshot(a_host_room(memory_mib=1000))
    requests = [a_request("a", memory_mib=2000, priority=3), a_request("b", memory_mib=400, priority=2)]

    placed = planned(snapshot, *requests, a_request("c", memory_mib=2000, priority=1))

    refused = placed["c"]
    assert isinstance(refused, NoRoom)
    assert [(reason.need, reason.have) for rejected in refused.alternatives for reason in rejected.by] == [(2000, 600)]
