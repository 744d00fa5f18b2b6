"""Orders under way: each is sent, sent again after a reconnect, and answered once.

The promise: an order put into a session ends as what its host said of it, or as Unknown - never as a guess.
Orders are idempotent by id, so that sending again is always safe; two callers with one id share one order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from mainstay_controller.domain.ids import HostId
from mainstay_controller.fleet.outcome import Done, Failed, Outcome, Refused, Unknown
from mainstay_controller.fleet.translate import guest_seen, slot_seen
from mainstay_proto.messages import Command, CommandResult, Order, RunState
from mainstay_runtime.clock import Clock
from mainstay_runtime.errors import Unavailable

Send = Callable[[Command], None]

NOT_CONNECTED = "not-connected"
"""Nothing was sent: the host has no session with the controller that was to send it."""

ANSWER_MARGIN_SECONDS = 1.0
"""We wait this much longer than the host may take, so that its own word `deadline` arrives."""


@dataclass(slots=True, kw_only=True)
class UnderWay:
    host_id: HostId
    order: Order
    due: float
    answer: asyncio.Future[CommandResult]
    callers: int = 0


@dataclass(slots=True)
class OrdersUnderWay:
    """All orders this controller waits for."""

    clock: Clock
    _orders: dict[str, UnderWay] = field(default_factory=dict)

    async def perform(self, command: Command, send: Send | None) -> CommandResult:
        """`send` is None when the host has no session here."""
        under_way = self._orders.get(command.command_id)
        if under_way is None:
            if send is None:
                return not_sent(command, f"host {command.host_id} has no session")
            under_way = self._begin(command)
            try:
                send(self._command(command.command_id, under_way))
            except Unavailable as error:
                del self._orders[command.command_id]
                return not_sent(command, str(error))
        return await self._answer_of(command.command_id, under_way)

    def answered(self, result: CommandResult) -> HostId | None:
        """Whose answer it was.  One that nobody waits for any more is dropped: whoever asks again is answered by the host."""
        under_way = self._orders.get(result.command_id)
        if under_way is None:
            return None
        if not under_way.answer.done():
            under_way.answer.set_result(result)
        return under_way.host_id

    def send_again(self, host_id: HostId, send: Send) -> None:
        for command_id, under_way in self._of(host_id):
            send(self._command(command_id, under_way))

    def give_up(self, host_id: HostId, reason: str) -> None:
        """The host is proven dead: nobody needs to wait for its answers."""
        for command_id, under_way in self._of(host_id):
            under_way.answer.set_result(unanswered(command_id, "host-dead", reason))

    def _begin(self, command: Command) -> UnderWay:
        under_way = UnderWay(
            host_id=HostId(command.host_id),
            order=command.order,
            due=self.clock.monotonic() + command.deadline_seconds,
            answer=asyncio.get_running_loop().create_future(),
        )
        self._orders[command.command_id] = under_way
        return under_way

    async def _answer_of(self, command_id: str, under_way: UnderWay) -> CommandResult:
        under_way.callers += 1
        try:
            async with asyncio.timeout(self._remaining(under_way) + ANSWER_MARGIN_SECONDS):
                return await asyncio.shield(under_way.answer)
        except TimeoutError:
            return unanswered(command_id, "deadline", f"host {under_way.host_id} did not answer in time")
        finally:
            under_way.callers -= 1
            if under_way.callers == 0:
                self._orders.pop(command_id, None)

    def _command(self, command_id: str, under_way: UnderWay) -> Command:
        return Command(
            command_id=command_id,
            host_id=under_way.host_id,
            deadline_seconds=self._remaining(under_way),
            order=under_way.order,
        )

    def _remaining(self, under_way: UnderWay) -> float:
        return max(0.0, under_way.due - self.clock.monotonic())

    def _of(self, host_id: HostId) -> Iterator[tuple[str, UnderWay]]:
        return iter(
            [
                (command_id, under_way)
                for command_id, under_way in self._orders.items()
                if under_way.host_id == host_id and not under_way.answer.done()
            ]
        )


def not_sent(command: Command, why: str) -> CommandResult:
    return CommandResult(command_id=command.command_id, state=RunState.REFUSED, code=NOT_CONNECTED, detail=why)


def unanswered(command_id: str, code: str, why: str) -> CommandResult:
    return CommandResult(command_id=command_id, state=RunState.UNKNOWN, code=code, detail=why)


def outcome_of(result: CommandResult, host_id: HostId) -> Outcome:
    match result.state:
        case RunState.DONE:
            return Done(
                answer=dict(result.answer),
                guests=tuple(guest_seen(guest) for guest in result.guests),
                slots=tuple(slot_seen(sighting, host_id) for sighting in result.sightings),
            )
        case RunState.REFUSED:
            return Refused(code=result.code, detail=result.detail)
        case RunState.FAILED:
            return Failed(code=result.code, detail=result.detail)
        case RunState.UNKNOWN:
            return Unknown(code=result.code or "unknown", detail=result.detail)
