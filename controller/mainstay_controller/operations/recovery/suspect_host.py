"""Make a silent host suspect: Alert, and an incident in our hands.  Suspicion is a hint; it starts questions and changes no guest."""

from __future__ import annotations

from mainstay_controller.domain.ha.suspicion import Silence
from mainstay_controller.domain.jobs import lives
from mainstay_controller.domain.lifecycle.host import HostEvent
from mainstay_controller.domain.lifecycle.table import ForbiddenTransition
from mainstay_controller.domain.records import Host, Incident
from mainstay_controller.operations.change_state import change_host
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.journal import AlertType, Level, about_host, place_of
from mainstay_controller.operations.recovery.casebook import investigation_of, open_host_incident
from mainstay_controller.store.port import Store


async def suspect_host(silence: Silence, cloud: Cloud) -> Incident | None:
    """None: it is suspect or dead already, removed, or was heard meanwhile.  Raises Stale when its row changed meanwhile."""
    try:
        async with cloud.store.transaction() as store:
            host = await store.hosts.get(silence.host_id)
            is_ours = host is not None and host.removed is None and not await _is_held_by_another(host, store, cloud)
            if cloud.fleet.is_heard_since(silence):
                return None
            if host is None or not is_ours:
                cloud.fleet.forget(silence.host_id)
                return None
            now = await store.now()
            host = await change_host(store, host, HostEvent.PING_TIMEOUT, now, silence.trigger)
            subject = f"Host {host.name} is under suspicion: {silence.trigger}"
            await cloud.journal.event(store, "HA.STATE.TRANSITION", subject, about_host(host), level=Level.WARN)
            await cloud.journal.alert(
                store, AlertType.HOST, subject, dedupe_key=f"host:{host.id}", place=place_of(host)
            )
            known = await investigation_of(store, host.id)
            return known or await open_host_incident(store, host, silence.trigger, silence.seconds, cloud)
    except ForbiddenTransition:
        return None


async def _is_held_by_another(host: Host, store: Store, cloud: Cloud) -> bool:
    """It has gone to another controller that lives: silence here means nothing."""
    if host.controller_id in (None, cloud.me.id):
        return False
    return host.controller_id in lives(await store.controllers.find(), await store.now())
