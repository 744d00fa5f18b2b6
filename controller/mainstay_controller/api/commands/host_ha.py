"""HA of hosts: whether this cloud may act on a host that it has lost, by host, cluster and zone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from mainstay_controller.api.access import ROOT, ROOT_READS, Caller
from mainstay_controller.api.answers import Rows, Success, rows_of
from mainstay_controller.api.instant import instant_job
from mainstay_controller.api.one_place import OneCluster, OneHost, OneZone
from mainstay_controller.api.registry import command
from mainstay_controller.api.views.host_ha import HostHaView, host_ha
from mainstay_controller.domain.ids import HostId
from mainstay_controller.domain.records import Host
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.journal import About
from mainstay_controller.operations.recovery import host_ha as operation
from mainstay_controller.store.port import LIVE, eq


@dataclass(frozen=True, slots=True, kw_only=True)
class HaProviderView:
    wire_key: ClassVar[str] = "haprovider"

    ha_provider: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigureHa:
    host_id: Annotated[HostId, "the ID of the host"]
    provider: Annotated[str, "the HA provider: that of its hypervisor"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListResources:
    host_id: Annotated[HostId | None, "the ID of the host"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListProviders:
    hypervisor: Annotated[str, "the hypervisor"]


@instant_job("configureHAForHost", roles=ROOT)
async def configure(request: ConfigureHa, caller: Caller, cloud: Cloud) -> HostHaView:
    """Names the HA provider of a host; each hypervisor has one."""
    host = await cloud.store.hosts.by_id(request.host_id)
    return await _shown(await operation.configure(host, request.provider, cloud, _about(caller)), cloud)


@instant_job("enableHAForHost", roles=ROOT)
async def enable_host(request: OneHost, caller: Caller, cloud: Cloud) -> HostHaView:
    """Lets this cloud power off or poison a host that it has lost; this is so from the beginning."""
    host = await cloud.store.hosts.by_id(request.host_id)
    return await _shown(await operation.switch_host(host, True, cloud, _about(caller)), cloud)


@instant_job("disableHAForHost", roles=ROOT)
async def disable_host(request: OneHost, caller: Caller, cloud: Cloud) -> HostHaView:
    """Forbids this cloud to power off or poison a host; its guests move only when they are gone by themselves."""
    host = await cloud.store.hosts.by_id(request.host_id)
    return await _shown(await operation.switch_host(host, False, cloud, _about(caller)), cloud)


@instant_job("enableHAForCluster", roles=ROOT)
async def enable_cluster(request: OneCluster, caller: Caller, cloud: Cloud) -> Success:
    """Lets this cloud act on the hosts of a cluster, unless it is forbidden for the host or the zone."""
    await operation.switch_cluster(await cloud.store.clusters.by_id(request.cluster_id), True, cloud, _about(caller))
    return Success()


@instant_job("disableHAForCluster", roles=ROOT)
async def disable_cluster(request: OneCluster, caller: Caller, cloud: Cloud) -> Success:
    """Forbids this cloud to act on the hosts of a cluster."""
    await operation.switch_cluster(await cloud.store.clusters.by_id(request.cluster_id), False, cloud, _about(caller))
    return Success()


@instant_job("enableHAForZone", roles=ROOT)
async def enable_zone(request: OneZone, caller: Caller, cloud: Cloud) -> Success:
    """Lets this cloud act on the hosts of a zone, unless it is forbidden for the host or the cluster."""
    await operation.switch_zone(await cloud.store.zones.by_id(request.zone_id), True, cloud, _about(caller))
    return Success()


@instant_job("disableHAForZone", roles=ROOT)
async def disable_zone(request: OneZone, caller: Caller, cloud: Cloud) -> Success:
    """Forbids this cloud to act on the hosts of a zone."""
    await operation.switch_zone(await cloud.store.zones.by_id(request.zone_id), False, cloud, _about(caller))
    return Success()


@command("listHostHAResources", roles=ROOT_READS)
async def list_resources(request: ListResources, _caller: Caller, cloud: Cloud) -> Rows[HostHaView]:
    """Lists hosts with the state of their HA."""
    meant = [eq("id", request.host_id)] if request.host_id else []
    hosts = await cloud.store.hosts.find(LIVE, *meant, order_by="name")
    return rows_of([await _shown(host, cloud) for host in hosts])


@command("listHostHAProviders", roles=ROOT_READS)
async def list_providers(request: ListProviders, _caller: Caller, _cloud: Cloud) -> Rows[HaProviderView]:
    """Lists the HA providers of a hypervisor."""
    own = [name for kind, name in operation.PROVIDERS.items() if kind.lower() == request.hypervisor.lower()]
    return rows_of([HaProviderView(ha_provider=name.lower()) for name in own])


def _about(caller: Caller) -> About:
    return About(user_id=caller.user.id, account_id=caller.account.id, domain_id=caller.domain.id)


async def _shown(host: Host, cloud: Cloud) -> HostHaView:
    cluster = await cloud.store.clusters.by_id(host.cluster_id)
    return host_ha(operation.host_ha(host, cluster, await cloud.store.zones.by_id(host.zone_id)))


COMMANDS = (
    configure,
    enable_host,
    disable_host,
    enable_cluster,
    disable_cluster,
    enable_zone,
    disable_zone,
    list_resources,
    list_providers,
)
