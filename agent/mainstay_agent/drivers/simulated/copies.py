"""One copy of a guest on one host, as a state machine.

A guest that moves has two copies for a while; which of them can write is the question everything here serves.
Pure: no clock, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mainstay_agent.driver import PAUSED_ON_IO_ERROR
from mainstay_proto.messages import GuestReport, GuestSpec, GuestState, StopCause


class Turn(StrEnum):
    """What can happen to a copy."""

    LAUNCHED = "launched"
    PAUSED = "paused"
    IO_FAILED = "io-failed"
    RESUMED = "resumed"
    DEPARTED = "departed"  # its migration began
    STAYED = "stayed"  # the migration did not happen
    ARRIVED = "arrived"  # the incoming copy took over
    ENDED = "ended"


TRANSITIONS: dict[tuple[GuestState, Turn], GuestState] = {
    (GuestState.STARTING, Turn.LAUNCHED): GuestState.RUNNING,
    (GuestState.STARTING, Turn.ENDED): GuestState.STOPPED,
    (GuestState.RUNNING, Turn.PAUSED): GuestState.PAUSED,
    (GuestState.RUNNING, Turn.IO_FAILED): GuestState.PAUSED,
    (GuestState.RUNNING, Turn.DEPARTED): GuestState.MIGRATING,
    (GuestState.RUNNING, Turn.ENDED): GuestState.STOPPED,
    (GuestState.PAUSED, Turn.RESUMED): GuestState.RUNNING,
    (GuestState.PAUSED, Turn.ENDED): GuestState.STOPPED,
    (GuestState.MIGRATING, Turn.PAUSED): GuestState.PAUSED,
    (GuestState.MIGRATING, Turn.STAYED): GuestState.RUNNING,
    (GuestState.MIGRATING, Turn.ARRIVED): GuestState.RUNNING,
    (GuestState.MIGRATING, Turn.ENDED): GuestState.STOPPED,
}


@dataclass(slots=True, kw_only=True)
class Copy:
    """`spec.epoch` is the epoch this copy runs under."""

    spec: GuestSpec
    state: GuestState
    cause: StopCause | None = None
    detail: str = ""
    booted_at: float = 0.0  # on the world's clock; a guest that has not booted obeys no shutdown
    hangs: bool = False  # its process is stopped: it neither writes nor obeys
    incoming: bool = False  # waits for a migration to arrive
    io_failed: bool = False

    @property
    def is_there(self) -> bool:
        return self.state is not GuestState.STOPPED

    @property
    def executes(self) -> bool:
        if self.hangs or self.incoming:
            return False
        return self.state in (GuestState.RUNNING, GuestState.MIGRATING)

    def turn(self, turn: Turn) -> bool:
        """False: there is no such arrow from here."""
        after = TRANSITIONS.get((self.state, turn))
        if after is None:
            return False
        self.state = after
        return True

    def report(self) -> GuestReport:
        detail = PAUSED_ON_IO_ERROR if self.io_failed else self.detail
        return GuestReport(
            vm_id=self.spec.vm_id, state=self.state, epoch=self.spec.epoch, cause=self.cause, detail=detail
        )
