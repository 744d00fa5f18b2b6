"""What one run is to be: the cloud, its clocks, and what will happen to it when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mainstay_controller.operations.settings import Settings

if TYPE_CHECKING:
    from tests.kit.simulation.cloud import SimulatedCloud


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """`begin` at `at`; if it lasts, `end` so many seconds later, or when all is healed."""

    at: float
    name: str
    begin: Callable[[SimulatedCloud], None]
    end: Callable[[SimulatedCloud], None] | None = None
    seconds: float = 0.0
    kind: str = ""


PATIENT = Settings(
    restart_retry_seconds=2.0,
    restart_retry_seconds_max=8.0,
    order_deadline_seconds=15.0,
    reconnect_grace_seconds=10.0,
    goodbye_grace_seconds=10.0,
    stop_grace_seconds=5.0,
    migrate_deadline_seconds=30.0,
    power_deadline_seconds=5.0,
)
"""The waits of people's size are cut to the size of a run; what the survival protocol rests on is not touched."""
PATIENT_BEFORE_FENCING = replace(PATIENT, reconnect_grace_seconds=30.0)
"""Under the policy `fence` guests die of a false suspicion: agents must have the time to try every controller, 5 s to wait and 5 s to dial each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    seed: int
    hosts: int = 5
    controllers: int = 1
    vms: int = 8
    profile: str = "fast"
    fence_policy: str = "keep"
    bmcs: bool = False
    has_data_disks: bool = False  # on a pool of their own
    clock_rates: tuple[float, ...] = ()  # of hosts, then of their watchdogs, then of controllers; as long as it goes
    without_watchdog: frozenset[str] = frozenset()
    heal_at: float = 90.0
    is_harmless: bool = False  # nothing happens that may cost a guest its life
    ends_when_broken: bool = False  # one broken promise is enough
    must_settle: bool = True  # all has to be well some time after healing
    happenings: tuple[Happening, ...] = ()
    settings: Settings = field(default_factory=lambda: PATIENT)
