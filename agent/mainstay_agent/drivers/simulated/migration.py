"""One guest on its way from one simulated host to another.

The source writes until it is paused; only then does the target run, under its own epoch; and the source learns of that by an
acknowledgement, which can be lost.  Whoever dies on the way takes its half along."""

from __future__ import annotations

from mainstay_agent.driver import DONE, MigrationStatus, Outcome, failed, refused, unknown
from mainstay_agent.drivers.simulated.copies import Copy, Turn
from mainstay_agent.drivers.simulated.host import SimulatedHost
from mainstay_agent.drivers.simulated.world import SimulatedWorld
from mainstay_proto.messages import StopCause

STEP_SECONDS = 0.1
MIB = 1024 * 1024


class Migration:
    def __init__(
        self,
        world: SimulatedWorld,
        source: SimulatedHost,
        copy: Copy,
        target: SimulatedHost,
        target_epoch: int,
        bandwidth_mib: int | None,
    ) -> None:
        self._world = world
        self._source = source
        self._copy = copy
        self._target = target
        self._target_epoch = target_epoch
        self._mib_per_second = bandwidth_mib or world.pace.migration_mib_per_second
        self._moved_mib = 0.0
        self.aborted = False

    def status(self) -> MigrationStatus:
        total = self._copy.spec.memory_mib
        moved = min(self._moved_mib, total)
        return MigrationStatus(
            percent=int(100 * moved / total), remaining_bytes=int((total - moved) * MIB), phase="memory"
        )

    async def run(self) -> Outcome:
        if self._incoming() is None:
            return failed("not-expected", f"{self._target.facts.name} does not expect this guest")
        if not self._source.turn(self._copy, Turn.DEPARTED):
            return refused("wrong-state", self._copy.state)
        while self._moved_mib < self._copy.spec.memory_mib:
            await self._world.clock.sleep(STEP_SECONDS)
            if trouble := self._trouble():
                return self._stay(trouble)
            self._moved_mib += self._mib_per_second * STEP_SECONDS
        return self._switch()

    def _incoming(self) -> Copy | None:
        copy = self._target.living(self._copy.spec.vm_id)
        expected = copy is not None and copy.incoming and copy.spec.epoch == self._target_epoch
        return copy if expected else None

    def _trouble(self) -> str:
        if not self._copy.is_there:
            return "source-lost"
        if self.aborted:
            return "aborted"
        if self._incoming() is None:
            return "target-lost"
        return "" if self._world.can_reach(self._source, self._target) else "unreachable"

    def _stay(self, trouble: str) -> Outcome:
        incoming = self._incoming()
        if incoming is not None:
            self._target.end(incoming, StopCause.VANISHED, f"migration did not happen: {trouble}")
        self._source.turn(self._copy, Turn.STAYED)
        return failed(trouble)

    def _switch(self) -> Outcome:
        incoming = self._incoming()
        assert incoming is not None, "the step before looked at it"
        self._source.turn(self._copy, Turn.PAUSED)
        incoming.incoming = False
        incoming.booted_at = self._copy.booted_at
        self._target.turn(incoming, Turn.ARRIVED)
        if self._world.migration_acks_lost:
            return unknown("acknowledgement-lost")
        self._source.end(self._copy, StopCause.MIGRATED)
        return DONE
