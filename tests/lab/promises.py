"""What the survival protocol promises in time, held against a witness of our own: one who reads the lease slots in the storage box.

Never too soon is exact: a restart is ordered at least T_dead after the last renewal that landed.  Not too late is judged by what the
machine allows: for as long as it kept our processes from a core, nothing could be ordered.  The figures are in the bench."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mainstay_agent.lease.bounds import FAST, dead_after, hold_over_after, sound_gap, takeover_after
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
WORK_SECONDS = 2.0
"""From the proof to the order, for what is computed and written on a machine whose disk others use too: that time nobody counts for us."""
SEEN_DEADLINE_SECONDS = 30.0
LEADS_DEADLINE_SECONDS = 60.0
ARRIVAL_SECONDS = 10.0
"""Within which all hosts have come to a controller that was started."""


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
        self._waited_before = waiting_of(cloud)

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

    async def leads_for_long(self) -> bool:
        """A controller that newly leads waits for the end of holds that it cannot know, and asks then; here it does not wait longer than for
        the lease."""
        waits = ARRIVAL_SECONDS + hold_over_after(FAST) + sound_gap(FAST) - takeover_after(FAST)
        begun_at = max(begin_of(controller.pid) for controller in self._cloud.controllers.values())
        return self._clock.monotonic() - begun_at >= waits

    def last_of(self, host: LabHost) -> Renewal:
        return self._renewals[self._cloud.ids.hosts[host.name]]

    def waited_seconds(self) -> float:
        """How long the machine has kept Mainstay from a core since we watch."""
        now = waiting_of(self._cloud)
        return sum(waited - self._waited_before.get(thread, 0.0) for thread, waited in now.items())


@asynccontextmanager
async def renewals_watched(cloud: LabCloud) -> AsyncIterator[RenewalWatch]:
    """Begins when every host has renewed its lease before our eyes; what was seen stays readable after the block."""
    watch = RenewalWatch(cloud)
    async with background(watch.run):
        await until(watch.has_seen_all, "every host renews its lease before our eyes", SEEN_DEADLINE_SECONDS)
        await until(watch.leads_for_long, "the controller leads for longer than a hold", LEADS_DEADLINE_SECONDS)
        yield watch


def waiting_of(cloud: LabCloud) -> Mapping[Path, float]:
    """Seconds that each living thread of Mainstay was ready to run and did not."""
    waited: dict[Path, float] = {}
    for process in (*cloud.controllers.values(), *cloud.agents.values(), *cloud.leased.values()):
        for thread in Path(f"/proc/{process.pid}/task").glob("*"):
            with suppress(OSError):
                _, nanoseconds, _ = (thread / "schedstat").read_text().split()
                waited[thread] = int(nanoseconds) / 1e9
    return waited


def moment_of(decision: Row, name: str) -> float:
    """Of its last phase of that name, on CLOCK_BOOTTIME, as the whole lab is one machine."""
    return on_our_clock(datetime.fromisoformat(text(phase(decision, name), "at")))


def on_our_clock(told: datetime) -> float:
    clock = SystemClock()
    return clock.monotonic() - (clock.now() - told).total_seconds()


def begin_of(pid: int) -> float:
    """On CLOCK_BOOTTIME."""
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return int(ticks) / os.sysconf("SC_CLK_TCK")


def was_not_ordered_too_soon(decision: Row, watch: RenewalWatch, host: LabHost) -> None:
    assert moment_of(decision, "ordered") >= watch.last_of(host).not_before + dead_after(FAST), "the lease was not over"


def was_ordered_in_time(decision: Row, watch: RenewalWatch, host: LabHost) -> None:
    """Of a host that fell silent when it renewed for the last time."""
    was_not_ordered_too_soon(decision, watch, host)
    allowed = takeover_after(FAST) + WORK_SECONDS + watch.waited_seconds()
    late = moment_of(decision, "ordered") - watch.last_of(host).not_after
    assert late <= allowed, f"ordered after {late:.1f} s, while this machine allows {allowed:.1f} s"
