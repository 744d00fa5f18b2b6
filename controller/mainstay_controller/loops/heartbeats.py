"""Ten times a second: whose heart did not beat?  And did we ourselves listen all the time?"""

from __future__ import annotations

from mainstay_controller.domain.ha.suspicion import Attention, Hearing, Patience, Silence, hosts_under_suspicion
from mainstay_controller.domain.ids import HostId
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.recovery.casebook import INCIDENTS
from mainstay_controller.operations.recovery.suspect_host import suspect_hosts
from mainstay_controller.operations.settings import Settings
from mainstay_controller.store.port import OutcomeUnknown, Stale, Unreachable
from mainstay_runtime.logs import logger

SCAN_SECONDS = 0.1
"""A scan only compares a number a host: a millisecond for ten thousand."""

log = logger(__name__)


async def watch_heartbeats(cloud: Cloud) -> None:
    """For ever."""
    now = cloud.clock.monotonic()
    attention, hearing = Attention(since=now, last_scan=now), Hearing()
    known: dict[HostId, float] = {}
    while True:
        due = cloud.clock.monotonic() + SCAN_SECONDS
        await cloud.clock.sleep(SCAN_SECONDS)
        now = cloud.clock.monotonic()
        before, attention = attention, attention.scanned(now, now - due, cloud.settings.ping_interval_seconds)
        hearing = heard_well(hearing, now, cloud)
        cloud.slowness = hearing.slowness
        if not cloud.fleet.leads:
            attention = attention.closed(now)
            continue
        if attention.since != before.since:
            log.warning("our own loop lagged: nobody is suspect for a while", lag_seconds=now - before.last_scan)
        try:
            known = await scan(attention, patience(cloud.settings).stretched(hearing.slowness), known, now, cloud)
        except Exception:
            log.exception("looking for silent hosts failed; it is tried again")


def heard_well(before: Hearing, now: float, cloud: Cloud) -> Hearing:
    beat_seconds, live_seconds = cloud.settings.ping_interval_seconds, patience(cloud.settings).live_seconds
    gaps = cloud.fleet.gaps_since(now - live_seconds * before.slowness)
    hearing = before.listened(gaps, beat_seconds, live_seconds, now)
    if hearing.slowness > 1 == before.slowness:
        log.warning("we hear badly: all are given more time", beat_seconds=hearing.slowness * beat_seconds)
    return hearing


async def scan(
    attention: Attention, patient: Patience, known: dict[HostId, float], now: float, cloud: Cloud
) -> dict[HostId, float]:
    """`known`: hosts found silent already, with the moment they were last heard; returns those of now.  Whoever is silent no longer is news, say
    what it may: it can have been proven dead meanwhile."""
    heard = {last.host_id: last for last in cloud.fleet.last_heard(patient.quiet_before(now))}
    silent = {silence.host_id: silence for silence in hosts_under_suspicion(heard.values(), attention, patient, now)}
    for host_id in known.keys() - silent.keys():
        cloud.fleet.inbox.about(host_id)
    still_silent = {host_id: heard[host_id].at for host_id in silent}
    fresh = [silence for host_id, silence in silent.items() if known.get(host_id) != still_silent[host_id]]
    if fresh:
        again = {silence.host_id for silence in fresh} - await suspected(fresh, cloud)
        still_silent = {host_id: at for host_id, at in still_silent.items() if host_id not in again}
    return still_silent


async def suspected(silences: list[Silence], cloud: Cloud) -> set[HostId]:
    """Those that are dealt with; the others are looked at again."""
    try:
        return await suspect_hosts(silences, cloud)
    except (Stale, OutcomeUnknown, Unreachable) as error:
        log.info("silent hosts are looked at again", hosts=len(silences), error=str(error))
        return set()
    finally:
        cloud.fleet.bells.ring(INCIDENTS)


def patience(settings: Settings) -> Patience:
    return Patience(
        live_seconds=settings.ping_interval_seconds * settings.ping_timeout_factor,
        lost_seconds=settings.session_grace_seconds,
        left_seconds=settings.goodbye_grace_seconds,
        awaited_seconds=settings.reconnect_grace_seconds,
    )
