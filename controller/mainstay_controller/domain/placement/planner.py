"""Give every request a host, or say why each host is refused: one problem for all of them together.

Promises: no host is promised more than it has; the same snapshot, requests and chance give the same plan; a refusal accounts for every host.
The order: higher priority first, then the bigger guest, so that what is hard to place is placed while there is room.

Why it is quick: hosts are judged once per distinct demand, and the ranking among them is kept while the plan is made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

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


def plan(snapshot: Snapshot, requests: Iterable[Request], chance: Chance) -> dict[VmId, Placement]:
    """Keyed by VM, in the order in which they were placed."""
    planner = Planner(snapshot, chance)
    return {request.vm_id: planner.place(request) for request in in_order(requests)}


def in_order(requests: Iterable[Request]) -> list[Request]:
    return sorted(requests, key=lambda r: (-r.priority, -r.memory_mib, -r.cpu_mhz, r.vm_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """The hosts that meet one demand, ranked; and those that do not."""

    rooms: dict[HostId, Room]
    ranking: Ranking
    unfit: tuple[Rejected, ...]

    def choose(self, preferred: HostId | None, accepts: Accepts) -> Room | None:
        room = self.rooms.get(preferred) if preferred is not None else None
        return room if room is not None and accepts(room) else self.ranking.choose(accepts)


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
        full: dict[HostId, Rejected] = {}

        def accepts(room: Room) -> bool:
            reasons = fit.reasons_against(room, request, self._standing)
            if reasons:
                full[room.host.id] = Rejected(room.host.id, room.host.name, reasons)
            return not reasons

        room = field.choose(request.preferred_host_id, accepts)
        alternatives = Alternatives(unfit=field.unfit, full=tuple(full.values()))
        if room is None:
            return NoRoom(alternatives=alternatives)
        self._standing.promise(room, request)
        return Placed(host_id=room.host.id, alternatives=alternatives)

    def _field(self, request: Request) -> Field:
        rules = self._snapshot.rules
        key = (request.demand, request.account_id if depends_on_account(rules.algorithm) else None)
        if key not in self._fields:
            hosts, unfit_hosts = unfit.sort_out(self._snapshot.hosts, request.demand, rules)
            rooms = {host.id: self._standing.rooms[host.id] for host in hosts}
            ranking = rank(rules.algorithm, list(rooms.values()), request.account_id, self._chance)
            self._fields[key] = Field(rooms=rooms, ranking=ranking, unfit=unfit_hosts)
        return self._fields[key]
