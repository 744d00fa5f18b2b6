"""What observers said of other hosts' lease slots, newest first to be asked; and a bell per host for whoever investigates it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from mainstay_controller.domain.ha.evidence import SlotSeen
from mainstay_controller.domain.ids import HostId, PoolId


@dataclass(frozen=True, slots=True, kw_only=True)
class Testimony:
    """`heard_at`: our own clock, when it came in."""

    slot: SlotSeen
    heard_at: float


@dataclass(slots=True)
class Witnesses:
    _said: dict[HostId, dict[tuple[PoolId, HostId], Testimony]] = field(default_factory=dict)
    _bells: dict[HostId, asyncio.Event] = field(default_factory=dict)

    def heard(self, slots: Iterable[SlotSeen], now: float) -> None:
        for slot in slots:
            about = self._said.setdefault(slot.host_id, {})
            about[slot.pool_id, slot.observer_id] = Testimony(slot=slot, heard_at=now)
            self.ring(slot.host_id)

    def about(self, host_id: HostId) -> tuple[Testimony, ...]:
        return tuple(self._said.get(host_id, {}).values())

    def forget(self, host_id: HostId) -> None:
        self._said.pop(host_id, None)

    def ring(self, host_id: HostId) -> None:
        bell = self._bells.get(host_id)
        if bell is not None:
            bell.set()

    async def next_word(self, host_id: HostId, within_seconds: float) -> None:
        """Until something was said of that host, or the time is over.  One investigator per host."""
        bell = self._bells.setdefault(host_id, asyncio.Event())
        try:
            async with asyncio.timeout(within_seconds):
                await bell.wait()
        except TimeoutError:
            return
        finally:
            bell.clear()
