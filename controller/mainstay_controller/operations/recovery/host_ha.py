"""May this cloud act on a host that it has lost: power it off, release its guests by poison?  CloudStack's HA of hosts, as a switch.

Switched off for a host, its cluster or its zone, nothing is done *to* the host; guests that a lapsed lease or the host itself proves gone are
restarted all the same, since that needs no deed.  The switches of a cluster and a zone stand in their details under CloudStack's name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from mainstay_controller.domain.ids import HostId
from mainstay_controller.domain.records import Cluster, Host, Zone
from mainstay_controller.domain.states import HostState, ResourceState
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter
from mainstay_controller.operations.journal import About, about_host
from mainstay_controller.operations.own_details import HA_SWITCH
from mainstay_controller.store.port import Store

PROVIDERS: Mapping[str, str] = {"KVM": "KVMHAProvider", "Simulator": "SimulatorHAProvider"}
"""Whose hosts can be powered off or poisoned by us; those of other hypervisors are in the hands of their own HA."""
PROVIDER = "haProvider"

HA_STATES: Mapping[HostState, str] = {
    HostState.UP: "Available",
    HostState.CONNECTING: "Available",
    HostState.ALERT: "Checking",
    HostState.DISCONNECTED: "Degraded",
    HostState.DOWN: "Fenced",
}
"""What CloudStack's clients are told of a host whose HA is on; all other hosts are Ineligible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostHa:
    host_id: HostId
    enabled: bool
    provider: str | None
    state: str


def host_ha(host: Host, cluster: Cluster, zone: Zone) -> HostHa:
    """Pure: what the three rows say together."""
    enabled = all(is_on(place) for place in (host, cluster, zone))
    return HostHa(host_id=host.id, enabled=enabled, provider=_provider(host), state=_state(host, enabled))


def is_on(place: Host | Cluster | Zone) -> bool:
    return place.details.get(HA_SWITCH) != "false"


def may_act_on(host: Host, cluster: Cluster, zone: Zone) -> bool:
    return host_ha(host, cluster, zone).enabled


async def configure(host: Host, provider: str, cloud: Cloud, about: About) -> Host:
    own = PROVIDERS.get(host.hypervisor)
    if own is None or provider.lower() != own.lower():
        offered = own or "none: its hypervisor has HA of its own"
        raise InvalidParameter("provider", f"a {host.hypervisor} host has {offered}")
    async with cloud.store.transaction() as store:
        changed = await store.hosts.swap(host, replace(host, details={**host.details, PROVIDER: own.lower()}))
        await cloud.journal.event(store, "HA.RESOURCE.CONFIGURE", f"HA of host {host.name}: {own}", about)
    return changed


async def switch_host(host: Host, on: bool, cloud: Cloud, user: About) -> Host:
    details = {**host.details, HA_SWITCH: _said(on)}
    about = replace(about_host(host), user_id=user.user_id, account_id=user.account_id, domain_id=user.domain_id)
    async with cloud.store.transaction() as store:
        changed = await store.hosts.swap(host, replace(host, details=details))
        await _tell(store, host.name, "host", on, cloud, about)
    return changed


async def switch_cluster(cluster: Cluster, on: bool, cloud: Cloud, about: About) -> None:
    async with cloud.store.transaction() as store:
        await store.clusters.swap(cluster, replace(cluster, details={**cluster.details, HA_SWITCH: _said(on)}))
        await _tell(store, cluster.name, "cluster", on, cloud, about)


async def switch_zone(zone: Zone, on: bool, cloud: Cloud, about: About) -> None:
    async with cloud.store.transaction() as store:
        await store.zones.swap(zone, replace(zone, details={**zone.details, HA_SWITCH: _said(on)}))
        await _tell(store, zone.name, "zone", on, cloud, about)


def _said(on: bool) -> str:
    return "true" if on else "false"


async def _tell(store: Store, name: str, kind: str, on: bool, cloud: Cloud, about: About) -> None:
    verb = "enabled" if on else "disabled"
    event = "HA.RESOURCE.ENABLE" if on else "HA.RESOURCE.DISABLE"
    await cloud.journal.event(store, event, f"HA of {kind} {name} is {verb}", about)


def _provider(host: Host) -> str | None:
    own = PROVIDERS.get(host.hypervisor)
    return host.details.get(PROVIDER, own.lower()) if own else None


def _state(host: Host, enabled: bool) -> str:
    if not enabled:
        return "Disabled"
    if _provider(host) is None or host.resource_state is ResourceState.MAINTENANCE:
        return "Ineligible"
    return HA_STATES.get(host.state, "Ineligible")
