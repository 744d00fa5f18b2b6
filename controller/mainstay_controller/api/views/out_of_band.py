"""A host's power controller as clients see it; its password is never shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from mainstay_controller.api.access import Caller
from mainstay_controller.domain.records import OutOfBand
from mainstay_controller.operations.cloud import Cloud


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfBandView:
    wire_key: ClassVar[str] = "outofbandmanagement"

    host_id: str
    power_state: str
    enabled: bool
    driver: str
    address: str
    port: str
    username: str
    action: str | None = None
    description: str | None = None
    status: bool | None = None


def out_of_band(record: OutOfBand) -> OutOfBandView:
    return OutOfBandView(
        host_id=record.id,
        power_state=record.power_state if record.enabled else "Disabled",
        enabled=record.enabled,
        driver=record.driver,
        address=record.address,
        port=str(record.port),
        username=record.username,
    )


async def power_controllers(records: Sequence[OutOfBand], _caller: Caller, _cloud: Cloud) -> list[OutOfBandView]:
    return [replace(out_of_band(record), status=True) for record in records]
