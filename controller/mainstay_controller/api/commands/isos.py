"""ISO images: registered like templates, and given to virtual machines as a read-only disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mainstay_controller.api.access import EVERYBODY, USERS, Caller, owner_named
from mainstay_controller.api.answers import Accepted, Rows, Success, accepted, rows_of
from mainstay_controller.api.image_filter import ImageFilter, ImageListing, images_meant
from mainstay_controller.api.instant import instant_job
from mainstay_controller.api.listing import listing
from mainstay_controller.api.parameters import Filter, Length
from mainstay_controller.api.registry import command, job_of
from mainstay_controller.api.views import isos as views
from mainstay_controller.api.views import one
from mainstay_controller.api.views import virtual_machines as vm_views
from mainstay_controller.domain.ids import DomainId, ProjectId, TemplateId, VmId, ZoneId
from mainstay_controller.domain.records import Template
from mainstay_controller.domain.resource_types import ResourceType
from mainstay_controller.domain.roles import Role
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter
from mainstay_controller.operations.resource_limits import check_limits
from mainstay_controller.operations.storage import register_template, update_template
from mainstay_controller.operations.vms import attach_iso
from mainstay_controller.store.port import LIVE, Where, eq


@dataclass(frozen=True, slots=True, kw_only=True)
class ListIsos(ImageListing):
    """Lists ISOs."""

    iso_filter: Annotated[ImageFilter, "whose: featured, community, self, selfexecutable, executable or all"] = (
        ImageFilter.SELF_EXECUTABLE
    )
    id: Annotated[TemplateId | None, "the ID of the ISO", Filter()] = None
    name: Annotated[str | None, "the name of the ISO", Filter()] = None
    bootable: Annotated[bool | None, "whether a guest can boot from it", Filter()] = None
    is_public: Annotated[bool | None, "whether everybody may use it", Filter()] = None
    is_ready: Annotated[bool | None, "whether its image can be used", Filter()] = None
    hypervisor: Annotated[str | None, "the hypervisor", Filter()] = None


async def _whose(request: ListIsos, caller: Caller, cloud: Cloud) -> list[Where]:
    return await images_meant(request.iso_filter, request, caller, cloud)


list_isos = listing(
    "listIsos",
    request=ListIsos,
    rows=lambda store: store.templates,
    view=views.isos,
    roles=EVERYBODY,
    keyword=("name", "display_text"),
    fixed=(LIVE, eq("is_iso", True)),
    where=_whose,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterIso:
    name: Annotated[str, "the name of the ISO"]
    url: Annotated[str, "file:// and the path of the image, as hosts see it", Length(2048)]
    zone_id: Annotated[ZoneId, "the ID of the zone"]
    hypervisor: Annotated[str, "the hypervisor it is for; that of the zone's hosts if it is not said"] = ""
    display_text: Annotated[str, "the text shown for it", Length(4096)] = ""
    os_type_id: Annotated[str, "the ID of the OS type"] = ""
    bootable: Annotated[bool, "whether a guest can boot from it"] = True
    is_public: Annotated[bool, "whether everybody may use it"] = False
    is_featured: Annotated[bool, "whether it is shown first; root administrators only"] = False
    is_extractable: Annotated[bool, "whether it may be downloaded"] = False
    checksum: Annotated[str, "the checksum of the image"] = ""
    account: Annotated[str | None, "register it for this account, with domainid; administrators only"] = None
    domain_id: Annotated[DomainId | None, "the domain of the account"] = None
    project_id: Annotated[ProjectId | None, "register it for this project"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateIso:
    id: Annotated[TemplateId, "the ID of the ISO"]
    name: Annotated[str | None, "the new name"] = None
    display_text: Annotated[str | None, "the text shown for it", Length(4096)] = None
    os_type_id: Annotated[str | None, "the ID of the OS type"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OneIso:
    id: Annotated[TemplateId, "the ID of the ISO"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachIso:
    id: Annotated[TemplateId, "the ID of the ISO"]
    virtual_machine_id: Annotated[VmId, "the ID of the virtual machine"]
    forced: Annotated[bool, "though the guest has locked its drive"] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DetachIso:
    virtual_machine_id: Annotated[VmId, "the ID of the virtual machine"]
    forced: Annotated[bool, "though the guest has locked its drive"] = False


@command("registerIso", roles=USERS)
async def register(request: RegisterIso, caller: Caller, cloud: Cloud) -> Rows[views.IsoView]:
    """Registers an ISO image that hosts can read; it answers with a list of one, as CloudStack does."""
    owner = await owner_named(caller, request.account, request.domain_id, cloud.store, project_id=request.project_id)
    await check_limits(owner, {ResourceType.TEMPLATE: 1}, cloud)
    iso = await register_template.register_template(
        register_template.NewTemplate(
            name=request.name,
            display_text=request.display_text,
            url=request.url,
            format=register_template.ISO,
            hypervisor=request.hypervisor or await register_template.hypervisor_of(request.zone_id, cloud),
            account_id=owner.id,
            domain_id=owner.domain_id,
            zone_id=request.zone_id,
            os_type_id=request.os_type_id,
            is_public=request.is_public,
            is_featured=request.is_featured and caller.role is Role.ROOT_ADMIN,
            is_extractable=request.is_extractable,
            bootable=request.bootable,
            checksum=request.checksum,
            by_root=caller.role is Role.ROOT_ADMIN,
        ),
        cloud,
    )
    return rows_of(await views.isos([iso], caller, cloud))


@command("updateIso", roles=USERS)
async def update(request: UpdateIso, caller: Caller, cloud: Cloud) -> views.IsoView:
    """Changes what is said of an ISO."""
    change = update_template.TemplateChange(
        name=request.name, display_text=request.display_text, os_type_id=request.os_type_id
    )
    changed = await update_template.update_template(await _iso(request.id, cloud), change, cloud)
    return await one(views.isos, changed, caller, cloud)


@instant_job("deleteIso", roles=USERS)
async def delete(request: OneIso, _caller: Caller, cloud: Cloud) -> Success:
    """Deletes an ISO that no virtual machine has."""
    await attach_iso.delete_iso(await _iso(request.id, cloud), cloud)
    return Success()


@command("attachIso", roles=USERS, job=job_of(attach_iso.work, vm_views.virtual_machines))
async def attach(request: AttachIso, caller: Caller, cloud: Cloud) -> Accepted:
    """Gives a virtual machine an ISO: at once if it runs, else with its next start."""
    iso, vm = await _iso(request.id, cloud), await cloud.store.vms.by_id(request.virtual_machine_id)
    return accepted(await attach_iso.begin_attach(iso, vm, caller.asker, cloud, forced=request.forced))


@command("detachIso", roles=USERS, job=job_of(attach_iso.work, vm_views.virtual_machines))
async def detach(request: DetachIso, caller: Caller, cloud: Cloud) -> Accepted:
    """Takes the ISO away from a virtual machine: at once if it runs, else with its next start."""
    vm = await cloud.store.vms.by_id(request.virtual_machine_id)
    return accepted(await attach_iso.begin_detach(vm, caller.asker, cloud, forced=request.forced))


async def _iso(iso_id: TemplateId, cloud: Cloud) -> Template:
    iso = await cloud.store.templates.by_id(iso_id)
    if not iso.is_iso:
        raise InvalidParameter("id", f"{iso.name} is a template, not an ISO")
    return iso


COMMANDS = (list_isos, register, update, delete, attach, detach)
