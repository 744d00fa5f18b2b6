"""One host in the agent's charge: what all duties for it share, and how its news are told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from weakref import WeakValueDictionary

from mainstay_agent.duties.book import MAYBE_RUNNING, Book, PoolOrders, Wanted
from mainstay_agent.duties.ports import DutySettings, Hypervisor, Pinger, ScreenLines, Uplink
from mainstay_agent.duties.view import Changes, View
from mainstay_agent.lease.area import LeaseArea
from mainstay_proto.messages import (
    GuestEvent,
    GuestReport,
    GuestSpec,
    GuestState,
    HostFacts,
    PowerReport,
    StopCause,
)
from mainstay_runtime.clock import Clock
from mainstay_runtime.errors import DeadlineExceeded, Unavailable
from mainstay_runtime.logs import logger
from mainstay_runtime.tasks import Nursery

log = logger(__name__)

AREA_SILENT = (Unavailable, DeadlineExceeded)
"""The lease area did not answer: nothing was learnt, and nothing may be started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarted:
    """A start under standing authority."""

    cause: StopCause | None
    detail: str
    elapsed_ms: int  # from the sign of its death to the order


class Charge:
    def __init__(
        self,
        *,
        facts: HostFacts,
        hypervisor: Hypervisor,
        area: LeaseArea,
        book: Book,
        uplink: Uplink,
        pinger: Pinger,
        clock: Clock,
        settings: DutySettings,
        tasks: Nursery,
        screen_lines: ScreenLines | None = None,
    ) -> None:
        self.facts = facts
        self.host_id = facts.host_id
        self.hypervisor = hypervisor
        self.driver = hypervisor.driver
        self.area = area
        self.book = book
        self.uplink = uplink
        self.pinger = pinger
        self.clock = clock
        self.settings = settings
        self.tasks = tasks
        self.screen_lines = screen_lines
        self.screens_shown = 0
        self.view = View(self._stop_was_ordered, _believed(book))
        self.hypervisor_responds = True
        self.pools_in_force: PoolOrders | None = None
        self.watched_until: dict[str, float] = {}  # hosts that the controller suspects
        self.watch_ordered = asyncio.Event()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def guest_lock(self, vm_id: str) -> asyncio.Lock:
        """Orders and decisions about one guest come one after the other."""
        return self._locks.setdefault(vm_id, asyncio.Lock())

    async def look(self) -> dict[str, GuestReport] | None:
        """Ask the hypervisor what is there, and tell what is new.  None: it does not answer."""
        asked_at = self.view.now()
        reports = await self.driver.guests(self.host_id, self.settings.look_deadline_seconds)
        self.note_answer(reports is not None)
        if reports is None:
            return None
        self.view.sight_all(reports, asked_at)
        self.tell_changes()
        return {report.vm_id: report for report in reports}

    def note_answer(self, responds: bool) -> None:
        if responds is not self.hypervisor_responds:
            self.hypervisor_responds = responds
            log.warning("hypervisor answers again" if responds else "hypervisor does not answer", host=self.host_id)

    def tell_changes(self) -> None:
        changes = self.view.take_changes()
        for report in changes.news:
            self.uplink.send(event_of(self.host_id, report))
        self._report(changes)

    def tell_start(self, spec: GuestSpec, restart: Restarted | None = None) -> None:
        """A start is in flight from here on; one under standing authority is told as such."""
        starting = GuestReport(vm_id=spec.vm_id, state=GuestState.STARTING, epoch=spec.epoch)
        self.view.start_in_flight(starting)
        event = event_of(self.host_id, starting)
        if restart is not None:
            event = replace(
                event,
                restarted_locally=True,
                cause=restart.cause,
                detail=restart.detail,
                elapsed_ms=restart.elapsed_ms,
            )
        self.uplink.send(event)
        self._report(self.view.take_changes())

    def _report(self, changes: Changes) -> None:
        if changes.removed:
            self.tell_everything()
        elif changes.reports:
            self.uplink.send(PowerReport(host_id=self.host_id, complete=False, guests=changes.reports))

    def tell_everything(self) -> None:
        self.uplink.send(PowerReport(host_id=self.host_id, complete=True, guests=self.view.told()))

    def _stop_was_ordered(self, vm_id: str) -> bool:
        entry = self.book.entry(vm_id)
        return entry is not None and entry.wanted is Wanted.STOPPED


def event_of(host_id: str, report: GuestReport) -> GuestEvent:
    return GuestEvent(
        host_id=host_id,
        vm_id=report.vm_id,
        epoch=report.epoch,
        state=report.state,
        cause=report.cause,
        detail=report.detail,
    )


def _believed(book: Book) -> list[GuestReport]:
    return [
        GuestReport(vm_id=entry.spec.vm_id, state=GuestState.UNKNOWN, epoch=entry.spec.epoch)
        for entry in book.entries()
        if entry.wanted in MAYBE_RUNNING
    ]
