"""Room for one more guest, as the plan stands now: each rule answers with a reason or with nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from mainstay_controller.domain.ids import AccountId, HostId, PodId
from mainstay_controller.domain.placement.request import Code, Purpose, Reason, Request
from mainstay_controller.domain.placement.snapshot import ClusterRoom, HostRoom, Snapshot


class ClusterStanding:
    """What a cluster's hosts have promised together."""

    __slots__ = ("cluster", "cpu_mhz_total", "cpu_mhz_used", "memory_mib_total", "memory_mib_used")

    def __init__(self, cluster: ClusterRoom, hosts: list[HostRoom]) -> None:
        self.cluster = cluster
        self.cpu_mhz_total = sum(host.total.cpu_mhz for host in hosts)
        self.cpu_mhz_used = sum(host.used.cpu_mhz for host in hosts)
        self.memory_mib_total = sum(host.total.memory_mib for host in hosts)
        self.memory_mib_used = sum(host.used.memory_mib for host in hosts)


class Room:
    """A host's room while a plan is made: what it had promised before, and what the plan promises."""

    __slots__ = ("cluster", "cpu_mhz_used", "guests", "guests_of_account", "host", "memory_mib_used", "new_guests")

    def __init__(self, host: HostRoom, cluster: ClusterStanding) -> None:
        self.host = host
        self.cluster = cluster
        self.cpu_mhz_used = host.used.cpu_mhz
        self.memory_mib_used = host.used.memory_mib
        self.guests = host.used.guests
        self.new_guests = 0
        self.guests_of_account = Counter(host.guests_of_account)

    @property
    def consumed(self) -> float:
        """The share of its scarcer resource that is promised."""
        total = self.host.total
        return max(self.cpu_mhz_used / max(total.cpu_mhz, 1), self.memory_mib_used / max(total.memory_mib, 1))


class Standing:
    """All rooms, who holds which affinity group, and whose guests are in which pod."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.rules = snapshot.rules
        by_cluster = {
            cluster_id: ClusterStanding(cluster, [host for host in snapshot.hosts if host.cluster_id == cluster_id])
            for cluster_id, cluster in snapshot.clusters.items()
        }
        self.rooms = {host.id: Room(host, by_cluster[host.cluster_id]) for host in snapshot.hosts}
        self.holders: dict[str, set[HostId]] = {}
        self.guests_in_pod: Counter[tuple[PodId, AccountId | None]] = Counter()
        for host in snapshot.hosts:
            self._note_groups(host.id, host.group_ids)
            for account_id, guests in host.guests_of_account.items():
                self.guests_in_pod[host.pod_id, account_id] += guests

    def promise(self, room: Room, request: Request) -> None:
        """From now on the guest counts as being there."""
        room.cpu_mhz_used += request.cpu_mhz
        room.memory_mib_used += request.memory_mib
        room.cluster.cpu_mhz_used += request.cpu_mhz
        room.cluster.memory_mib_used += request.memory_mib
        room.guests += 1
        room.new_guests += 1
        if request.account_id is not None:
            room.guests_of_account[request.account_id] += 1
            self.guests_in_pod[room.host.pod_id, request.account_id] += 1
        self._note_groups(room.host.id, request.group_ids)

    def _note_groups(self, host_id: HostId, group_ids: frozenset[str]) -> None:
        for group_id in group_ids:
            self.holders.setdefault(group_id, set()).add(host_id)


Rule = Callable[[Room, Request, Standing], Reason | None]


def reasons_against(room: Room, request: Request, standing: Standing) -> tuple[Reason, ...]:
    return tuple(reason for rule in RULES if (reason := rule(room, request, standing)) is not None)


def stays_refused(reasons: tuple[Reason, ...]) -> bool:
    """Room only shrinks while a plan is made: who is refused for want of it is refused for good, and so is a bigger guest of the same demand."""
    return any(reason.code not in OF_AFFINITY for reason in reasons)


def cpu(room: Room, request: Request, _standing: Standing) -> Reason | None:
    free = room.host.total.cpu_mhz - room.cpu_mhz_used
    return None if request.cpu_mhz <= free else Reason(Code.CPU_FULL, request.cpu_mhz, free)


def memory(room: Room, request: Request, _standing: Standing) -> Reason | None:
    free = room.host.total.memory_mib - room.memory_mib_used
    return None if request.memory_mib <= free else Reason(Code.MEMORY_FULL, request.memory_mib, free)


def number_of_guests(room: Room, _request: Request, standing: Standing) -> Reason | None:
    most, at_once = room.host.guests_max, standing.rules.guests_at_once_max
    if most is not None and room.guests >= most:
        return Reason(Code.GUESTS_MAX, room.guests + 1, most)
    if at_once is not None and room.new_guests >= at_once:
        return Reason(Code.GUESTS_AT_ONCE_MAX, room.new_guests + 1, at_once)
    return None


def cluster_thresholds(room: Room, request: Request, standing: Standing) -> Reason | None:
    """New guests leave a reserve in the cluster; HA and evacuation may use it, that is what it is for."""
    if not _thresholds_bind(request.demand.purpose, standing):
        return None
    of = room.cluster
    cpu_left = _left(of.cluster.cpu_threshold, of.cpu_mhz_total, of.cpu_mhz_used)
    if cpu_left is not None and request.cpu_mhz > cpu_left:
        return Reason(Code.CLUSTER_CPU_THRESHOLD, request.cpu_mhz, cpu_left)
    memory_left = _left(of.cluster.memory_threshold, of.memory_mib_total, of.memory_mib_used)
    if memory_left is not None and request.memory_mib > memory_left:
        return Reason(Code.CLUSTER_MEMORY_THRESHOLD, request.memory_mib, memory_left)
    return None


def affinity(room: Room, request: Request, standing: Standing) -> Reason | None:
    for group_id in request.apart:
        if room.host.id in standing.holders.get(group_id, ()):
            return Reason(Code.APART_FROM, f"a host without group {group_id}", "one of the group is here")
    for group_id in request.together:
        holders = standing.holders.get(group_id)
        if holders and room.host.id not in holders:
            return Reason(Code.TOGETHER_WITH, f"a host of group {group_id}", "the group is elsewhere")
    return None


def _thresholds_bind(purpose: Purpose, standing: Standing) -> bool:
    return purpose is Purpose.DEPLOY or (purpose is Purpose.START and standing.rules.thresholds_bind_existing)


def _left(threshold: float | None, total: int, used: int) -> int | None:
    return None if threshold is None else int(total * threshold) - used


OF_AFFINITY = frozenset({Code.APART_FROM, Code.TOGETHER_WITH})
RULES: tuple[Rule, ...] = (cpu, memory, number_of_guests, cluster_thresholds, affinity)
