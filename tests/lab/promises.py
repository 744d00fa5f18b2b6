"""What the survival protocol promises in time, held against a witness of our own: one who reads the lease slots in the storage box.

Never too soon is exact: a restart is ordered at least T_dead after the last renewal that landed.  Not too late has some slack,
for the machine may be busy; the figures are in the bench."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mainstay_agent.lease.bounds import FAST, dead_after, takeover_after
from mainstay_agent.lease.slots import SECTOR_BYTES, SLOT_BYTES, OwnerSector, decode_owner
from mainstay_cli.client import Row, text
from mainstay_cli.lab.cloud import LabCloud
from mainstay_cli.lab.host import LabHost
from mainstay_runtime.clock import SystemClock
from tests.lab.sights import phase

LEASES = Path(".mainstay/leases")
LOOK_SECONDS = 0.02
SLACK_SECONDS = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """It landed between two looks."""

    sector: OwnerSector
    not_before: float
    not_after: float


class RenewalWatch:
    """The last renewal of every host on a pool.  `run` beside the story."""

    def __init__(self, cloud: LabCloud, pool: str = "primary") -> None:
        self._cloud = cloud
        self._leases = cloud.lab.layout.storage(pool) / LEASES
        self._clock = SystemClock()
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
            known = self._renewals.get(sector.host_id)
            if known is None or known.sector != sector:
                self._renewals[sector.host_id] = Renewal(
                    sector=sector, not_before=looked_before_at, not_after=self._clock.monotonic()
                )

    def last_of(self, host: LabHost) -> Renewal:
        return self._renewals[self._cloud.ids.hosts[host.name]]


def ordered_at(decision: Row) -> float:
    """On CLOCK_BOOTTIME, as the whole lab is one machine."""
    clock = SystemClock()
    ordered = datetime.fromisoformat(text(phase(decision, "ordered"), "at"))
    return clock.monotonic() - (clock.now() - ordered).total_seconds()


def was_ordered_in_time(decision: Row, renewal: Renewal) -> None:
    moment = ordered_at(decision)
    assert moment >= renewal.not_before + dead_after(FAST), "ordered before the lease was over"
    assert moment <= renewal.not_after + takeover_after(FAST) + SLACK_SECONDS, "ordered too late"
