"""Lines on which agents show screens: on the port of the sessions, with mutual TLS.

The first piece carries the word of a screen that this controller asked for; a line without one ends at once."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import grpc.aio

from mainstay_controller.fleet.enrolment import EnrolmentBook
from mainstay_controller.fleet.screens import ScreenLines
from mainstay_controller.rpc import refusals
from mainstay_controller.rpc.refusals import WrongRole
from mainstay_controller.rpc.streams import ServerStream, peer_of
from mainstay_proto import codec
from mainstay_proto.screens import ScreenPiece
from mainstay_runtime.errors import Denied, Unavailable
from mainstay_runtime.identity import PeerIdentity, Role
from mainstay_runtime.logs import logger
from mainstay_runtime.session import Stream, next_of

FIRST_PIECE_SECONDS = 10.0

Context = grpc.aio.ServicerContext[ScreenPiece, ScreenPiece]

log = logger(__name__)


class Screens:
    def __init__(self, lines: ScreenLines, book: EnrolmentBook) -> None:
        self._lines = lines
        self._book = book

    async def serve(self, peer: PeerIdentity, stream: Stream[ScreenPiece, ScreenPiece]) -> None:
        """One line from its first piece to its last.  The peer's certificate has been verified."""
        try:
            if peer.role is not Role.AGENT:
                raise WrongRole(f"a {peer.role} shows no screens")
            refusals.check(await self._book.standing(peer.role, peer.id))
            first = await next_of(stream, FIRST_PIECE_SECONDS)
            await self._lines.serve(first.word, InBytes(stream))
        except (Denied, Unavailable) as error:
            log.info("a screen's line ended before it began", peer=peer.id, why=str(error))


class InBytes:
    def __init__(self, pieces: Stream[ScreenPiece, ScreenPiece]) -> None:
        self._pieces = pieces

    async def send(self, message: bytes) -> None:
        await self._pieces.send(ScreenPiece(data=message))

    async def receive(self) -> bytes:
        return (await self._pieces.receive()).data


def screen_service(lines: ScreenLines, book: EnrolmentBook) -> grpc.GenericRpcHandler:
    screens = Screens(lines, book)

    async def carry(_pieces: AsyncIterator[ScreenPiece], context: Context) -> None:
        await screens.serve(await peer_of(context), ServerStream(context))

    method = grpc.stream_stream_rpc_method_handler(carry, codec.screen_piece.decode, codec.screen_piece.encode)
    return grpc.method_handlers_generic_handler("mainstay.agent.v1.Screens", {"Carry": method})
