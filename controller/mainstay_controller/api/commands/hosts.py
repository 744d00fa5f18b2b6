"""Hosts: add, change, and see."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, ClassVar

from mainstay_controller.api.access import ROOT, ROOT_READS, Caller
from mainstay_controller.api.answers import Accepted, Rows, Success, accepted, rows_of
from mainstay_controller.api.instant import instant_job
from mainstay_controller.api.listing import Listing, listing
from mainstay_controller.api.parameters import AllAre, Filter, Length, NothingHas
from mainstay_controller.api.registry import MAINSTAY, command, job_of
from mainstay_controller.api.views import hosts as views
from mainstay_controller.api.views import metrics, one
from mainstay_controller.domain.ids import ClusterId, HostId, PodId, VmId, ZoneId
from mainstay_controller.domain.lifecycle.resource import ResourceEvent
from mainstay_controller.domain.states import AllocationState, HostState, ResourceState
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.hosts import add_host, update_host
from mainstay_controller.operations.hosts.set_allocation_state import set_host_allocation
from mainstay_controller.operations.living import living_host
from mainstay_controller.operations.maintenance import drain_host, remove_host
from mainstay_controller.store.port import LIVE, Where, any_of, contains, eq, none_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ListHosts(Listing):
    """Lists hosts."""

    id: Annotated[HostId | None, "the ID of the host", Filter()] = None
    name: Annotated[str | None, "the name of the host", Filter()] = None
    zone_id: Annotated[ZoneId | None, "the ID of the zone", Filter()] = None
    pod_id: Annotated[PodId | None, "the ID of the pod", Filter()] = None
    cluster_id: Annotated[ClusterId | None, "the ID of the cluster", Filter()] = None
    state: Annotated[HostState | None, "the connection state of the host", Filter()] = None
    resource_state: Annotated[ResourceState | None, "the resource state of the host", Filter()] = None
    type: Annotated[str | None, "the host type"] = None
    hypervisor: Annotated[str | None, "the hypervisor", Filter()] = None
    management_server_id: Annotated[str | None, "the controller that holds its agent", Filter("controller_id")] = None
    version: Annotated[str | None, "the version of its agent", Filter("agent_version")] = None
    virtual_machine_id: Annotated[VmId | None, "only hosts this virtual machine may be migrated to"] = None
    out_of_band_management_enabled: Annotated[bool | None, "whether its power controller is configured and on"] = None
    out_of_band_management_power_state: Annotated[str | None, "what its power controller last said"] = None
    ha_host: Annotated[bool | None, "whether it carries the tag of hosts kept for HA (ha.tag)"] = None
    details: Annotated[tuple[str, ...], "which details to show: all are always shown"] = ()
    arch: Annotated[str | None, "the architecture: all is x86_64", AllAre(value="x86_64")] = None
    storage_access_group: Annotated[str | None, "a storage access group: there is none", NothingHas()] = None


async def _by_what_rows_do_not_say(request: ListHosts, _caller: Caller, cloud: Cloud) -> list[Where]:
    conditions: list[Where] = []
    if request.type:
        conditions.append(contains(("type",), request.type))
    if request.virtual_machine_id:
        vm = await cloud.store.vms.by_id(request.virtual_machine_id)
        conditions.append(eq("cluster_id", vm.cluster_id))
    if request.out_of_band_management_enabled is not None:
        having = [record.id for record in await cloud.store.out_of_band.find(eq("enabled", True))]
        conditions.append((any_of if request.out_of_band_management_enabled else none_of)("id", having))
    if request.out_of_band_management_power_state:
        told = eq("power_state", request.out_of_band_management_power_state)
        conditions.append(any_of("id", [record.id for record in await cloud.store.out_of_band.find(told)]))
    if request.ha_host is not None:
        kept = [host.id for host in await cloud.store.hosts.find(LIVE) if cloud.settings.ha_tag in host.tags]
        conditions.append((any_of if request.ha_host else none_of)("id", kept))
    return conditions


list_hosts = listing(
    "listHosts",
    request=ListHosts,
    rows=lambda store: store.hosts,
    view=views.hosts,
    roles=ROOT_READS,
    keyword=("name", "state", "type"),
    where=_by_what_rows_do_not_say,
)

list_hosts_metrics = listing(
    "listHostsMetrics",
    request=ListHosts,
    rows=lambda store: store.hosts,
    view=metrics.hosts,
    roles=ROOT_READS,
    keyword=("name", "state", "type"),
    where=_by_what_rows_do_not_say,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddHost:
    zone_id: Annotated[ZoneId, "the ID of the zone"]
    pod_id: Annotated[PodId, "the ID of the pod"]
    url: Annotated[str, "http://ADDRESS of the host; http://sim/CLUSTER/NAME for a simulated one"]
    hypervisor: Annotated[str, "the hypervisor of the host"]
    cluster_id: Annotated[ClusterId | None, "the ID of the cluster"] = None
    cluster_name: Annotated[str, "the name of the cluster, instead of its ID"] = ""
    username: Annotated[str, "the user name for the host"] = ""
    password: Annotated[str, "the password for the host"] = ""
    host_tags: Annotated[tuple[str, ...], "tags of the host"] = ()
    allocation_state: Annotated[AllocationState, "Enabled or Disabled"] = AllocationState.ENABLED


@command("addHost", roles=ROOT)
async def add(request: AddHost, caller: Caller, cloud: Cloud) -> Rows[views.HostView]:
    """Adds a host; it answers with a list of one, which alone shows the invitation that lets the host's agent enrol."""
    enabled = request.allocation_state is AllocationState.ENABLED
    added = await add_host.add_host(
        add_host.NewHost(
            zone_id=request.zone_id,
            pod_id=request.pod_id,
            url=request.url,
            hypervisor=request.hypervisor,
            cluster_id=request.cluster_id,
            cluster_name=request.cluster_name,
            username=request.username,
            password=request.password,
            tags=request.host_tags,
            resource_state=ResourceState.ENABLED if enabled else ResourceState.DISABLED,
        ),
        cloud,
    )
    view = await one(views.hosts, added.host, caller, cloud)
    return rows_of([replace(view, invitation=added.invitation)])


