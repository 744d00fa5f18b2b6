"""The power controller of one simulated host, honest or not.

Its manners are the ones met in the field; which of them it has is set on command."""

from __future__ import annotations

from enum import StrEnum

from mainstay_agent.drivers.simulated.host import SimulatedHost
from mainstay_runtime.clock import Clock


class Manner(StrEnum):
    HONEST = "honest"
    SILENT = "silent"  # never answers; the order is not carried out
    LATE = "late"  # carries the order out and never answers
    IDLE = "idle"  # says done, does nothing, and reports the power as it is
    LYING = "lying"  # says done, does nothing, and reports what was asked for
    STUCK_OFF = "stuck-off"  # says done, does nothing, and reports Off whatever is so
    BROKEN = "broken"  # answers every request with an error
    POWERLESS = "powerless"  # loses power with its host, and then does not answer


class Power(StrEnum):
    """Redfish's words."""

    ON = "On"
    OFF = "Off"


class ResetType(StrEnum):
    ON = "On"
    FORCE_ON = "ForceOn"
    FORCE_OFF = "ForceOff"
    GRACEFUL_SHUTDOWN = "GracefulShutdown"
    GRACEFUL_RESTART = "GracefulRestart"
    FORCE_RESTART = "ForceRestart"
    POWER_CYCLE = "PowerCycle"
    NMI = "Nmi"


class NoAnswer(Exception):
    """This power controller does not answer."""


class BmcError(Exception):
    """This power controller answers with an error."""


class SimulatedBmc:
    def __init__(self, host: SimulatedHost, clock: Clock) -> None:
        self.manner = Manner.HONEST
        self.delay_seconds = 0.0
        self._host = host
        self._clock = clock
        self._claimed: Power | None = None

    async def power(self) -> Power:
        await self._answer()
        if self.manner is Manner.STUCK_OFF:
            return Power.OFF
        if self.manner is Manner.LYING and self._claimed is not None:
            return self._claimed
        return Power.ON if self._host.powered.is_set() else Power.OFF

    async def reset(self, order: ResetType) -> None:
        if self.manner is Manner.LATE:
            self._obey(order)
        await self._answer()
        self._claimed = Power.OFF if order in (ResetType.FORCE_OFF, ResetType.GRACEFUL_SHUTDOWN) else Power.ON
        if self.manner in (Manner.HONEST, Manner.POWERLESS):
            self._obey(order)

    async def _answer(self) -> None:
        await self._clock.sleep(self.delay_seconds)
        is_dead = self.manner is Manner.POWERLESS and not self._host.powered.is_set()
        if is_dead or self.manner in (Manner.SILENT, Manner.LATE):
            raise NoAnswer
        if self.manner is Manner.BROKEN:
            raise BmcError

    def _obey(self, order: ResetType) -> None:
        match order:
            case ResetType.FORCE_OFF | ResetType.GRACEFUL_SHUTDOWN:
                self._host.power_off()
            case ResetType.ON | ResetType.FORCE_ON:
                self._host.power_on()
            case ResetType.GRACEFUL_RESTART | ResetType.FORCE_RESTART | ResetType.POWER_CYCLE:
                self._host.reset()
            case ResetType.NMI:
                pass
