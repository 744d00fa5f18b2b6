"""The guests of one host as we tell them: the hypervisor's last word, plus what it cannot know.

It cannot know that a start is in flight which it has not taken up, that a death was the lease daemon's deed, or that a shutdown was ordered.
Pure but for its own memory; what changed is taken and told elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from mainstay_proto.digest import digest_of
from mainstay_proto.messages import GuestReport, GuestState, StopCause

DOWN = frozenset({GuestState.STOPPED, GuestState.CRASHED})


def is_there(report: GuestReport | None) -> bool:
    """Unknown counts as there: what we cannot see may run."""
    return report is not None and report.state not in DOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """`news` are worth an event; `reports` all that differs; `removed`: some guest is no longer to be told of."""

    news: tuple[GuestReport, ...]
    reports: tuple[GuestReport, ...]
    removed: bool


class View:
    def __init__(self, stop_was_ordered: Callable[[str], bool], remembered: Iterable[GuestReport]) -> None:
        """`remembered`: what we believe before the hypervisor said anything."""
        self._stop_was_ordered = stop_was_ordered
        self._sighted = {report.vm_id: report for report in remembered}
        self._sighted_at: dict[str, int] = {}
        self._sightings = 0
        self._in_flight: dict[str, GuestReport] = {}
        self._fenced: dict[str, int] = {}
        self._told = dict(self._sighted)
        self._dirty: set[str] = set()
        self._digest: int | None = None

    def told(self) -> tuple[GuestReport, ...]:
        return tuple(self._told.values())

    def of(self, vm_id: str) -> GuestReport | None:
        return self._told.get(vm_id)

    def digest(self) -> int:
        if self._digest is None:
            self._digest = digest_of(self._told.values())
        return self._digest

    def now(self) -> int:
        """A mark for `sight_all`: take it before the hypervisor is asked."""
        return self._sightings

    def sight(self, report: GuestReport) -> None:
        """The hypervisor's word about one guest."""
        self._sightings += 1
        self._sighted[report.vm_id] = report
        self._sighted_at[report.vm_id] = self._sightings
        self._dirty.add(report.vm_id)

    def sight_all(self, reports: Iterable[GuestReport], asked_at: int) -> None:
        """Its word about all; where an event came while it was being asked, the event stands."""
        fresher = {vm_id for vm_id, at in self._sighted_at.items() if at > asked_at}
        kept = {vm_id: self._sighted[vm_id] for vm_id in fresher}
        self._dirty |= self._sighted.keys()
        self._sighted = {report.vm_id: report for report in reports} | kept
        self._sighted_at = {vm_id: self._sighted_at[vm_id] for vm_id in fresher}
        self._dirty |= self._sighted.keys()

    def forget(self, vm_id: str) -> None:
        for memory in (self._sighted, self._sighted_at, self._in_flight, self._fenced):
            memory.pop(vm_id, None)
        self._dirty.add(vm_id)

    def start_in_flight(self, report: GuestReport) -> None:
        """Told as long as the hypervisor shows nothing of it."""
        self._in_flight[report.vm_id] = report
        self._dirty.add(report.vm_id)

    def start_over(self, vm_id: str) -> None:
        self._in_flight.pop(vm_id, None)
        self._dirty.add(vm_id)

    def fenced(self, report: GuestReport) -> None:
        """It is gone, and that was a fence whatever the hypervisor will say of it."""
        self._fenced[report.vm_id] = report.epoch
        self.sight(report)

    def take_changes(self) -> Changes:
        news, reports, removed = [], [], False
        for vm_id in sorted(self._dirty):
            before, now = self._told.get(vm_id), self._as_told(vm_id)
            if now is None:
                removed = self._told.pop(vm_id, None) is not None or removed
            elif now != before:
                self._told[vm_id] = now
                reports.append(now)
                if not _merely_adopted(before, now):
                    news.append(now)
        if reports or removed:
            self._digest = None
        self._dirty.clear()
        return Changes(news=tuple(news), reports=tuple(reports), removed=removed)

    def _as_told(self, vm_id: str) -> GuestReport | None:
        sighted = self._sighted.get(vm_id)
        if is_there(sighted):
            return sighted
        if vm_id in self._in_flight:
            return self._in_flight[vm_id]
        if sighted is None:
            return None
        if self._fenced.get(vm_id) == sighted.epoch:
            return replace(sighted, cause=StopCause.FENCED)
        if sighted.cause is StopCause.GUEST_SHUTDOWN and self._stop_was_ordered(vm_id):
            return replace(sighted, cause=StopCause.ORDERED)
        return sighted


def _merely_adopted(before: GuestReport | None, now: GuestReport) -> bool:
    """Found alive, as expected: a report says it, no event is due."""
    return is_there(now) and (before is None or before.state is GuestState.UNKNOWN)
