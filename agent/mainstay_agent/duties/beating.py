"""Heartbeats and load figures of one host.

The promise: a heartbeat goes out every interval while a session is open, whatever hangs: it is made of what is already known, and waits for the
lease area half an interval at most."""

from __future__ import annotations

import asyncio

from mainstay_agent.duties.charge import AREA_SILENT, Charge
from mainstay_agent.duties.session import Session
from mainstay_proto.messages import Heartbeat, LoadReport, PoolLease


async def beat(charge: Charge, session: Session) -> None:
    """For ever."""
    sequence, due_at = 0, charge.clock.monotonic()
    while True:
        await session.is_open.wait()
        sequence += 1
        charge.uplink.send(
            Heartbeat(
                host_id=charge.host_id,
                sequence=sequence,
                digest=charge.view.digest(),
                leases=await _leases(charge, session.beat_seconds / 2),
                hypervisor_responds=charge.hypervisor_responds,
            )
        )
        now = charge.clock.monotonic()
        due_at = max(now, due_at + session.beat_seconds)
        await charge.clock.sleep(due_at - now)


async def _leases(charge: Charge, wait_seconds: float) -> tuple[PoolLease, ...]:
    """None told is none claimed."""
    try:
        async with asyncio.timeout(wait_seconds):
            return await charge.area.leases()
    except (TimeoutError, *AREA_SILENT):
        return ()


async def report_load(charge: Charge, session: Session) -> None:
    """For ever, rarely; nothing where the hypervisor gives no figures."""
    stats, settings = charge.hypervisor.stats, charge.settings
    while stats is not None:
        await charge.clock.sleep(settings.load_report_seconds)
        await session.is_open.wait()
        load = await stats.load(charge.host_id, settings.look_deadline_seconds)
        if load is not None:
            charge.uplink.send(
                LoadReport(
                    host_id=charge.host_id,
                    cpu_used_percent=load.cpu_used_percent,
                    memory_used_mib=load.memory_used_mib,
                    guests=load.guests,
                )
            )
