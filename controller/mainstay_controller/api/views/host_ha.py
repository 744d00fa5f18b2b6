"""The HA of a host as clients see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mainstay_controller.operations.recovery.host_ha import HostHa


@dataclass(frozen=True, slots=True, kw_only=True)
class HostHaView:
    wire_key: ClassVar[str] = "hostha"

    host_id: str
    ha_enable: bool
    ha_provider: str | None
    ha_state: str
    status: bool = True


def host_ha(known: HostHa) -> HostHaView:
    return HostHaView(host_id=known.host_id, ha_enable=known.enabled, ha_provider=known.provider, ha_state=known.state)
