"""What holds for every plan, whatever is asked of whatever cloud."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from mainstay_controller.domain.capacity.usage import Usage
from mainstay_controller.domain.ids import AccountId, ClusterId, HostId, PodId, VmId
from mainstay_controller.domain.placement.planner import plan
from mainstay_controller.domain.placement.request import NoRoom, Placed, Purpose, Request
from mainstay_controller.domain.placement.snapshot import Algorithm, HostRoom, Rules, Snapshot
from mainstay_controller.domain.states import HostState
from tests.kit.rooms import a_demand, a_host_room, a_request, a_snapshot

tags = st.frozensets(st.sampled_from(["ssd", "ha"]))
groups = st.frozensets(st.sampled_from(["g1", "g2"]), max_size=1)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    hosts = [
        a_host_room(
            f"h{n}",
            memory_mib=draw(st.integers(0, 8192)),
            cpus=draw(st.integers(1, 8)),
            pod_id=PodId(draw(st.sampled_from(["p1", "p2"]))),
            cluster_id=ClusterId(draw(st.sampled_from(["c1", "c2"]))),
            state=draw(st.sampled_from([HostState.UP, HostState.UP, HostState.DOWN])),
            used=Usage(memory_mib=draw(st.integers(0, 4096)), guests=draw(st.integers(0, 3))),
            guests_max=draw(st.sampled_from([None, 3, 5])),
            tags=draw(tags),
            group_ids=draw(groups),
        )
        for n in range(draw(st.integers(0, 6)))
    ]
    rules = Rules(
        algorithm=draw(st.sampled_from(Algorithm)),
        ha_tag=draw(st.sampled_from(["", "ha"])),
        guests_at_once_max=draw(st.sampled_from([None, 2])),
    )
    return a_snapshot(*hosts, rules=rules)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    demand = a_demand(
        cpus=draw(st.integers(1, 4)),
        purpose=draw(st.sampled_from(Purpose)),
        tags=draw(st.sampled_from([frozenset(), {"ssd"}])),
    )
    group_ids = draw(groups)
    return a_request(
        demand=replace(demand, tags=frozenset(demand.tags)),
        memory_mib=draw(st.integers(1, 4096)),
        priority=draw(st.integers(0, 2)),
        account_id=draw(st.sampled_from([None, AccountId("ann"), AccountId("bob")])),
        preferred_host_id=draw(st.sampled_from([None, HostId("h0"), HostId("h1")])),
        apart=group_ids,
        group_ids=group_ids,
    )


def named(requests: list[Request]) -> list[Request]:
    return [replace(request, vm_id=VmId(f"vm{n}"), name=f"vm{n}") for n, request in enumerate(requests)]


many = st.lists(requests(), max_size=12).map(named)


@given(snapshots(), many, st.integers())
@settings(max_examples=200, deadline=None)
def test_no_host_is_promised_more_than_it_has(snapshot: Snapshot, asked: list[Request], seed: int) -> None:
    placed = plan(snapshot, asked, Random(seed))

    for host in snapshot.hosts:
        mine = [request for request in asked if placed_on(host, placed[request.vm_id])]
        if mine:
            assert host.used.memory_mib + sum(request.memory_mib for request in mine) <= host.total.memory_mib
            assert host.used.cpu_mhz + sum(request.cpu_mhz for request in mine) <= host.total.cpu_mhz
            assert host.guests_max is None or host.used.guests + len(mine) <= host.guests_max
            assert host.state is HostState.UP
            assert max(Counter(group for request in mine for group in request.apart).values(), default=0) <= 1


@given(snapshots(), many, st.integers())
@settings(max_examples=100, deadline=None)
def test_the_same_question_gets_the_same_answer(snapshot: Snapshot, asked: list[Request], seed: int) -> None:
    assert plan(snapshot, asked, Random(seed)) == plan(snapshot, list(reversed(asked)), Random(seed))


@given(snapshots(), many, st.integers())
@settings(max_examples=200, deadline=None)
def test_a_refusal_gives_a_reason_for_every_host(snapshot: Snapshot, asked: list[Request], seed: int) -> None:
    for placement in plan(snapshot, asked, Random(seed)).values():
        if isinstance(placement, NoRoom):
            assert sorted(rejected.host_id for rejected in placement.alternatives) == sorted(
                h.id for h in snapshot.hosts
            )
        assert all(rejected.by for rejected in placement.alternatives)


@given(snapshots(), requests())
@settings(max_examples=200, deadline=None)
def test_one_guest_is_refused_only_if_no_host_could_take_it_alone(snapshot: Snapshot, request: Request) -> None:
    together = plan(snapshot, [request], Random(1))[request.vm_id]

    alone = [
        plan(snapshot, [replace(request, demand=replace(request.demand, host_id=host.id))], Random(1))
        for host in snapshot.hosts
    ]

    assert isinstance(together, Placed) == any(isinstance(answer[request.vm_id], Placed) for answer in alone)


def placed_on(host: HostRoom, placement: object) -> bool:
    return isinstance(placement, Placed) and placement.host_id == host.id
