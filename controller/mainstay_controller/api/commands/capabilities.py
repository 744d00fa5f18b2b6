"""What this cloud can do at all: capabilities, hypervisors, operating systems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from mainstay_controller.api.access import EVERYBODY, ROOT_READS, Caller
from mainstay_controller.api.answers import Rows, rows_of
from mainstay_controller.api.listing import Listing, page_in_memory
from mainstay_controller.api.registry import command
from mainstay_controller.api.render import CLOUDSTACK_VERSION
from mainstay_controller.domain.ids import ZoneId
from mainstay_controller.domain.os_types import OS_TYPES, category_id
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.places.add_cluster import HYPERVISORS
from mainstay_controller.store.port import LIVE, eq


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityView:
    wire_key: ClassVar[str] = "capability"

    cloudstack_version: str = CLOUDSTACK_VERSION
    api_limit_interval: int | None
    api_limit_max: int | None
    security_groups_enabled: bool = False
    dynamic_roles_enabled: bool = True
    user_public_template_enabled: bool = True
    support_elb: str = "false"
    project_invite_required: bool = False
    allow_user_create_projects: bool = False
    region_secondary_enabled: bool = False
    kvm_snapshot_enabled: bool = False
    allow_user_view_destroyed_vm: bool = True
    allow_user_expunge_recover_vm: bool = False
    allow_user_expunge_recover_volume: bool = False
    allow_user_view_all_domain_accounts: bool = False
    allow_user_force_stop_vm: bool = True
    default_ui_page_size: int = 20
    dynamic_scaling_enabled: bool = False
    instance_lease_enabled: bool = False
    kubernetes_service_enabled: bool = False
    kubernetes_cluster_experimental_features_enabled: bool = False
    custom_hypervisor_display_name: str = "Custom"
    custom_disk_offering_min_size: int = 1
    custom_disk_offering_max_size: int = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class HypervisorView:
    wire_key: ClassVar[str] = "hypervisor"

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HypervisorCapabilitiesView:
    wire_key: ClassVar[str] = "hypervisorCapabilities"

    id: str
    hypervisor: str
    hypervisor_version: str
    max_guests_limit: int
    max_data_volumes_limit: int
    security_group_enabled: bool
    storage_motion_enabled: bool
    vm_snapshot_enabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OsTypeView:
    wire_key: ClassVar[str] = "ostype"

    id: str
    name: str
    description: str
    os_category_id: str
    os_category_name: str
    is_user_defined: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OsCategoryView:
    wire_key: ClassVar[str] = "oscategory"

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListCapabilities:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class ListHypervisors:
    zone_id: Annotated[ZoneId | None, "only hypervisors of this zone's clusters"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListHypervisorCapabilities(Listing):
    id: Annotated[str | None, "the ID of the capabilities"] = None
    hypervisor: Annotated[str | None, "only this hypervisor"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOsTypes(Listing):
    id: Annotated[str | None, "the ID of the OS type"] = None
    description: Annotated[str | None, "only types whose name contains this"] = None
    os_category_id: Annotated[str | None, "only types of this category"] = None
    for_display: Annotated[bool, "whether it is shown: all are"] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOsCategories(Listing):
    id: Annotated[str | None, "the ID of the category"] = None
    name: Annotated[str | None, "the name of the category"] = None


@command("listCapabilities", roles=EVERYBODY)
async def list_capabilities(_request: ListCapabilities, _caller: Caller, cloud: Cloud) -> CapabilityView:
    """Lists what this cloud can do."""
    throttled = cloud.settings.throttling_enabled
    return CapabilityView(
        api_limit_interval=cloud.settings.throttling_interval_seconds if throttled else None,
        api_limit_max=cloud.settings.throttling_max if throttled else None,
    )


@command("listHypervisors", roles=EVERYBODY)
async def list_hypervisors(request: ListHypervisors, _caller: Caller, cloud: Cloud) -> Rows[HypervisorView]:
    """Lists hypervisors."""
    if request.zone_id is None:
        return rows_of([HypervisorView(name=name) for name in HYPERVISORS])
    clusters = await cloud.store.clusters.find(LIVE, eq("zone_id", request.zone_id))
    return rows_of([HypervisorView(name=name) for name in sorted({cluster.hypervisor for cluster in clusters})])


@command("listHypervisorCapabilities", roles=ROOT_READS)
async def list_hypervisor_capabilities(
    request: ListHypervisorCapabilities, _caller: Caller, _cloud: Cloud
) -> Rows[HypervisorCapabilitiesView]:
    """Lists what each hypervisor can do."""
    named = [name for name in HYPERVISORS if (request.hypervisor or name).lower() == name.lower()]
    wanted = [name for name in named if request.id in (None, name)]
    views = [
        HypervisorCapabilitiesView(
            id=name,
            hypervisor=name,
            hypervisor_version="default",
            max_guests_limit=1000,
            max_data_volumes_limit=25,
            security_group_enabled=False,
            storage_motion_enabled=False,
            vm_snapshot_enabled=False,
        )
        for name in wanted
    ]
    return page_in_memory(request, views)


@command("listOsTypes", roles=EVERYBODY)
async def list_os_types(request: ListOsTypes, _caller: Caller, _cloud: Cloud) -> Rows[OsTypeView]:
    """Lists operating systems that a template can be of."""
    words = [word.lower() for word in (request.description, request.keyword) if word]
    views = [
        OsTypeView(
            id=each.id,
            name=each.description,
            description=each.description,
            os_category_id=each.category_id,
            os_category_name=each.category,
            is_user_defined=False,
        )
        for each in OS_TYPES
        if request.for_display
        and request.id in (None, each.id)
        and request.os_category_id in (None, each.category_id)
        and all(word in each.description.lower() for word in words)
    ]
    return page_in_memory(request, views)


@command("listOsCategories", roles=EVERYBODY)
async def list_os_categories(request: ListOsCategories, _caller: Caller, _cloud: Cloud) -> Rows[OsCategoryView]:
    """Lists categories of operating systems."""
    names = sorted({each.category for each in OS_TYPES})
    views = [
        OsCategoryView(id=category_id(name), name=name)
        for name in names
        if request.id in (None, category_id(name)) and request.name in (None, name)
    ]
    return page_in_memory(request, views)


COMMANDS = (
    list_capabilities,
    list_hypervisors,
    list_hypervisor_capabilities,
    list_os_types,
    list_os_categories,
)
