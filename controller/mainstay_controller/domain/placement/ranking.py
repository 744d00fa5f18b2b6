"""Which of the hosts that meet a demand is tried first: vm.allocation.algorithm.

Every ranking tries all its rooms before it gives up."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from typing import Protocol, assert_never

from mainstay_controller.domain.ids import AccountId, PodId
from mainstay_controller.domain.placement.fit import Room, Standing
from mainstay_controller.domain.placement.snapshot import Algorithm

Accepts = Callable[[Room], bool]
Score = Callable[[Room], float]


class Chance(Protocol):
    """Draws a number in [0, 1)."""

    def random(self) -> float: ...


class Ranking(Protocol):
    def choose(self, accepts: Accepts) -> Room | None:
        """The first room in order of preference that is accepted."""


def rank(
    algorithm: Algorithm, rooms: Sequence[Room], account_id: AccountId | None, standing: Standing, chance: Chance
) -> Ranking:
    """A ranking for guests of one demand and, where the algorithm asks for it, of one account."""
    match algorithm:
        case Algorithm.LEAST_CONSUMED:
            return Rising(rooms, lambda room: room.consumed)
        case Algorithm.FIRST_FIT:
            return Fixed(_roomiest_cluster_first(rooms))
        case Algorithm.USER_DISPERSING:
            return Rising(rooms, lambda room: room.guests_of_account[account_id] if account_id else room.guests)
        case Algorithm.RANDOM:
            return Shuffled(rooms, chance)
        case Algorithm.CONCENTRATED_FIRST_FIT:
            return Concentrated(_roomiest_cluster_first(rooms), account_id, standing)
        case Algorithm.CONCENTRATED_RANDOM:
            return Concentrated(_shuffled(rooms, chance), account_id, standing)
        case never:
            assert_never(never)


def depends_on_account(algorithm: Algorithm) -> bool:
    return algorithm not in (Algorithm.LEAST_CONSUMED, Algorithm.FIRST_FIT, Algorithm.RANDOM)


class Rising:
    """Lowest score first, for scores that only rise as guests are placed: an outdated entry is too hopeful and is corrected at the top."""

    def __init__(self, rooms: Sequence[Room], score: Score) -> None:
        self._score = score
        self._heap = [(score(room), place, room) for place, room in enumerate(rooms)]
        heapq.heapify(self._heap)

    def choose(self, accepts: Accepts) -> Room | None:
        refused = []
        chosen = None
        while self._heap and chosen is None:
            entry = score, place, room = self._heap[0]
            if (now := self._score(room)) > score:
                heapq.heapreplace(self._heap, (now, place, room))
            elif accepts(room):
                chosen = room
            else:
                refused.append(heapq.heappop(self._heap))
        for entry in refused:
            heapq.heappush(self._heap, entry)
        return chosen


class Fixed:
    """Always in the same order."""

    def __init__(self, rooms: Sequence[Room]) -> None:
        self._rooms = rooms

    def choose(self, accepts: Accepts) -> Room | None:
        return next((room for room in self._rooms if accepts(room)), None)


class Shuffled:
    """Each time in another order, drawn only as far as it is needed."""

    def __init__(self, rooms: Sequence[Room], chance: Chance) -> None:
        self._rooms = list(rooms)
        self._chance = chance

    def choose(self, accepts: Accepts) -> Room | None:
        rooms = self._rooms
        for untried in range(len(rooms), 0, -1):
            drawn = int(self._chance.random() * untried)
            rooms[drawn], rooms[untried - 1] = rooms[untried - 1], rooms[drawn]
            if accepts(rooms[untried - 1]):
                return rooms[untried - 1]
        return None


class Concentrated:
    """The pod that holds most of the account's guests first, and in it always in the same order."""

    def __init__(self, rooms: Sequence[Room], account_id: AccountId | None, standing: Standing) -> None:
        self._pods: dict[PodId, list[Room]] = {}
        for room in rooms:
            self._pods.setdefault(room.host.pod_id, []).append(room)
        self._account_id = account_id
        self._standing = standing

    def choose(self, accepts: Accepts) -> Room | None:
        guests = self._standing.guests_in_pod
        fullest_first = sorted(self._pods, key=lambda pod_id: -guests[pod_id, self._account_id])
        return next((room for pod_id in fullest_first for room in self._pods[pod_id] if accepts(room)), None)


def _roomiest_cluster_first(rooms: Sequence[Room]) -> list[Room]:
    """Clusters by free CPU, as host.capacityType.to.order.clusters has it; in a cluster by the host's name."""

    def order(room: Room) -> tuple[int, str, str]:
        cluster = room.cluster
        return cluster.cpu_mhz_used - cluster.cpu_mhz_total, cluster.cluster.name, room.host.name

    return sorted(rooms, key=order)


def _shuffled(rooms: Sequence[Room], chance: Chance) -> list[Room]:
    return [room for _, room in sorted(((chance.random(), room) for room in rooms), key=lambda pair: pair[0])]
