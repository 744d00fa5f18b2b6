"""Templates as clients see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from mainstay_controller.api.access import Caller
from mainstay_controller.api.views.related import by_ids, names_of
from mainstay_controller.domain.os_types import name_of
from mainstay_controller.domain.records import DomainRecord, Template, UserData
from mainstay_controller.operations.cloud import Cloud


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateView:
    wire_key: ClassVar[str] = "template"

    id: str
    name: str
    display_text: str
    account: str | None
    account_id: str
    domain_id: str
    domain: str | None
    domain_path: str | None
    zone_id: str | None
    zone_name: str | None
    cross_zones: bool = True
    created: datetime
    hypervisor: str
    format: str
    url: str
    size: int
    physical_size: int
    checksum: str | None
    os_type_id: str | None
    os_type_name: str
    is_public: bool
    is_featured: bool
    is_extractable: bool
    is_ready: bool
    status: str
    template_type: str
    password_enabled: bool
    requires_hvm: bool
    bootable: bool
    is_dynamically_scalable: bool = False
    details: dict[str, str]
    user_data_id: str | None
    user_data_name: str | None
    user_data_params: str | None
    user_data_policy: str | None
    tags: tuple[str, ...] = ()


async def templates(records: Sequence[Template], _caller: Caller, cloud: Cloud) -> list[TemplateView]:
    accounts = await names_of(cloud.store.accounts, (template.account_id for template in records))
    domains = await by_ids(cloud.store.domains, (template.domain_id for template in records))
    user_data = await by_ids(cloud.store.user_data, (template.user_data_id for template in records))
    zones = await names_of(cloud.store.zones, (template.zone_id for template in records))
    return [
        _template(
            template,
            accounts.get(template.account_id),
            domains.get(template.domain_id),
            zones.get(template.zone_id),
            user_data.get(template.user_data_id),
        )
        for template in records
    ]


def _template(
    template: Template,
    account: str | None,
    domain: DomainRecord | None,
    zone: str | None,
    user_data: UserData | None,
) -> TemplateView:
    return TemplateView(
        id=template.id,
        name=template.name,
        display_text=template.display_text,
        account=account,
        account_id=template.account_id,
        domain_id=template.domain_id,
        domain=domain.name if domain else None,
        domain_path=domain.path if domain else None,
        zone_id=template.zone_id,
        zone_name=zone,
        cross_zones=template.zone_id is None,
        created=template.created,
        hypervisor=template.hypervisor,
        format=template.format,
        url=template.url,
        size=template.size_bytes,
        physical_size=template.size_bytes,
        checksum=template.checksum or None,
        os_type_id=template.os_type_id or None,
        os_type_name=name_of(template.os_type_id),
        is_public=template.is_public,
        is_featured=template.is_featured,
        is_extractable=template.is_extractable,
        is_ready=template.is_ready,
        status=template.status,
        template_type=template.type,
        password_enabled=template.password_enabled,
        requires_hvm=template.requires_hvm,
        bootable=template.bootable,
        details=template.details,
        user_data_id=template.user_data_id,
        user_data_name=user_data.name if user_data else None,
        user_data_params=(user_data.params or None) if user_data else None,
        user_data_policy=template.user_data_policy,
    )
