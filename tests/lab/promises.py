"""What the survival protocol promises in time, held against a witness of our own: one who reads the lease slots in the storage box.

Never too soon is exact: a restart is ordered at least T_dead after the last renewal that landed.  Not too late has some slack,
for the machine may be busy; the figures are in the bench."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mainstay_agent.lease.bounds import FAST, dead_after, takeover_after
from mainstay_agent.lease.slots import SECTOR_BYTES, SLOT_BYTES, OwnerSector, decode_owner
from mainstay_cli.client import Row, text
from mainstay_cli.lab.cloud import LabCloud
from mainstay_cli.lab.host import LabHost
from mainstay_cli.lab.waiting import until
from mainstay_runtime.clock import SystemClock
from mainstay_runtime.tasks import background
from tests.lab.sights import phase

LEASES = Path(".mainstay/leases")
LOOK_SECONDS = 0.02
SLACK_SECONDS = 6.0
SEEN_DEADLINE_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """It landed between two looks."""

    not_before: float
    not_after: float


class RenewalWatch:
    """The last renewal of every host on a pool that landed before our eyes: of one that was there when we came nobody knows since when."""

    def __init__(self, cloud: LabCloud, pool: str = "primary") -> None:
        self._cloud = cloud
        self._leases = cloud.lab.layout.storage(pool) / LEASES
        self._clock = SystemClock()
        self._sectors: dict[str, OwnerSector] = {}
        self._renewals: dict[str, Renewal] = {}

    async def run(self) -> None:
        """For ever."""
        looked_at = self._clock.monotonic()
        while True:
            begun = self._clock.monotonic()
            self._look(looked_at)
            looked_at = begun
            await asyncio.sleep(LOOK_SECONDS)

    def _look(self, looked_before_at: float) -> None:
        content = self._leases.read_bytes()
        for start in range(0, len(content), SLOT_BYTES):
            sector = decode_owner(content[start : start + SECTOR_BYTES])
            if sector is None:
                continue
            known = self._sectors.get(sector.host_id)
            self._sectors[sector.host_id] = sector
            if known is not None and known != sector:
                self._renewals[sector.host_id] = Renewal(not_before=looked_before_at, not_after=self._clock.monotonic())

    async def has_seen_all(self) -> bool:
        return set(self._cloud.ids.hosts.values()) <= set(self._renewals)

    def last_of(self, host: LabHost) -> Renewal:
        return self._renewals[self._cloud.ids.hosts[host.name]]


@asynccontextmanager
async def renewals_watched(cloud: LabCloud) -> AsyncIterator[RenewalWatch]:
    """Begins when every host has renewed its lease before our eyes; what was seen stays readable after the block."""
    watch = RenewalWatch(cloud)
    async with background(watch.run):
        await until(watch.has_seen_all, "every host renews its lease before our eyes", SEEN_DEADLINE_SECONDS)
        yield watch


def moment_of(decision: Row, name: str) -> float:
    """Of its last phase of that name, on CLOCK_BOOTTIME, as the whole lab is one machine."""
    return on_our_clock(datetime.fromisoformat(text(phase(decision, name), "at")))


def on_our_clock(told: datetime) -> float:
    clock = SystemClock()
    return clock.monotonic() - (clock.now() - told).total_seconds()


def was_ordered_in_time(decision: Row, renewal: Renewal) -> None:
    moment = moment_of(decision, "ordered")
    assert moment >= renewal.not_before + dead_after(FAST), "ordered before the lease was over"
    assert moment <= renewal.not_after + takeover_after(FAST) + SLACK_SECONDS, "ordered too late"
