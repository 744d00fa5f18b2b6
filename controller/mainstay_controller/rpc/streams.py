"""A call of grpc.aio as a Stream, on the side that serves it."""

from __future__ import annotations

from typing import Generic, TypeVar

import grpc
import grpc.aio

from mainstay_runtime import identity
from mainstay_runtime.channel import failures_told
from mainstay_runtime.errors import Denied, Unavailable
from mainstay_runtime.identity import PeerIdentity

Heard = TypeVar("Heard")
Said = TypeVar("Said")

END: object = vars(grpc.aio)["EOF"]  # which its types do not know


class ServerStream(Generic[Said, Heard]):
    def __init__(self, context: grpc.aio.ServicerContext[Heard, Said]) -> None:
        self._context = context

    async def send(self, message: Said) -> None:
        with failures_told():
            await self._context.write(message)

    async def receive(self) -> Heard:
        with failures_told():
            message = await self._context.read()
        if message is END:
            raise Unavailable("the agent ended the session")
        return message


async def peer_of(context: grpc.aio.ServicerContext[Heard, Said]) -> PeerIdentity:
    """By its certificate, which TLS has verified; one that names nobody ends the call."""
    (certificate_pem,) = context.auth_context()["x509_pem_cert"]
    try:
        return identity.named_by(identity.load_certificate(certificate_pem))
    except Denied as error:
        await context.abort(grpc.StatusCode.PERMISSION_DENIED, str(error))
