"""Service offerings: the sizes in which virtual machines come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mainstay_controller.api.access import EVERYBODY
from mainstay_controller.api.listing import Listing, listing
from mainstay_controller.api.parameters import Filter
from mainstay_controller.api.views import offerings as views
from mainstay_controller.domain.ids import OfferingId


@dataclass(frozen=True, slots=True, kw_only=True)
class ListServiceOfferings(Listing):
    """Lists service offerings."""

    id: Annotated[OfferingId | None, "the ID of the service offering", Filter()] = None
    name: Annotated[str | None, "the name of the service offering", Filter()] = None
    is_system: Annotated[bool, "list those of system VMs instead", Filter()] = False
    system_vm_type: Annotated[str | None, "the kind of system VM", Filter()] = None
    cpu_number: Annotated[int | None, "the number of CPUs", Filter("cpus")] = None
    cpu_speed: Annotated[int | None, "the speed of a CPU in MHz", Filter("cpu_mhz")] = None
    memory: Annotated[int | None, "the memory in MiB", Filter("memory_mib")] = None
    storage_type: Annotated[str | None, "shared or local", Filter()] = None
    state: Annotated[str | None, "Active or Inactive", Filter()] = None


list_service_offerings = listing(
    "listServiceOfferings",
    request=ListServiceOfferings,
    rows=lambda store: store.service_offerings,
    view=views.service_offerings,
    roles=EVERYBODY,
    keyword=("name", "display_text"),
)

COMMANDS = (list_service_offerings,)
