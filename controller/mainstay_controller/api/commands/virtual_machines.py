"""Virtual machines: deploy, start, stop, reboot, migrate, destroy, and see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mainstay_controller.api.access import EVERYBODY
from mainstay_controller.api.listing import ScopedListing, listing
from mainstay_controller.api.parameters import Filter
from mainstay_controller.api.views import virtual_machines as views
from mainstay_controller.domain.ids import ClusterId, HostId, OfferingId, PodId, TemplateId, VmId, ZoneId
from mainstay_controller.domain.states import VmState
from mainstay_controller.store.port import LIVE, eq


@dataclass(frozen=True, slots=True, kw_only=True)
class ListVirtualMachines(ScopedListing):
    """Lists virtual machines."""

    id: Annotated[VmId | None, "the ID of the virtual machine", Filter()] = None
    ids: Annotated[tuple[VmId, ...] | None, "the IDs of the virtual machines", Filter("id")] = None
    name: Annotated[str | None, "the name of the virtual machine", Filter()] = None
    state: Annotated[VmState | None, "the state of the virtual machine", Filter()] = None
    zone_id: Annotated[ZoneId | None, "the ID of the zone", Filter()] = None
    pod_id: Annotated[PodId | None, "the ID of the pod", Filter()] = None
    cluster_id: Annotated[ClusterId | None, "the ID of the cluster", Filter()] = None
    host_id: Annotated[HostId | None, "the ID of the host", Filter()] = None
    hypervisor: Annotated[str | None, "the hypervisor", Filter()] = None
    template_id: Annotated[TemplateId | None, "the ID of the template", Filter()] = None
    service_offering_id: Annotated[OfferingId | None, "the ID of the service offering", Filter()] = None
    ha_enable: Annotated[bool | None, "whether it is restarted when its host fails", Filter("ha_enabled")] = None
    key_pair: Annotated[str | None, "the name of its SSH key pair", Filter()] = None
    details: Annotated[tuple[str, ...], "which details to show: all are always shown"] = ()


list_virtual_machines = listing(
    "listVirtualMachines",
    request=ListVirtualMachines,
    rows=lambda store: store.vms,
    view=views.virtual_machines,
    roles=EVERYBODY,
    keyword=("name", "display_name", "instance_name", "state"),
    fixed=(LIVE, eq("type", "User")),
)

COMMANDS = (list_virtual_machines,)
