"""Take incidents in hand, ours and those of controllers that are gone, and start released guests again in waves.

Of silent hosts only so many are looked into at a time (`docket`).  A failure ends one task and not the loop: the row stays open, and the next round
takes it up again."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

from mainstay_controller.domain.ids import DecisionId, HostId, IncidentId
from mainstay_controller.domain.records import Incident
from mainstay_controller.loops.docket import Docket
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.orders.decision_record import Turn
from mainstay_controller.operations.orders.together import together
from mainstay_controller.operations.recovery.call_off import call_off_unseen
from mainstay_controller.operations.recovery.casebook import (
    DECISIONS,
    INCIDENTS,
    CaseFile,
    CaseLost,
    case_file,
    is_about_a_silent_host,
    is_investigated,
    take_up,
)
from mainstay_controller.operations.recovery.investigate_guest import investigate_guest
from mainstay_controller.operations.recovery.investigate_host import investigate_host
from mainstay_controller.operations.recovery.plan_restarts import begin_wave
from mainstay_controller.operations.recovery.pursue_incident import see_through
from mainstay_controller.operations.recovery.restart_guest import Ending, order_restart, write_endings
from mainstay_controller.store.port import OutcomeUnknown, Stale, Store, Unreachable
from mainstay_runtime.logs import logger
from mainstay_runtime.tasks import Nursery, background

ROUND_SECONDS = 1.0
BREATH_SECONDS_MAX = 1.0
"""A wave looks at the whole zone, and may take long: the next waits as long as it took, so that the hosts proven dead meanwhile are one wave."""
RETRY_SECONDS = 2.0
"""Before an incident whose handling failed is taken up again."""
LATER = (Stale, OutcomeUnknown, Unreachable)

log = logger(__name__)


@dataclass(slots=True)
class Desk:
    """What this controller has in hand."""

    cloud: Cloud
    _hands: Nursery = field(init=False)
    _docket: Docket = field(init=False)
    _incidents: set[IncidentId] = field(default_factory=set)
    _decisions: set[DecisionId] = field(default_factory=set)
    _doors: dict[HostId, Door] = field(init=False)
    _endings: Endings = field(init=False)

    def __post_init__(self) -> None:
        self._hands = Nursery(broken)
        self._docket = Docket(self.cloud)
        self._doors = defaultdict(lambda: Door(self.cloud.settings.starts_per_host_max))
        self._endings = Endings(self.cloud)

    async def run(self) -> None:
        """For ever."""
        async with self._hands, background(self._take_incidents, self._endings.run):
            await self._start_waves()

    async def _take_incidents(self) -> None:
        while True:
            rung = self.cloud.fleet.bells.rung(INCIDENTS)
            try:
                for incident in await take_up({*self._incidents, *self._docket.waiting()}, self.cloud):
                    if is_about_a_silent_host(incident):
                        self._docket.join(incident)
                    else:
                        self._take(incident)
                await self._call_off_the_heard()
            except LATER as error:
                log.info("incidents are looked at again", error=str(error))
            except Exception:
                log.exception("taking up incidents failed; it is tried again")
            self._fill_the_seats()
            await self.cloud.fleet.bells.next(INCIDENTS, after=rung, within_seconds=ROUND_SECONDS)

    async def _call_off_the_heard(self) -> None:
        """Of those for which there is no seat."""
        heard = self._docket.heard_again()
        if heard:
            self._docket.strike(await call_off_unseen(heard, self.cloud))

    def _fill_the_seats(self) -> None:
        for incident in self._docket.call_in():
            self._take(incident)

    def _take(self, incident: Incident) -> None:
        self._incidents.add(incident.id)
        self._hands.adopt(self._handle(incident), f"incident {incident.id}")

    async def _handle(self, incident: Incident) -> None:
        try:
            case = await self._investigated(incident)
            await see_through(case, self.cloud)
            if is_about_a_silent_host(case.incident):
                self._docket.join(case.incident)
        except CaseLost:
            log.info("incident changed in other hands", incident=incident.id)
        except LATER as error:
            log.info("incident is taken up again", incident=incident.id, error=str(error))
            await self.cloud.clock.sleep(RETRY_SECONDS)
        finally:
            self._incidents.discard(incident.id)

    async def _investigated(self, incident: Incident) -> CaseFile:
        """Or put aside."""
        if not is_about_a_silent_host(incident):
            case = await case_file(incident, self.cloud)
            if is_investigated(incident):
                await investigate_guest(case, self.cloud)
            return case
        try:
            case = await investigate_host(incident, self.cloud, self._docket.seat_is_wanted)
        finally:
            self._docket.rise(incident)
        self._fill_the_seats()
        return case

    async def _start_waves(self) -> None:
        while True:
            rung, began = self.cloud.fleet.bells.rung(DECISIONS), self.cloud.clock.monotonic()
            try:
                async for batch in begin_wave(self.cloud, self._decisions):
                    for turn in batch:
                        self._decisions.add(turn.decision.id)
                        door = self._doors[HostId(str(turn.vm.host_id))]
                        self._hands.adopt(self._restart(turn, door, door.join_the_line()), f"restart of {turn.vm.name}")
            except LATER as error:
                log.info("decisions are looked at again", error=str(error))
            except Exception:
                log.exception("planning restarts failed; it is tried again")
            await self.cloud.clock.sleep(min(self.cloud.clock.monotonic() - began, BREATH_SECONDS_MAX))
            await self.cloud.fleet.bells.next(DECISIONS, after=rung, within_seconds=ROUND_SECONDS)

    async def _restart(self, turn: Turn, door: Door, place: Place) -> None:
        """In order of their turns, so many at a time on one host."""
        try:
            async with door.passing(place):
                ending = await order_restart(turn, self.cloud)
            await self._endings.write(ending)
        except LATER as error:
            log.info("restart is looked at again", vm=turn.vm.id, error=str(error))
        finally:
            self._decisions.discard(turn.decision.id)


Place: TypeAlias = "asyncio.Future[None]"


class Door:
    """So many may pass at a time, in the order in which they joined the line, whichever task happens to run first."""

    def __init__(self, at_once_max: int) -> None:
        self._free = at_once_max
        self._line: deque[Place] = deque()

    def join_the_line(self) -> Place:
        place: Place = asyncio.get_running_loop().create_future()
        self._line.append(place)
        self._let_in()
        return place

    @asynccontextmanager
    async def passing(self, place: Place) -> AsyncIterator[None]:
        try:
            await place
            yield
        finally:
            if place.done() and not place.cancelled():
                self._free += 1
            self._let_in()

    def _let_in(self) -> None:
        while self._free and self._line:
            place = self._line.popleft()
            if not place.cancelled():
                self._free -= 1
                place.set_result(None)


class Endings:
    """How starts ended, written as many at a time as came while the last ones were being written."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._waiting: list[Waits] = []
        self._came = asyncio.Event()

    async def write(self, ending: Ending) -> None:
        """Until it is written, or its rows are found changed by other hands."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((ending, written))
        self._came.set()
        await written

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._came.wait()
            self._came.clear()
            taken, self._waiting = self._waiting, []
            try:
                async for batch in together(taken, self._write_all, self._cloud):
                    tell([waits for waits, _ in batch], None)
            except Exception as error:
                tell(taken, error)

    async def _write_all(self, store: Store, batch: Sequence[Waits]) -> Sequence[None]:
        return await write_endings(store, [ending for ending, _ in batch], self._cloud)


Waits: TypeAlias = "tuple[Ending, asyncio.Future[None]]"


def tell(taken: Sequence[Waits], error: Exception | None) -> None:
    """Those who were told already, or have gone, hear nothing."""
    for _, written in taken:
        if written.done():
            continue
        if error is None:
            written.set_result(None)
        else:
            written.set_exception(error)


def broken(name: str, error: Exception) -> None:
    log.error("a task of recovery broke; its row is taken up again", task=name, exc_info=error)
