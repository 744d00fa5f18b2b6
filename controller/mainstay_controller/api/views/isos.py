"""ISOs as clients see them: templates under another name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import ClassVar

from mainstay_controller.api.access import Caller
from mainstay_controller.api.views.templates import TemplateView, templates
from mainstay_controller.domain.records import Template
from mainstay_controller.operations.cloud import Cloud


@dataclass(frozen=True, slots=True, kw_only=True)
class IsoView(TemplateView):
    wire_key: ClassVar[str] = "iso"


async def isos(records: Sequence[Template], caller: Caller, cloud: Cloud) -> list[IsoView]:
    shown = await templates(records, caller, cloud)
    return [IsoView(**{each.name: getattr(view, each.name) for each in fields(view)}) for view in shown]
