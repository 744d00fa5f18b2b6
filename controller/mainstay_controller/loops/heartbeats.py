"""Ten times a second: whose heart did not beat?  And did we ourselves listen all the time?"""

from __future__ import annotations

from mainstay_controller.domain.ha.suspicion import Attention, Patience, hosts_under_suspicion
from mainstay_controller.domain.ids import HostId
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.recovery.casebook import INCIDENTS
from mainstay_controller.operations.recovery.suspect_host import suspect_host
from mainstay_controller.operations.settings import Settings
from mainstay_controller.store.port import OutcomeUnknown, Stale, Unreachable
from mainstay_runtime.logs import logger

SCAN_SECONDS = 0.1
"""A scan only compares a number a host: a millisecond for ten thousand."""

log = logger(__name__)


async def watch_heartbeats(cloud: Cloud) -> None:
    """For ever."""
    now = cloud.clock.monotonic()
    attention = Attention(since=now, last_scan=now)
    known: dict[HostId, float] = {}
    while True:
        await cloud.clock.sleep(SCAN_SECONDS)
        now = cloud.clock.monotonic()
        before, attention = attention, attention.scanned(now, SCAN_SECONDS + cloud.settings.ping_interval_seconds)
        if not cloud.fleet.leads:
            attention = attention.closed(now)
            continue
        if attention.since != before.since:
            log.warning("our own loop lagged: nobody is suspect for a while", lag_seconds=now - before.last_scan)
        try:
            known = await scan(attention, known, now, cloud)
        except Exception:
            log.exception("looking for silent hosts failed; it is tried again")


async def scan(attention: Attention, known: dict[HostId, float], now: float, cloud: Cloud) -> dict[HostId, float]:
    """`known`: hosts found silent already, with the moment they were last heard; returns those of now."""
    patient = patience(cloud.settings)
    heard = {last.host_id: last for last in cloud.fleet.last_heard(patient.quiet_before(now))}
    if not heard:
        return {}
    still_silent: dict[HostId, float] = {}
    for silence in list(hosts_under_suspicion(heard.values(), attention, patient, now)):
        heard_at = heard[silence.host_id].at
        if known.get(silence.host_id) != heard_at:
            try:
                await suspect_host(silence, cloud)
            except (Stale, OutcomeUnknown, Unreachable) as error:
                log.info("a silent host is looked at again", host=silence.host_id, error=str(error))
                continue
            cloud.fleet.bells.ring(INCIDENTS)
        still_silent[silence.host_id] = heard_at
    return still_silent


def patience(settings: Settings) -> Patience:
    return Patience(
        live_seconds=settings.ping_interval_seconds * settings.ping_timeout_factor,
        lost_seconds=settings.session_grace_seconds,
        left_seconds=settings.goodbye_grace_seconds,
        awaited_seconds=settings.reconnect_grace_seconds,
    )
