"""Watch the hosts that no living controller answers for: at our start, and when another controller is gone.

Nothing is written: a host that comes to us is written then, and one that does not becomes suspect by compare-and-set."""

from __future__ import annotations

from mainstay_controller.domain.jobs import lives
from mainstay_controller.domain.states import HostState
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.store.port import LIVE, any_of

WATCHED = (HostState.CONNECTING, HostState.UP, HostState.DISCONNECTED, HostState.ALERT, HostState.REBALANCING)


async def adopt_hosts(cloud: Cloud) -> int:
    """How many are watched anew; those that live under another controller are let go."""
    alive = lives(await cloud.store.controllers.find(), await cloud.store.now())
    clusters = {cluster.id: cluster for cluster in await cloud.store.clusters.find()}
    adopted = 0
    for host in await cloud.store.hosts.find(LIVE, any_of("state", WATCHED)):
        elsewhere = host.controller_id != cloud.me.id and host.controller_id in alive
        if elsewhere and not cloud.fleet.holds(host.id):
            cloud.fleet.forget(host.id)
        elif cloud.fleet.heard_at(host.id) is None:
            cloud.fleet.adopt(host.id, clusters[host.cluster_id].lease_profile)
            adopted += 1
    return adopted
