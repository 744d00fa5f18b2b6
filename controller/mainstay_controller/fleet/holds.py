"""Hold-grants: what we promised, to whom, and until when we must keep it.

The promise: no takeover by lease expiry happens before every hold that may be outstanding is over - those we gave, and those that whoever
answered for the host before us may have given.  A host that is being declared dead is barred from new ones first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from mainstay_controller.domain.ha.holds import PoolSight, most_see_it_down
from mainstay_controller.domain.ids import HostId, PoolId
from mainstay_controller.fleet.presence import Presence
from mainstay_proto.messages import HoldGrant, HoldRequest, LeaseProfile
from mainstay_proto.profiles import outlast


@dataclass(slots=True)
class Holds:
    _over_at: dict[tuple[HostId, PoolId], float] = field(default_factory=dict)
    _barred: set[HostId] = field(default_factory=set)

    def answer(
        self, request: HoldRequest, profile: LeaseProfile, hosts: Iterable[Presence], now: float
    ) -> HoldGrant | None:
        host_id, pool_id = HostId(request.host_id), PoolId(request.pool_id)
        sights = sights_of(pool_id, hosts, now)
        if host_id in self._barred or not most_see_it_down(sights, 2 * profile.renew_seconds):
            return None
        self._over_at[host_id, pool_id] = now + outlast(profile, profile.hold_seconds)
        return HoldGrant(pool_id=pool_id, request_id=request.request_id, hold_seconds=profile.hold_seconds)

    def over_at(self, host_id: HostId, pool_id: PoolId) -> float | None:
        """When the last hold given here is certainly over, on our clock."""
        return self._over_at.get((host_id, pool_id))

    def bar(self, host_id: HostId) -> None:
        self._barred.add(host_id)

    def allow(self, host_id: HostId) -> None:
        self._barred.discard(host_id)


def sights_of(pool_id: PoolId, hosts: Iterable[Presence], now: float) -> list[PoolSight]:
    """Ages as of now: a host's last word, grown older since."""
    return [
        PoolSight(host_id=host.host_id, age_seconds=lease.age_seconds + now - host.heard_at)
        for host in hosts
        if host.session is not None
        for lease in host.leases
        if lease.pool_id == pool_id
    ]
