"""Templates: images from which root disks are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mainstay_controller.api.access import EVERYBODY, USERS, Caller, owner_named
from mainstay_controller.api.answers import Rows, Success, rows_of
from mainstay_controller.api.image_filter import ImageFilter, ImageListing, images_meant
from mainstay_controller.api.instant import instant_job
from mainstay_controller.api.listing import listing
from mainstay_controller.api.parameters import AllAre, Filter, Length, NothingHas
from mainstay_controller.api.registry import command
from mainstay_controller.api.views import one
from mainstay_controller.api.views import templates as views
from mainstay_controller.domain.ids import DomainId, ProjectId, TemplateId, ZoneId
from mainstay_controller.domain.resource_types import ResourceType
from mainstay_controller.domain.roles import Role
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter, PermissionDenied
from mainstay_controller.operations.resource_limits import check_limits
from mainstay_controller.operations.storage import register_template, update_template
from mainstay_controller.operations.storage.upload_volume import IMAGE_TYPE
from mainstay_controller.store.port import LIVE, Where, eq, ne


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTemplates(ImageListing):
    """Lists templates."""

    template_filter: Annotated[ImageFilter, "whose: featured, community, self, selfexecutable, executable or all"]
    id: Annotated[TemplateId | None, "the ID of the template", Filter()] = None
    ids: Annotated[tuple[TemplateId, ...] | None, "the IDs of the templates", Filter("id")] = None
    name: Annotated[str | None, "the name of the template", Filter()] = None
    hypervisor: Annotated[str | None, "the hypervisor", Filter()] = None
    is_ready: Annotated[bool | None, "whether its image can be used", Filter()] = None
    template_type: Annotated[str | None, "the type of the template, such as USER or SYSTEM", Filter("type")] = None
    parent_template_id: Annotated[str | None, "a template it was made from: none is", NothingHas()] = None
    extension_id: Annotated[str | None, "an extension: there is none", NothingHas()] = None
    is_vnf: Annotated[bool | None, "whether it is a network appliance: none is", AllAre(value=False)] = None
    for_cks: Annotated[bool | None, "whether it is for Kubernetes: none is", AllAre(value=False)] = None


async def _whose(request: ListTemplates, caller: Caller, cloud: Cloud) -> list[Where]:
    return await images_meant(request.template_filter, request, caller, cloud)


list_templates = listing(
    "listTemplates",
    request=ListTemplates,
    rows=lambda store: store.templates,
    view=views.templates,
    roles=EVERYBODY,
    keyword=("name", "display_text"),
    fixed=(LIVE, eq("is_iso", False), ne("type", IMAGE_TYPE)),
    where=_whose,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterTemplate:
    """`kernel`, `initrd` and `kernel_arguments` are ours: direct kernel boot."""

    name: Annotated[str, "the name of the template"]
    url: Annotated[str, "file:// and the path of the image, as hosts see it", Length(2048)]
    format: Annotated[str, "the format of the image: QCOW2 or RAW"]
    hypervisor: Annotated[str, "the hypervisor it is for"]
    display_text: Annotated[str, "the text shown for it", Length(4096)] = ""
    zone_id: Annotated[ZoneId | None, "the ID of the zone; without one it is for all zones"] = None
    zone_ids: Annotated[tuple[ZoneId, ...], "the IDs of the zones, of which one may be named"] = ()
    os_type_id: Annotated[str, "the ID of the OS type"] = ""
    is_public: Annotated[bool, "whether everybody may use it"] = False
    is_featured: Annotated[bool, "whether it is shown first; root administrators only"] = False
    is_extractable: Annotated[bool, "whether it may be downloaded"] = False
    password_enabled: Annotated[bool, "whether guests take a password from us"] = False
    requires_hvm: Annotated[bool, "whether it needs hardware virtualisation"] = True
    checksum: Annotated[str, "the checksum of the image"] = ""
    kernel: Annotated[str, "the path of a kernel to boot directly", Length(1024)] = ""
    initrd: Annotated[str, "the path of its initial RAM disk", Length(1024)] = ""
    kernel_arguments: Annotated[str, "its command line", Length(2048)] = ""
    details: Annotated[dict[str, str] | None, "details", Length(4096)] = None
    account: Annotated[str | None, "register it for this account, with domainid; administrators only"] = None
    domain_id: Annotated[DomainId | None, "the domain of the account"] = None
    project_id: Annotated[ProjectId | None, "register it for this project"] = None


@command("registerTemplate", roles=USERS)
async def register(request: RegisterTemplate, caller: Caller, cloud: Cloud) -> Rows[views.TemplateView]:
    """Registers an image that hosts can read; it answers with a list of one, as CloudStack does."""
    owner = await owner_named(caller, request.account, request.domain_id, cloud.store, project_id=request.project_id)
    await check_limits(owner, {ResourceType.TEMPLATE: 1}, cloud)
    template = await register_template.register_template(
        register_template.NewTemplate(
            name=request.name,
            display_text=request.display_text,
            url=request.url,
            format=request.format,
            hypervisor=request.hypervisor,
            account_id=owner.id,
            domain_id=owner.domain_id,
            zone_id=_one_zone(request),
            os_type_id=request.os_type_id,
            is_public=request.is_public,
            is_featured=request.is_featured and caller.role is Role.ROOT_ADMIN,
            is_extractable=request.is_extractable,
            password_enabled=request.password_enabled,
            requires_hvm=request.requires_hvm,
            checksum=request.checksum,
            kernel=request.kernel,
            initrd=request.initrd,
            kernel_arguments=request.kernel_arguments,
            details=request.details or {},
            by_root=caller.role is Role.ROOT_ADMIN,
        ),
        cloud,
    )
    return rows_of(await views.templates([template], caller, cloud))


def _one_zone(request: RegisterTemplate) -> ZoneId | None:
    if len(request.zone_ids) > 1:
        raise InvalidParameter("zoneids", "name one zone, or none for all of them")
    return request.zone_ids[0] if request.zone_ids else request.zone_id


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateTemplate:
    id: Annotated[TemplateId, "the ID of the template"]
    name: Annotated[str | None, "the new name"] = None
    display_text: Annotated[str | None, "the text shown for it", Length(4096)] = None
    os_type_id: Annotated[str | None, "the ID of the OS type"] = None
    password_enabled: Annotated[bool | None, "whether guests take a password from us"] = None
    details: Annotated[dict[str, str] | None, "details, instead of those it has", Length(4096)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateTemplatePermissions:
    id: Annotated[TemplateId, "the ID of the template"]
    is_public: Annotated[bool | None, "whether everybody may use it"] = None
    is_featured: Annotated[bool | None, "whether it is shown first; root administrators only"] = None
    is_extractable: Annotated[bool | None, "whether it may be downloaded"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteTemplate:
    id: Annotated[TemplateId, "the ID of the template"]


@command("updateTemplate", roles=USERS)
async def update(request: UpdateTemplate, caller: Caller, cloud: Cloud) -> views.TemplateView:
    """Changes what is said of a template."""
    change = update_template.TemplateChange(
        name=request.name,
        display_text=request.display_text,
        os_type_id=request.os_type_id,
        password_enabled=request.password_enabled,
        details=request.details,
    )
    known = await cloud.store.templates.by_id(request.id)
    return await one(views.templates, await update_template.update_template(known, change, cloud), caller, cloud)


@command("updateTemplatePermissions", roles=USERS)
async def update_permissions(request: UpdateTemplatePermissions, caller: Caller, cloud: Cloud) -> Success:
    """Says who may use a template."""
    if request.is_featured is not None and caller.role is not Role.ROOT_ADMIN:
        raise PermissionDenied("Only root administrators may feature a template")
    change = update_template.TemplateChange(
        is_public=request.is_public, is_featured=request.is_featured, is_extractable=request.is_extractable
    )
    await update_template.update_template(await cloud.store.templates.by_id(request.id), change, cloud)
    return Success()


@instant_job("deleteTemplate", roles=USERS)
async def delete(request: DeleteTemplate, _caller: Caller, cloud: Cloud) -> Success:
    """Deletes a template; disks that were made from it stay."""
    await update_template.delete_template(await cloud.store.templates.by_id(request.id), cloud)
    return Success()


COMMANDS = (register, list_templates, update, update_permissions, delete)
