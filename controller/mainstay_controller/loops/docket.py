"""Which silent hosts are looked into now, and which wait for their turn.

Each that is looked into costs answers of its neighbours, a few a second: all together must leave us time to hear who beats again.

The promise: no more at a time than the settings say, and far fewer while we hear badly, in the order in which they fell silent; those who wait cost
nothing but their place, and whoever is heard again meanwhile is found without a seat.  A case that is put aside goes to the end of the line, so that
none waits for ever behind hosts of which nobody can tell more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mainstay_controller.domain.ids import HostId, IncidentId
from mainstay_controller.domain.records import Incident
from mainstay_controller.operations.cloud import Cloud

SEATS_MIN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """`heard_at`: of its host, when it joined the line."""

    incident: Incident
    heard_at: float | None


@dataclass(slots=True)
class Docket:
    cloud: Cloud
    _seated: set[IncidentId] = field(default_factory=set)
    _waiting: dict[IncidentId, Waiting] = field(default_factory=dict)

    def join(self, incident: Incident) -> None:
        heard_at = self.cloud.fleet.heard_at(HostId(str(incident.host_id)))
        self._waiting[incident.id] = Waiting(incident=incident, heard_at=heard_at)

    def seat_is_wanted(self) -> bool:
        return bool(self._waiting) or len(self._seated) > self._seats

    def waiting(self) -> Sequence[IncidentId]:
        return list(self._waiting)

    def call_in(self) -> Iterator[Incident]:
        """Each has a seat from now on, until it rises."""
        while self._waiting and len(self._seated) < self._seats:
            first = self._waiting.pop(next(iter(self._waiting)))
            self._seated.add(first.incident.id)
            yield first.incident

    def rise(self, incident: Incident) -> None:
        self._seated.discard(incident.id)

    def heard_again(self) -> list[Incident]:
        """Of those who wait."""
        return [each.incident for each in self._waiting.values() if self._is_heard_again(each)]

    def strike(self, incidents: Sequence[Incident]) -> None:
        """They wait no longer."""
        for incident in incidents:
            self._waiting.pop(incident.id, None)

    @property
    def _seats(self) -> int:
        """Where beats are heard at half their pace, a quarter."""
        seats = self.cloud.settings.investigations_max
        return min(seats, max(SEATS_MIN, int(seats / self.cloud.slowness**2)))

    def _is_heard_again(self, waiting: Waiting) -> bool:
        host_id = HostId(str(waiting.incident.host_id))
        heard_at = self.cloud.fleet.heard_at(host_id)
        is_later = heard_at is not None and (waiting.heard_at is None or heard_at > waiting.heard_at)
        return is_later and self.cloud.fleet.is_connected(host_id)