@dataclass(frozen=True, slots=True, kw_only=True)
class OneHost:
    id: Annotated[HostId, "the ID of the host"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationView:
    wire_key: ClassVar[str] = "hostinvitation"

    host_id: str
    invitation: str


@command("inviteHost", roles=ROOT, since=MAINSTAY)
async def invite(request: OneHost, _caller: Caller, cloud: Cloud) -> InvitationView:
    """Makes another invitation for a host: for tools that do not show the one of addHost, and for an agent that lost its identity."""
    host = await living_host(request.id, cloud.store)
    return InvitationView(host_id=host.id, invitation=await add_host.invite_agent(host.id, cloud.store, cloud))


class HostVerb(StrEnum):
    """updateHost says verbs where others say states."""

    ENABLE = "Enable"
    DISABLE = "Disable"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateHost:
    id: Annotated[HostId, "the ID of the host"]
    allocation_state: Annotated[HostVerb | None, "Enable or Disable"] = None
    host_tags: Annotated[tuple[str, ...] | None, "tags of the host, instead of those it has"] = None
    name: Annotated[str | None, "the new name of the host"] = None
    annotation: Annotated[str | None, "a remark on the host", Length(4096)] = None


@command("updateHost", roles=ROOT)
async def update(request: UpdateHost, caller: Caller, cloud: Cloud) -> views.HostView:
    """Changes a host, or enables or disables it for new guests."""
    if request.allocation_state is not None:
        await set_host_allocation(request.id, ResourceEvent(request.allocation_state), cloud)
    host = await update_host.update_host(
        request.id,
        update_host.HostChange(name=request.name, tags=request.host_tags, annotation=request.annotation),
        cloud,
    )
    return await one(views.hosts, host, caller, cloud)


@command("prepareHostForMaintenance", roles=ROOT, job=job_of(drain_host.work, views.hosts))
async def prepare_for_maintenance(request: OneHost, caller: Caller, cloud: Cloud) -> Accepted:
    """Moves every guest off a host; the job ends when the host is in maintenance."""
    return accepted(await drain_host.begin(request.id, caller.asker, cloud))


@instant_job("cancelHostMaintenance", roles=ROOT)
async def cancel_maintenance(request: OneHost, caller: Caller, cloud: Cloud) -> views.HostView:
    """Takes a host into service again; guests that were moved stay where they are."""
    return await one(views.hosts, await drain_host.cancel(request.id, cloud), caller, cloud)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteHost:
    id: Annotated[HostId, "the ID of the host"]
    forced: Annotated[bool, "without maintenance first; a host that may run a guest stays nevertheless"] = False


@command("deleteHost", roles=ROOT)
async def delete(request: DeleteHost, _caller: Caller, cloud: Cloud) -> Success:
    """Deletes a host that runs nothing; its agent is turned away from then on."""
    await remove_host.remove_host(request.id, cloud, forced=request.forced)
    return Success()


COMMANDS = (add, invite, list_hosts, list_hosts_metrics, update, delete, prepare_for_maintenance, cancel_maintenance)
