"""Make silent hosts suspect: Alert, and an incident in our hands.  Suspicion is a hint; it starts questions and changes no guest.

Hosts that fall silent in one moment are made suspect in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from mainstay_controller.domain.ha.suspicion import Silence
from mainstay_controller.domain.ids import HostId
from mainstay_controller.domain.jobs import lives
from mainstay_controller.domain.lifecycle.host import TRANSITIONS, HostEvent
from mainstay_controller.domain.records import Host
from mainstay_controller.operations.change_state import HostChange, change_hosts
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.journal import AlertType, Level, Trouble, about_host, place_of
from mainstay_controller.operations.orders.together import together
from mainstay_controller.operations.recovery.casebook import investigations_of, open_host_incidents
from mainstay_controller.store.port import Store, any_of


async def suspect_hosts(silences: Sequence[Silence], cloud: Cloud) -> set[HostId]:
    """Those that are dealt with: suspect now or before, dead, removed, another's, or heard meanwhile.  The rows of the others changed in this moment."""

    async def suspect(store: Store, batch: Sequence[Silence]) -> Sequence[bool]:
        await _suspect(store, batch, cloud)
        return [True] * len(batch)

    return {
        silence.host_id
        async for batch in together(silences, suspect, cloud)
        for silence, is_dealt_with in batch
        if is_dealt_with
    }


async def _suspect(store: Store, silences: Sequence[Silence], cloud: Cloud) -> None:
    rows = {host.id: host for host in await store.hosts.find(any_of("id", [each.host_id for each in silences]))}
    ours = await _ours_among(rows.values(), store, cloud)
    silent = [silence for silence in silences if not cloud.fleet.is_heard_since(silence)]
    for silence in silent:
        if silence.host_id not in ours:
            cloud.fleet.forget(silence.host_id)
    found = [(ours[each.host_id], each) for each in silent if may_be_suspected(ours.get(each.host_id))]
    if found:
        await _write(store, found, cloud)


def may_be_suspected(host: Host | None) -> bool:
    """And is not already."""
    return host is not None and (host.state, HostEvent.PING_TIMEOUT) in TRANSITIONS


async def _write(store: Store, found: Sequence[tuple[Host, Silence]], cloud: Cloud) -> None:
    now, journal = await store.now(), cloud.journal
    changes = [HostChange(host=host, into=host, why=silence.trigger) for host, silence in found]
    await change_hosts(store, HostEvent.PING_TIMEOUT, now, changes)
    told = [(host, f"Host {host.name} is under suspicion: {silence.trigger}") for host, silence in found]
    await store.events.add_all(
        [journal.entry("HA.STATE.TRANSITION", text, about_host(host), level=Level.WARN) for host, text in told]
    )
    troubles = [
        Trouble(type=AlertType.HOST, subject=text, dedupe_key=f"host:{host.id}", place=place_of(host))
        for host, text in told
    ]
    await journal.alert_of_all(store, troubles)
    known = await investigations_of(store, [host for host, _ in found])
    fresh = [(host, silence.trigger, silence.seconds) for host, silence in found if host.id not in known]
    await open_host_incidents(store, fresh, cloud)


async def _ours_among(hosts: Collection[Host], store: Store, cloud: Cloud) -> dict[HostId, Host]:
    """Not those that have gone to another controller that lives: silence here means nothing of them."""
    there = [host for host in hosts if host.removed is None]
    if all(host.controller_id in (None, cloud.me.id) for host in there):
        return {host.id: host for host in there}
    alive = lives(await store.controllers.find(), await store.now())
    return {host.id: host for host in there if host.controller_id == cloud.me.id or host.controller_id not in alive}
