"""The line between controllers: orders for hosts that another holds, and who holds which.

On the port of the sessions, with mutual TLS; only the role controller may speak.  An answer that did not come says nothing of the order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TypeVar

import grpc
import grpc.aio

from mainstay_controller.fleet.fleet import Fleet
from mainstay_controller.rpc.authority import Authority
from mainstay_controller.rpc.streams import peer_of
from mainstay_proto import codec
from mainstay_proto.codec import Wire
from mainstay_proto.messages import Command, CommandResult, Mounts
from mainstay_proto.peers import Oriented, Pictures, PicturesWanted
from mainstay_runtime.channel import Line
from mainstay_runtime.identity import Role

Question = TypeVar("Question")
Answer = TypeVar("Answer")

SERVICE = "mainstay.agent.v1.Peers"
TELL_SECONDS = 2.0
ANSWER_MARGIN_SECONDS = 2.0
"""We wait this much longer than the other controller, so that its own word about the deadline arrives."""


class GrpcRelay:
    """fleet.elsewhere.Relay.  A line to each controller is kept open from its first use until the relay closes."""

    def __init__(self, authority: Authority, controller_id: str, lines: AsyncExitStack) -> None:
        self._identity = authority.identity_for(Role.CONTROLLER, controller_id)
        self._lines: dict[str, Line] = {}
        self._open = lines

    async def perform(self, address: str, command: Command) -> CommandResult:
        seconds = command.deadline_seconds + ANSWER_MARGIN_SECONDS
        return await (await self._line(address)).ask(
            f"/{SERVICE}/Perform", command, codec.command, codec.command_result, seconds
        )

    async def orient(self, address: str, mounts: Mounts) -> bool:
        line = await self._line(address)
        return (await line.ask(f"/{SERVICE}/Orient", mounts, codec.mounts, codec.oriented, TELL_SECONDS)).told

    async def tell(self, address: str, wanted: PicturesWanted) -> Pictures:
        line = await self._line(address)
        return await line.ask(f"/{SERVICE}/Tell", wanted, codec.pictures_wanted, codec.pictures, TELL_SECONDS)

    async def _line(self, address: str) -> Line:
        if address not in self._lines:
            self._lines[address] = await self._open.enter_async_context(Line(address, self._identity))
        return self._lines[address]


def peer_service(fleet: Fleet) -> grpc.GenericRpcHandler:
    async def orient(mounts: Mounts) -> Oriented:
        return Oriented(told=fleet.pass_on(mounts))

    async def tell(wanted: PicturesWanted) -> Pictures:
        return fleet.tell(wanted)

    perform_method = _for_controllers(fleet.carry_out, codec.command, codec.command_result)
    orient_method = _for_controllers(orient, codec.mounts, codec.oriented)
    tell_method = _for_controllers(tell, codec.pictures_wanted, codec.pictures)
    return grpc.method_handlers_generic_handler(
        SERVICE, {"Perform": perform_method, "Orient": orient_method, "Tell": tell_method}
    )


def _for_controllers(
    answer: Callable[[Question], Awaitable[Answer]], question: Wire[Question], reply: Wire[Answer]
) -> grpc.RpcMethodHandler[Question, Answer]:
    async def handle(untrusted: Question, context: grpc.aio.ServicerContext[Question, Answer]) -> Answer:
        role = (await peer_of(context)).role
        if role is not Role.CONTROLLER:
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, f"a {role} gives no orders")
        return await answer(untrusted)

    return grpc.unary_unary_rpc_method_handler(handle, question.decode, reply.encode)
