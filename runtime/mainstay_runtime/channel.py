"""gRPC with TLS as the carrier of conversations and of single questions; nothing but this file and the servers knows of it.

The promise: a failure is Unavailable with the carrier's own words, or CertificateRejected; every wait has a deadline.
A channel is made anew for every connect, so that a renewed certificate is used at once and no channel's own backoff
stands between us and a controller that is back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Generic, TypeVar

import grpc
import grpc.aio

from mainstay_proto.codec import Malformed, Wire
from mainstay_runtime.errors import Unavailable
from mainstay_runtime.identity import CONTROLLER_NAME, Identity
from mainstay_runtime.session import CertificateRejected, Stream

Said = TypeVar("Said")
Heard = TypeVar("Heard")

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0
PART_SECONDS = 1.0

OPTIONS = (
    ("grpc.ssl_target_name_override", CONTROLLER_NAME),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
    ("grpc.http2.bdp_probe", 0),  # a third less work per heartbeat
)
DIALS_SOON = (("grpc.initial_reconnect_backoff_ms", 200), ("grpc.max_reconnect_backoff_ms", 1000))


class GrpcTransport(Generic[Said, Heard]):
    """Opens `method` of a controller with mutual TLS; `identity` is asked at every connect."""

    def __init__(self, method: str, said: Wire[Said], heard: Wire[Heard], identity: Callable[[], Identity]) -> None:
        self._method = method
        self._said = said
        self._heard = heard
        self._identity = identity

    @asynccontextmanager
    async def connect(self, address: str) -> AsyncIterator[Stream[Said, Heard]]:
        own = self._identity()
        credentials = grpc.ssl_channel_credentials(own.ca_pem, own.key_pem, own.certificate_pem)
        async with grpc.aio.secure_channel(address, credentials, OPTIONS) as channel:
            call = channel.stream_stream(self._method, self._said.encode, self._heard.decode)()
            with _refusals_told():
                async with asyncio.timeout(CONNECT_SECONDS):
                    await call.wait_for_connection()
            yield _ClientStream(call)
            await _part(call)


async def _part(call: grpc.aio.StreamStreamCall[Said, Heard]) -> None:
    """Let the other side hear our last word; a cancelled call could overtake it.  The channel's end cancels what is left."""
    with suppress(TimeoutError, Unavailable), failures_told():
        async with asyncio.timeout(PART_SECONDS):
            await call.done_writing()
            await call.code()


class _ClientStream(Generic[Said, Heard]):
    def __init__(self, call: grpc.aio.StreamStreamCall[Said, Heard]) -> None:
        self._call = call
        self._messages = aiter(call)

    async def send(self, message: Said) -> None:
        with failures_told():
            await self._call.write(message)

    async def receive(self) -> Heard:
        try:
            with failures_told():
                return await anext(self._messages)
        except StopAsyncIteration as error:
            raise Unavailable("the other side ended the session") from error


class Line:
    """A channel kept open to one controller, for many questions; it dials again by itself."""

    def __init__(self, address: str, own: Identity) -> None:
        credentials = grpc.ssl_channel_credentials(own.ca_pem, own.key_pem, own.certificate_pem)
        self._channel = grpc.aio.secure_channel(address, credentials, (*OPTIONS, *DIALS_SOON))

    async def __aenter__(self) -> Line:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._channel.close()

    async def ask(
        self, method: str, question: Said, said: Wire[Said], heard: Wire[Heard], within_seconds: float
    ) -> Heard:
        with failures_told():
            return await self._channel.unary_unary(method, said.encode, heard.decode)(question, timeout=within_seconds)


async def ask(address: str, method: str, question: Said, said: Wire[Said], heard: Wire[Heard], ca_pem: bytes) -> Heard:
    """One question to a controller that proves itself to us and knows us not."""
    credentials = grpc.ssl_channel_credentials(ca_pem)
    async with grpc.aio.secure_channel(address, credentials, OPTIONS) as channel:
        with failures_told():
            return await channel.unary_unary(method, said.encode, heard.decode)(question, timeout=ANSWER_SECONDS)


class failures_told:
    """Everything by which grpc.aio says that a call is over becomes Unavailable; our own cancellation passes.

    Around every message of every session: a class costs a tenth of a generator."""

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        match error:
            case grpc.aio.AioRpcError():
                raise Unavailable(f"{error.code().name}: {error.details()}") from error
            case asyncio.InvalidStateError() | grpc.aio.UsageError() | grpc.aio.InternalError():
                raise Unavailable("the session has ended") from error
            case Malformed():
                raise Unavailable(str(error)) from error
            case asyncio.CancelledError():
                task = asyncio.current_task()
                if task is not None and not task.cancelling():
                    raise Unavailable("the other side cancelled the session") from error


@contextmanager
def _refusals_told() -> Iterator[None]:
    """TLS has no words for a certificate it refuses: the server just closes in the middle of the handshake."""
    try:
        with failures_told():
            yield
    except TimeoutError as error:
        raise Unavailable(f"no connection within {CONNECT_SECONDS:g} s") from error
    except Unavailable as error:
        if "Socket closed" in str(error):
            raise CertificateRejected from error
        raise
