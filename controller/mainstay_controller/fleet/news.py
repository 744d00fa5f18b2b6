"""Which hosts have something new to say, taken one host at a time.

Level-triggered: the inbox names hosts, not messages; whoever takes one looks at the host's newest picture.  So it is bounded by
the number of hosts, and a host that talks fast costs no more than one that talks once.  Notes (events) ride along, bounded per host:
when full the oldest go, since the picture tells the state anyway."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from mainstay_controller.domain.ha.evidence import GuestSeen
from mainstay_controller.domain.ha.suspicion import Contact
from mainstay_controller.domain.ids import HostId

NOTES_MAX = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestNote:
    """One guest's change as an event.  `elapsed_ms`: from the event to the local restart's order."""

    guest: GuestSeen
    restarted_locally: bool = False
    elapsed_ms: int | None = None


@dataclass(slots=True)
class News:
    host_id: HostId
    condition_changed: bool = False  # its first beat, its leases, its hypervisor
    parted: Contact | None = None  # how the last session ended, if one did
    has_a_twin: bool = False  # somebody else came with its agent's identity
    notes: deque[GuestNote] = field(default_factory=lambda: deque(maxlen=NOTES_MAX))


class Inbox:
    """`take` hands out a host's news to one taker at a time; `done` lets the next look at that host begin."""

    def __init__(self) -> None:
        self._waiting: dict[HostId, News] = {}
        self._taken: set[HostId] = set()
        self._ready: asyncio.Queue[HostId] = asyncio.Queue()  # those that wait and are not taken, once each

    def about(self, host_id: HostId) -> News:
        news = self._waiting.get(host_id)
        if news is None:
            news = self._waiting[host_id] = News(host_id)
            if host_id not in self._taken:
                self._ready.put_nowait(host_id)
        return news

    async def take(self) -> News:
        """One that comes wakes one taker."""
        host_id = await self._ready.get()
        self._taken.add(host_id)
        return self._waiting.pop(host_id)

    def again(self, news: News, after_seconds: float) -> None:
        """Its news were not dealt with to the end: they wait in front of what came meanwhile."""
        asyncio.get_running_loop().call_later(after_seconds, self._put_back, news)

    def _put_back(self, news: News) -> None:
        fresher = self.about(news.host_id)
        fresher.condition_changed = fresher.condition_changed or news.condition_changed
        fresher.has_a_twin = fresher.has_a_twin or news.has_a_twin
        fresher.parted = fresher.parted or news.parted
        fresher.notes.extendleft(reversed(news.notes))

    def done(self, news: News) -> None:
        self._taken.discard(news.host_id)
        if news.host_id in self._waiting:
            self._ready.put_nowait(news.host_id)
