"""Tell people of alerts by mail: one letter for what belongs together, none twice before its time.

The first of the living controllers writes.  When that changes hands a letter may come twice, but none is lost: an alert counts as told only
once a mail server has taken its letter."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime

from mainstay_controller.domain.alerts import OPEN, Fallen, Folding, Letter, letter_about, to_tell
from mainstay_controller.domain.ids import AlertId
from mainstay_controller.domain.records import Alert
from mainstay_controller.domain.states import HostState, IncidentPhase
from mainstay_controller.operations.alerting.post import has_an_address
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import ResourceUnavailable
from mainstay_controller.operations.settings import Settings
from mainstay_controller.store.port import Stale, Store, any_of, eq, greater

Send = Callable[[Letter, datetime, Settings], Awaitable[None]]
TRIES = 5
TROUBLES = {HostState.DOWN: "down", HostState.ALERT: "under suspicion"}


async def mail_alerts(send: Send, cloud: Cloud) -> None:
    """Raises NotDelivered; everything is told later then."""
    if not has_an_address(cloud.settings) or not await _is_ours_to_write(cloud):
        return
    now = cloud.clock.now()
    waiting = await cloud.store.alerts.find(eq("state", OPEN), eq("archived", False))
    may_grow = bool(waiting) and await _a_host_is_under_suspicion(cloud.store)
    if alerts := to_tell(waiting, now, _folding(cloud.settings), may_grow=may_grow):
        await send(letter_about(alerts, await _fallen(alerts, cloud.store)), now, cloud.settings)
        for alert in alerts:
            await _remember_told(alert, now, cloud)


async def send_test_letter(send: Send, cloud: Cloud) -> None:
    """Raises NotDelivered with what the mail server said."""
    if not has_an_address(cloud.settings):
        raise ResourceUnavailable("Nobody is told of alerts: set alert.smtp.host and alert.email.addresses")
    letter = Letter(subject="Mainstay: a test", text="Alerts of this cloud will come this way.\n")
    await send(letter, cloud.clock.now(), cloud.settings)


async def _fallen(alerts: Sequence[Alert], store: Store) -> dict[AlertId, Fallen]:
    """Of the alerts that say that a host has fallen: which, and where it stands by now."""
    of_host = {alert.host_id: alert.id for alert in alerts if alert.dedupe_key == f"host:{alert.host_id}"}
    hosts = [host for host in await store.hosts.find(any_of("id", list(of_host))) if host.state in TROUBLES]
    zones = {each.id: each.name for each in await store.zones.find(any_of("id", [host.zone_id for host in hosts]))}
    pods = {each.id: each.name for each in await store.pods.find(any_of("id", [host.pod_id for host in hosts]))}
    cluster_ids = [host.cluster_id for host in hosts]
    clusters = {each.id: each.name for each in await store.clusters.find(any_of("id", cluster_ids))}
    return {
        of_host[host.id]: Fallen(
            name=host.name,
            trouble=TROUBLES[host.state],
            places=(f"zone {zones[host.zone_id]}", f"pod {pods[host.pod_id]}", f"cluster {clusters[host.cluster_id]}"),
        )
        for host in hosts
    }


async def _is_ours_to_write(cloud: Cloud) -> bool:
    now = await cloud.store.now()
    living = await cloud.store.controllers.find(greater("expires", now))
    return min((row.id for row in living), default=cloud.me.id) == cloud.me.id


async def _a_host_is_under_suspicion(store: Store) -> bool:
    """What its silence means is not known yet; once it is, the alerts of its guests are there with the proof."""
    unknown = any_of("phase", [IncidentPhase.SUSPECTED, IncidentPhase.INVESTIGATING, IncidentPhase.FENCING])
    return await store.incidents.count(unknown, eq("vm_id", None)) > 0


async def _remember_told(alert: Alert, now: datetime, cloud: Cloud) -> None:
    """It may be counted up, acknowledged or removed in the same moment."""
    for _ in range(TRIES):
        known = await cloud.store.alerts.get(alert.id)
        if known is None:
            return
        try:
            await cloud.store.alerts.swap(known, replace(known, last_sent=now))
            return
        except Stale:
            continue


def _folding(settings: Settings) -> Folding:
    return Folding(
        quiet_seconds=settings.alert_quiet_seconds,
        wait_seconds_max=settings.alert_wait_seconds_max,
        again_seconds=settings.alert_again_seconds,
    )
