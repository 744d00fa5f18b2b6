"""What the duties need of the world around them, beside the driver and the lease area."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mainstay_agent.driver import Driver, HasScreens, HasStats, HasVolumes, HotPlugs, Migrates
from mainstay_proto.messages import Up
from mainstay_proto.screens import ScreenPiece
from mainstay_runtime.session import Transport


class Uplink(Protocol):
    def send(self, up: Up) -> None:
        """Never waits.  With no controller in reach CommandResults and GuestEvents are kept for the next session, the rest is dropped."""


ScreenLines = Transport[ScreenPiece, ScreenPiece]
"""To any controller, by its address."""


class Memory(Protocol):
    """Survives the agent, need not survive the host.  On a tmpfs, so neither call blocks."""

    def load(self) -> bytes | None: ...

    def save(self, state: bytes) -> None:
        """All or nothing."""


class Pinger(Protocol):
    async def ping(self, ip: str, deadline_seconds: float) -> bool | None:
        """None: we could not ask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypervisor:
    """A driver and those of the optional ports that it has."""

    driver: Driver
    migration: Migrates | None = None
    volumes: HasVolumes | None = None
    devices: HotPlugs | None = None
    stats: HasStats | None = None
    screens: HasScreens | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DutySettings:
    look_seconds: float = 5.0  # between two looks at all guests; catches events that were lost
    look_deadline_seconds: float = 3.0  # the hypervisor counts as hung after this
    kill_deadline_seconds: float = 15.0  # for a destroy of our own
    restart_deadline_seconds: float = 60.0  # for a start under standing authority
    restart_backoff_seconds: float = 0.5  # after the first failed one; doubles
    restart_backoff_seconds_max: float = 30.0
    progress_seconds: float = 1.0  # between two words about a migration
    load_report_seconds: float = 60.0
    ping_deadline_seconds: float = 1.0
    screens_max: int = 64  # of a host, looked at together
    results_max: int = 200  # remembered, so that a command sent again is answered
