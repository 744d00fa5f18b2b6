"""Give every request a host, or say why each host is refused: one problem for all of them together.

Promises: no host is promised more than it has; the same snapshot, requests and chance give the same plan; a refusal accounts for every host.
The order: higher priority first, then the bigger guest, so that what is hard to place is placed while there is room.

Why it is quick: hosts are judged once per distinct demand, the ranking among them is kept while the plan is made, and what a host refused once it
is not asked again."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from itertools import islice

from mainstay_controller.domain.ids import AccountId, HostId, VmId
from mainstay_controller.domain.placement import fit, unfit
from mainstay_controller.domain.placement.fit import Room, Standing
from mainstay_controller.domain.placement.ranking import Accepts, Chance, Ranking, depends_on_account, rank
from mainstay_controller.domain.placement.request import (
    Alternatives,
    Demand,
    NoRoom,
    Placed,
    Placement,
    Rejected,
    Request,
)
from mainstay_controller.domain.placement.snapshot import Snapshot

BETTER_EXPLAINED_MAX = 16
"""Of the hosts that ranked better than the chosen one, so many are explained; of a refusal all are."""


def plan(snapshot: Snapshot, requests: Iterable[Request], chance: Chance) -> dict[VmId, Placement]:
    """Keyed by VM, in the order in which they were placed."""
    planner = Planner(snapshot, chance)
    return {request.vm_id: planner.place(request) for request in in_order(requests)}


def in_order(requests: Iterable[Request]) -> list[Request]:
    return sorted(requests, key=lambda r: (-r.priority, -r.memory_mib, -r.cpu_mhz, r.vm_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """The hosts that meet one demand, ranked; and those that do not.  `refused_from`: guests with so much memory were refused by that host."""

    rooms: dict[HostId, Room]
    ranking: Ranking
    unfit: tuple[Rejected, ...]
    refused_from: dict[HostId, int] = dataclass_field(default_factory=dict)

    def choose(self, request: Request, accepts: Accepts) -> Room | None:
        preferred = self.rooms.get(request.preferred_host_id) if request.preferred_host_id is not None else None
        return preferred if preferred is not None and accepts(preferred) else self.ranking.choose(accepts)

    def refuses(self, room: Room, request: Request, standing: Standing) -> bool:
        if request.memory_mib >= self.refused_from.get(room.host.id, sys.maxsize):
            return True
        reasons = fit.reasons_against(room, request, standing)
        if fit.stays_refused(reasons):
            self.refused_from[room.host.id] = request.memory_mib
        return bool(reasons)


class Planner:
    """Places one request after another; what it has promised counts as used."""

    def __init__(self, snapshot: Snapshot, chance: Chance) -> None:
        self._snapshot = snapshot
        self._chance = chance
        self._standing = Standing(snapshot)
        self._fields: dict[tuple[Demand, AccountId | None], Field] = {}
        self._refusals: dict[object, NoRoom] = {}

    def place(self, request: Request) -> Placement:
        """The same request refused twice, with nothing promised in between, gets the same answer without another look."""
        shape = (request.demand, request.memory_mib, request.apart, request.together)
        if shape not in self._refusals:
            placement = self._look_for(request)
            if isinstance(placement, Placed):
                self._refusals.clear()
                return placement
            self._refusals[shape] = placement
        return self._refusals[shape]

    def _look_for(self, request: Request) -> Placement:
        field = self._field(request)
        passed: dict[HostId, Room] = {}

        def accepts(room: Room) -> bool:
            refused = field.refuses(room, request, self._standing)
            if refused:
                passed[room.host.id] = room
            return not refused

        room = field.choose(request, accepts)
        if room is None:
            return NoRoom(alternatives=Alternatives(unfit=field.unfit, full=self._explain(passed.values(), request)))
        better = islice(passed.values(), BETTER_EXPLAINED_MAX)
        alternatives = Alternatives(unfit=field.unfit, full=self._explain(better, request))
        self._standing.promise(room, request)
        return Placed(host_id=room.host.id, alternatives=alternatives)

    def _explain(self, rooms: Iterable[Room], request: Request) -> tuple[Rejected, ...]:
        return tuple(
            Rejected(room.host.id, room.host.name, fit.reasons_against(room, request, self._standing)) for room in rooms
        )

    def _field(self, request: Request) -> Field:
        rules = self._snapshot.rules
        key = (request.demand, request.account_id if depends_on_account(rules.algorithm) else None)
        if key not in self._fields:
            hosts, unfit_hosts = unfit.sort_out(self._snapshot.hosts, request.demand, rules)
            rooms = {host.id: self._standing.rooms[host.id] for host in hosts}
            ranking = rank(rules.algorithm, list(rooms.values()), request.account_id, self._standing, self._chance)
            self._fields[key] = Field(rooms=rooms, ranking=ranking, unfit=unfit_hosts)
        return self._fields[key]
