"""Take incidents in hand, ours and those of controllers that are gone, and start released guests again in waves.

A failure ends one task and not the loop: the row stays open, and the next round takes it up again."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field

from mainstay_controller.domain.ids import DecisionId, HostId, IncidentId
from mainstay_controller.domain.records import Incident
from mainstay_controller.operations.casebook import DECISIONS, INCIDENTS, CaseLost, case_file, take_up
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.pursue_incident import pursue
from mainstay_controller.operations.recover_guests import Turn, begin_wave, finish_restart
from mainstay_controller.store.port import OutcomeUnknown, Stale, Unreachable
from mainstay_runtime.logs import logger
from mainstay_runtime.tasks import Nursery, background

ROUND_SECONDS = 1.0
RETRY_SECONDS = 2.0
"""Before an incident whose handling failed is taken up again."""
LATER = (Stale, OutcomeUnknown, Unreachable)

log = logger(__name__)


@dataclass(slots=True)
class Desk:
    """What this controller has in hand."""

    cloud: Cloud
    _incidents: set[IncidentId] = field(default_factory=set)
    _decisions: set[DecisionId] = field(default_factory=set)
    _doors: dict[HostId, asyncio.Semaphore] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._doors = defaultdict(lambda: asyncio.Semaphore(self.cloud.settings.starts_per_host_max))

    async def run(self) -> None:
        """For ever."""
        async with Nursery(broken) as hands:
            async with background(lambda: self._take_incidents(hands), lambda: self._start_waves(hands)):
                await asyncio.Event().wait()

    async def _take_incidents(self, hands: Nursery) -> None:
        while True:
            rung = self.cloud.fleet.bells.rung(INCIDENTS)
            try:
                for incident in await take_up(self.cloud):
                    if incident.id not in self._incidents:
                        self._incidents.add(incident.id)
                        hands.adopt(self._handle(incident), f"incident {incident.id}")
            except LATER as error:
                log.info("incidents are looked at again", error=str(error))
            await self.cloud.fleet.bells.next(INCIDENTS, after=rung, within_seconds=ROUND_SECONDS)

    async def _handle(self, incident: Incident) -> None:
        try:
            await pursue(await case_file(incident, self.cloud), self.cloud)
        except CaseLost:
            log.info("incident changed in other hands", incident=incident.id)
        except LATER as error:
            log.info("incident is taken up again", incident=incident.id, error=str(error))
            await self.cloud.clock.sleep(RETRY_SECONDS)
        finally:
            self._incidents.discard(incident.id)

    async def _start_waves(self, hands: Nursery) -> None:
        while True:
            rung = self.cloud.fleet.bells.rung(DECISIONS)
            try:
                for turn in await begin_wave(self.cloud, self._decisions):
                    self._decisions.add(turn.decision.id)
                    hands.adopt(self._restart(turn), f"restart of {turn.vm.name}")
            except LATER as error:
                log.info("decisions are looked at again", error=str(error))
            await self.cloud.fleet.bells.next(DECISIONS, after=rung, within_seconds=ROUND_SECONDS)

    async def _restart(self, turn: Turn) -> None:
        """In order of their turns, so many at a time on one host."""
        try:
            async with self._doors[HostId(str(turn.vm.host_id))]:
                await finish_restart(turn, self.cloud)
        except LATER as error:
            log.info("restart is looked at again", vm=turn.vm.id, error=str(error))
        finally:
            self._decisions.discard(turn.decision.id)


def broken(name: str, error: Exception) -> None:
    log.error("a task of recovery broke; its row is taken up again", task=name, exc_info=error)
