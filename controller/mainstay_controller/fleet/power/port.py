"""The port to a host's power controller.

The promise: `status` says Off only when the controller itself said so just now; an error, a timeout or an answer not understood is Unknown.
That an order was accepted is no statement about power: whoever wants to know reads the status afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from mainstay_controller.domain.ha.case import PowerState
from mainstay_controller.domain.records import OutOfBand


class PowerAction(StrEnum):
    """CloudStack's words."""

    ON = "ON"
    OFF = "OFF"
    CYCLE = "CYCLE"
    RESET = "RESET"
    SOFT = "SOFT"
    STATUS = "STATUS"


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerSaid:
    """`code`: ok, timeout, auth (wrong user or password), no-session (no answer, or wrong user or password), error, no-driver, not-leading (not given)."""

    state: PowerState
    code: str = "ok"
    detail: str = ""


class PowerController(Protocol):
    async def status(self, where: OutOfBand, deadline_seconds: float) -> PowerSaid: ...

    async def act(self, where: OutOfBand, action: PowerAction, deadline_seconds: float) -> PowerSaid:
        """Give the order, then read the status; the state is what was read."""


class PowerControllers:
    """Each host's by the driver its row names."""

    def __init__(self, drivers: Mapping[str, PowerController]) -> None:
        self._drivers = dict(drivers)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._drivers)

    async def status(self, where: OutOfBand, deadline_seconds: float) -> PowerSaid:
        driver = self._drivers.get(where.driver)
        return await driver.status(where, deadline_seconds) if driver else unknown_driver(where)

    async def act(self, where: OutOfBand, action: PowerAction, deadline_seconds: float) -> PowerSaid:
        driver = self._drivers.get(where.driver)
        return await driver.act(where, action, deadline_seconds) if driver else unknown_driver(where)


def unknown_driver(where: OutOfBand) -> PowerSaid:
    return PowerSaid(state=PowerState.UNKNOWN, code="no-driver", detail=f"no driver {where.driver}")
