"""Resolve alerts whose trouble is over by what the rows say: whoever ended it - recovery, a user, an operator - need not think of the alert.

An alert tells what it is about in its key, `kind:id`; kinds that are not here are resolved where their trouble ends.  And alerts and events that
are older than operators want to keep are forgotten."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from mainstay_controller.domain.alerts import RESOLVED
from mainstay_controller.domain.records import Alert
from mainstay_controller.domain.states import VmState
from mainstay_controller.operations.alerting import put_away
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.membership import UP
from mainstay_controller.store.port import LIVE, Stale, Store, any_of, at_least, at_most, ne

CRASH_LOOP, CRASH_LOOP_SECONDS = "crash-loop", 3600.0
"""A kind of alert, and over what time crashes are counted for it."""
CRASHES = ("standing-authority", "guest-died")
"""The rules of decisions by which a guest that ended by itself was started again: by its own host, or by us."""

InTrouble = Callable[[Sequence[str], Store], Awaitable[set[str]]]


async def close_alerts(cloud: Cloud) -> None:
    """All of a kind with one look at their rows; every controller may."""
    waiting: dict[str, list[Alert]] = {}
    for alert in await cloud.store.alerts.find(ne("state", RESOLVED), ne("dedupe_key", "")):
        waiting.setdefault(alert.dedupe_key.partition(":")[0], []).append(alert)
    for kind, in_trouble in TROUBLES.items():
        alerts = {_about(alert): alert for alert in waiting.get(kind, [])}
        still = await in_trouble(list(alerts), cloud.store) if alerts else set()
        for about in alerts.keys() - still:
            await _resolve(alerts[about], cloud)


async def forget_old(cloud: Cloud) -> None:
    """alert.purge.delay and event.purge.delay, in days; 0: never."""
    now = cloud.clock.now()
    if cloud.settings.alert_purge_days:
        since = at_most("created", now - timedelta(days=cloud.settings.alert_purge_days))
        await put_away.delete(lambda store: store.alerts, (since,), cloud)
    if cloud.settings.event_purge_days:
        since = at_most("created", now - timedelta(days=cloud.settings.event_purge_days))
        await put_away.delete(lambda store: store.events, (since,), cloud)


async def _resolve(alert: Alert, cloud: Cloud) -> None:
    try:
        await cloud.store.alerts.swap(alert, replace(alert, state=RESOLVED, resolved=cloud.clock.now()))
    except Stale:
        return  # it was counted up or resolved in the same moment: it is looked at again


def _about(alert: Alert) -> str:
    return alert.dedupe_key.partition(":")[2]


# --- who is still in trouble, of those that are asked about -----------------------------------------------------------


async def _vms(ids: Sequence[str], store: Store) -> set[str]:
    """Those that do not run though their users want it."""
    vms = await store.vms.find(any_of("id", ids), LIVE)
    return {vm.id for vm in vms if vm.wanted_running and vm.state is not VmState.RUNNING}


async def _looping_vms(ids: Sequence[str], store: Store) -> set[str]:
    """Those that crashed not long ago."""
    since = at_least("created", await store.now() - timedelta(seconds=CRASH_LOOP_SECONDS))
    return {each.vm_id for each in await store.decisions.find(any_of("vm_id", ids), any_of("rule", CRASHES), since)}


async def _hosts(ids: Sequence[str], store: Store) -> set[str]:
    """Those that are there: their trouble ends where it is seen to end, or with them."""
    return {host.id for host in await store.hosts.find(any_of("id", ids), LIVE)}


async def _guests_of_hosts(abouts: Sequence[str], store: Store) -> set[str]:
    there = await _hosts([about.partition(":")[0] for about in abouts], store)
    return {about for about in abouts if about.partition(":")[0] in there}


async def _clusters(abouts: Sequence[str], store: Store) -> set[str]:
    ids = [about.partition(":")[0] for about in abouts]
    there = {cluster.id for cluster in await store.clusters.find(any_of("id", ids), LIVE)}
    return {about for about in abouts if about.partition(":")[0] in there}


async def _controllers(ids: Sequence[str], store: Store) -> set[str]:
    now = await store.now()
    return {row.id for row in await store.controllers.find(any_of("id", ids)) if row.state != UP or row.expires <= now}


async def _power_controllers(ids: Sequence[str], store: Store) -> set[str]:
    known = await store.out_of_band.find(any_of("id", ids))
    return {row.id for row in known if row.enabled and row.power_state not in ("On", "Off")}


TROUBLES: Mapping[str, InTrouble] = {
    "vm-stopped": _vms,
    CRASH_LOOP: _looping_vms,
    "host": _hosts,
    "twin": _hosts,
    "hypervisor": _hosts,
    "watchdog": _hosts,
    "maintenance-stuck": _hosts,
    "guest": _guests_of_hosts,
    "stale": _guests_of_hosts,
    "controller": _controllers,
    "oobm-auth": _power_controllers,
    "capacity": _clusters,
}
"""By kind of alert."""
