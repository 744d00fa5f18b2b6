"""Ask everybody who may know about one silent host, all at once and again and again: its neighbours and its power controller.

Nobody waits for anybody: each is asked by a task of his own, bounded by his own deadline, and whoever does not answer is no witness.
What comes in rings the bell of whoever handles the case."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count

from mainstay_controller.domain.ha.case import Answer, PowerReading
from mainstay_controller.domain.ha.evidence import SlotSeen
from mainstay_controller.domain.ids import HostId, IncidentId, PoolId
from mainstay_controller.domain.records import Host, OutOfBand
from mainstay_controller.fleet.outcome import Done
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.hearing import misses_beats
from mainstay_runtime.logs import logger
from mainstay_runtime.tasks import Nursery

ASK_EVERY_SECONDS = 1.0
PING_EVERY = 5
"""Every so many questions a ping goes with it; a dead address makes the answer late, so the first goes without."""
WATCH_EVERY = 30
WATCH_SECONDS = 120.0

log = logger(__name__)


@dataclass(slots=True)
class Inquiry:
    """`power`: how its power controller is asked, if it has one."""

    host: Host
    incident_id: IncidentId
    cloud: Cloud
    power: OutOfBand | None = None
    power_reading: PowerReading | None = None
    pings: dict[HostId, bool] = field(default_factory=dict)
    _answers: dict[tuple[PoolId, HostId], Answer] = field(default_factory=dict)
    _asked: set[HostId] = field(default_factory=set)
    _mute: set[HostId] = field(default_factory=set)  # who did not answer when asked last
    _awaited: set[HostId] | None = (
        None  # of the first observers: who has not answered, nor failed to; None: not asked yet
    )

    @property
    def answers_awaited(self) -> bool:
        return self._awaited is None or bool(self._awaited)

    @property
    def answers(self) -> tuple[Answer, ...]:
        return tuple(self._answers.values())

    async def run(self) -> None:
        """Until cancelled."""
        async with Nursery(self._failed) as askers:
            if self.power is not None:
                askers.adopt(self._ask_power(self.power), f"power of {self.host.name}")
            while True:
                observers = await self._observers()
                if self._awaited is None:
                    self._awaited = set(observers)
                for observer_id in observers:
                    if observer_id not in self._asked:
                        self._asked.add(observer_id)
                        askers.adopt(self._ask_observer(observer_id), f"{observer_id} about {self.host.name}")
                await self.cloud.clock.sleep(ASK_EVERY_SECONDS)

    async def _observers(self) -> list[HostId]:
        """Neighbours with a slot on one of its pools; of each pool as many as the settings say.  Those asked already come first, and those last
        whose own view is not sound, who do not answer or have missed beats: of many hosts that die at once none knows of the others yet."""
        rounds = self.cloud.rounds
        chosen: set[HostId] = set()
        unsound = {answer.slot.observer_id for answer in self.answers if not answer.slot.witness_sound}
        for pool_id in await rounds.leased_pools(self.host.id):
            others = await rounds.slots(pool_id)
            live = [
                other.host_id
                for other in others
                if other.host_id != self.host.id and self.cloud.fleet.is_connected(other.host_id)
            ]
            no_help = {id for id in live if id in unsound | self._mute or misses_beats(id, self.cloud)}
            live.sort(key=lambda host_id: (host_id in no_help, host_id not in self._asked))
            chosen.update(live[: self.cloud.settings.witnesses_per_pool])
        return sorted(chosen)

    async def _ask_observer(self, observer_id: HostId) -> None:
        try:
            for round_ in count():
                if not self.cloud.fleet.is_connected(observer_id):
                    return
                if round_ % WATCH_EVERY == 0:
                    await self._have_it_watched(observer_id)
                await self._ask_once(observer_id, with_ping=round_ % PING_EVERY == 1)
                await self.cloud.fleet.next_verdict_of(observer_id, self.host.id, ASK_EVERY_SECONDS)
        finally:
            self._asked.discard(observer_id)
            self._awaited = (self._awaited or set()) - {observer_id}
            self._drop(observer_id)

    async def _ask_once(self, observer_id: HostId, *, with_ping: bool) -> None:
        asked_at = self.cloud.clock.monotonic()
        outcome = await self.cloud.fleet.probe_host(
            observer_id,
            self.host.id,
            self.host.ip if with_ping else "",
            command_id=f"{self.incident_id}:probe:{self.cloud.rng.uuid()}",
            deadline_seconds=self.cloud.settings.probe_deadline_seconds,
        )
        if self._awaited is not None:
            self._awaited.discard(observer_id)
        if not isinstance(outcome, Done):
            self._mute.add(observer_id)
            self._drop(observer_id)
            return
        self._mute.discard(observer_id)
        if with_ping:
            self.pings[observer_id] = outcome.answer.get("ping") == "yes"
        self._heard(outcome.slots, asked_at)

    def _heard(self, slots: Iterable[SlotSeen], asked_at: float) -> None:
        for slot in slots:
            if slot.host_id != self.host.id:
                continue
            key = (slot.pool_id, slot.observer_id)
            before = self._answers.get(key)
            moved = before is not None and (before.moved or is_another(before.slot, slot))
            self._answers[key] = Answer(slot=slot, asked_at=asked_at, moved=moved)
        self.cloud.fleet.ring(self.host.id)

    def _drop(self, observer_id: HostId) -> None:
        self._answers = {key: answer for key, answer in self._answers.items() if key[1] != observer_id}
        self.pings.pop(observer_id, None)

    async def _have_it_watched(self, observer_id: HostId) -> None:
        """So that the next question follows at once when a verdict changes; what it pushes is no evidence by itself."""
        await self.cloud.fleet.watch_host(
            observer_id,
            self.host.id,
            watch_seconds=WATCH_SECONDS,
            command_id=f"{self.incident_id}:watch:{self.cloud.rng.uuid()}",
            deadline_seconds=self.cloud.settings.probe_deadline_seconds,
        )

    async def _ask_power(self, power: OutOfBand) -> None:
        while True:
            asked_at = self.cloud.clock.monotonic()
            reading = await self.cloud.fleet.power.status(power, self.cloud.settings.power_deadline_seconds)
            before, heard_at = self.power_reading, self.cloud.clock.monotonic()
            self.power_reading = PowerReading(
                state=reading.state,
                asked_at=asked_at,
                since=before.since if before is not None and before.state is reading.state else heard_at,
                address=power.address,
                detail=reading.detail,
            )
            self.cloud.fleet.ring(self.host.id)
            await self.cloud.clock.sleep(ASK_EVERY_SECONDS)

    def _failed(self, name: str, error: Exception) -> None:
        log.error("a question failed", what=name, exc_info=error)


def is_another(before: SlotSeen, now: SlotSeen) -> bool:
    return (before.boot_id, before.generation, before.sequence) != (now.boot_id, now.generation, now.sequence)
