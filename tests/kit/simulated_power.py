"""fleet.power.port.PowerController on the power controllers of a simulated world."""

from __future__ import annotations

from mainstay_agent.drivers.simulated.bmc import BmcError, NoAnswer, ResetType
from mainstay_agent.drivers.simulated.world import SimulatedWorld
from mainstay_controller.domain.ha.case import PowerState
from mainstay_controller.domain.records import OutOfBand
from mainstay_controller.fleet.power.port import PowerAction, PowerSaid

RESETS = {
    PowerAction.ON: ResetType.ON,
    PowerAction.OFF: ResetType.FORCE_OFF,
    PowerAction.CYCLE: ResetType.POWER_CYCLE,
    PowerAction.RESET: ResetType.FORCE_RESTART,
    PowerAction.SOFT: ResetType.GRACEFUL_SHUTDOWN,
}


class SimulatedPower:
    def __init__(self, world: SimulatedWorld) -> None:
        self._world = world
        self.ordered: list[tuple[str, PowerAction]] = []

    async def status(self, where: OutOfBand, deadline_seconds: float) -> PowerSaid:
        try:
            power = await self._world.bmcs[where.id].power()
        except NoAnswer:
            return PowerSaid(state=PowerState.UNKNOWN, code="timeout")
        except BmcError:
            return PowerSaid(state=PowerState.UNKNOWN, code="error")
        return PowerSaid(state=PowerState(power.value))

    async def act(self, where: OutOfBand, action: PowerAction, deadline_seconds: float) -> PowerSaid:
        self.ordered.append((where.id, action))
        try:
            await self._world.bmcs[where.id].reset(RESETS[action])
        except NoAnswer:
            return PowerSaid(state=PowerState.UNKNOWN, code="timeout")
        except BmcError:
            return PowerSaid(state=PowerState.UNKNOWN, code="error")
        return await self.status(where, deadline_seconds)
