"""What an order is answered with, and how long there is for it."""

from __future__ import annotations

from dataclasses import dataclass

from mainstay_agent.driver import Outcome, refused
from mainstay_proto.messages import CommandResult, GuestReport, SlotSighting
from mainstay_runtime.clock import Clock

NOT_SUPPORTED = refused("not-supported", "this hypervisor cannot do that")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    outcome: Outcome
    sightings: tuple[SlotSighting, ...] = ()
    guests: tuple[GuestReport, ...] = ()

    def result(self, command_id: str) -> CommandResult:
        return CommandResult(
            command_id=command_id,
            state=self.outcome.state,
            code=self.outcome.code,
            detail=self.outcome.detail,
            answer=self.outcome.answer,
            sightings=self.sightings,
            guests=self.guests,
        )


class Deadline:
    """Counted from the moment the order came."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._ends_at = clock.monotonic() + seconds

    def remaining_seconds(self) -> float:
        return max(0.0, self._ends_at - self._clock.monotonic())
