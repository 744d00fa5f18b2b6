"""The infrastructure at a glance: how much of what there is, the controllers, and their database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar

from mainstay_controller.api.access import ROOT_READS, Caller
from mainstay_controller.api.listing import Listing, listing
from mainstay_controller.api.parameters import Filter
from mainstay_controller.api.registry import command
from mainstay_controller.domain.ids import ControllerId
from mainstay_controller.domain.records import Controller
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.store.port import LIVE, eq, ne


@dataclass(frozen=True, slots=True, kw_only=True)
class InfrastructureView:
    """`image_stores` count as secondary storage; there are no system VMs yet."""

    wire_key: ClassVar[str] = "infrastructure"

    zones: int
    pods: int
    clusters: int
    hosts: int
    storage_pools: int
    image_stores: int
    system_vms: int
    routers: int
    cpu_sockets: int
    management_servers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerView:
    wire_key: ClassVar[str] = "managementserver"

    id: str
    name: str
    state: str
    version: str
    service_ip: str
    ip_address: str
    agents_count: int
    created: datetime
    expires: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseView:
    wire_key: ClassVar[str] = "dbMetrics"

    state: str
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageServerView:
    wire_key: ClassVar[str] = "usageMetrics"

    state: str = "Down"


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class ListManagementServers(Listing):
    """Lists controllers."""

    id: Annotated[ControllerId | None, "the ID of the controller", Filter()] = None
    name: Annotated[str | None, "the name of the controller", Filter()] = None
    version: Annotated[str | None, "the release it runs", Filter("build")] = None


async def controllers(records: Sequence[Controller], _caller: Caller, cloud: Cloud) -> list[ControllerView]:
    """One that did not say that it lives is Down, whatever its row says."""
    now = await cloud.store.now()
    return [
        ControllerView(
            id=controller.id,
            name=controller.name,
            state=controller.state if controller.expires > now else "Down",
            version=controller.build,
            service_ip=controller.address.rpartition(":")[0],
            ip_address=controller.address.rpartition(":")[0],
            agents_count=controller.agents_held,
            created=controller.created,
            expires=controller.expires,
        )
        for controller in records
    ]


list_controllers = listing(
    "listManagementServers",
    request=ListManagementServers,
    rows=lambda store: store.controllers,
    view=controllers,
    roles=ROOT_READS,
    fixed=(),
)

list_controllers_metrics = listing(
    "listManagementServersMetrics",
    request=ListManagementServers,
    rows=lambda store: store.controllers,
    view=controllers,
    roles=ROOT_READS,
    fixed=(),
)


@command("listInfrastructure", roles=ROOT_READS)
async def list_infrastructure(_request: Nothing, _caller: Caller, cloud: Cloud) -> InfrastructureView:
    """Tells how much of everything there is."""
    store = cloud.store
    return InfrastructureView(
        zones=await store.zones.count(LIVE),
        pods=await store.pods.count(LIVE),
        clusters=await store.clusters.count(LIVE),
        hosts=await store.hosts.count(LIVE),
        storage_pools=await store.pools.count(LIVE),
        image_stores=await store.image_stores.count(LIVE),
        system_vms=await store.vms.count(LIVE, ne("type", "User"), ne("type", "DomainRouter")),
        routers=await store.vms.count(LIVE, eq("type", "DomainRouter")),
        cpu_sockets=sum(host.cpu_sockets for host in await store.hosts.find(LIVE)),
        management_servers=await store.controllers.count(),
    )


@command("listDbMetrics", roles=ROOT_READS)
async def list_database_metrics(_request: Nothing, _caller: Caller, cloud: Cloud) -> DatabaseView:
    """Tells whether the database answers, and its time."""
    return DatabaseView(state="Up", time=await cloud.store.now())


@command("listUsageServerMetrics", roles=ROOT_READS)
async def list_usage_server_metrics(_request: Nothing, _caller: Caller, _cloud: Cloud) -> UsageServerView:
    """Tells of the usage server: there is none."""
    return UsageServerView()


COMMANDS = (
    list_infrastructure,
    list_controllers,
    list_controllers_metrics,
    list_database_metrics,
    list_usage_server_metrics,
)
