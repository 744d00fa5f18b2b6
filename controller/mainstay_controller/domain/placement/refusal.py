"""Why no host takes a guest, in a few words; which host refuses it for what is in the alternatives.

Its disks come first: a guest waits for the hosts that reach them, however much room the others have."""

from __future__ import annotations

from collections.abc import Mapping

from mainstay_controller.domain.ids import PoolId
from mainstay_controller.domain.placement.request import Demand
from mainstay_controller.domain.placement.snapshot import HostRoom, Snapshot
from mainstay_controller.domain.records import StoragePool
from mainstay_controller.domain.states import HostState


def why_nowhere(demand: Demand, snapshot: Snapshot, pools: Mapping[PoolId, StoragePool]) -> str:
    near = [host for host in snapshot.hosts if demand.pool_ids <= host.pool_ids]
    up, tried = [host for host in near if host.state is HostState.UP], dict(demand.avoid)
    if up and all(host.id in tried for host in up):
        return "every host that could take it has failed to start it"
    if up and all(demand.pool_ids & host.lapsed_pool_ids for host in up):
        return "no host has a lease on its pool now"
    if up or not demand.pool_ids:
        return "no host has room"
    if not near:
        return "no host reaches its disk"
    if any(pools[pool_id].scope == "HOST" for pool_id in demand.pool_ids):
        return f"its disk is on {_in_its_state(near[0])}"
    return f"its disk is reached only from {'; '.join(_in_its_state(host) for host in near)}"


def may_pass_soon(demand: Demand, snapshot: Snapshot) -> bool:
    """A host that reaches its disk is coming back: it is being let in, or is Up and gets its leases a moment later."""
    return any(
        host.state is HostState.CONNECTING or (host.state is HostState.UP and demand.pool_ids & host.lapsed_pool_ids)
        for host in snapshot.hosts
        if demand.pool_ids <= host.pool_ids
    )


def _in_its_state(host: HostRoom) -> str:
    return f"{host.name}, which is {host.state}"
