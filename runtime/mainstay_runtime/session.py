"""A conversation with one peer, whatever carries it: gRPC, a pair of queues, a simulated network.

The promise: messages arrive in order; what is put into the outbox never blocks and never grows without bound; a conversation that ends
says why, in words for a log line."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Generic, Never, Protocol, TypeVar

from mainstay_runtime.errors import Unavailable
from mainstay_runtime.tasks import background

Said = TypeVar("Said")
SaidContra = TypeVar("SaidContra", contravariant=True)
HeardCo = TypeVar("HeardCo", covariant=True)
Heard = TypeVar("Heard")

SEND_SECONDS = 15.0
"""For the carrier to take one message.  In a storm a process may be late by seconds to notice that it did."""


class Stream(Protocol[SaidContra, HeardCo]):
    async def send(self, message: SaidContra) -> None:
        """Returns when the carrier took it, which says nothing about arrival.  Raises Unavailable."""

    async def receive(self) -> HeardCo:
        """Raises Unavailable when the other side has ended the conversation or is gone."""


class Transport(Protocol[SaidContra, HeardCo]):
    def connect(self, address: str) -> AbstractAsyncContextManager[Stream[SaidContra, HeardCo]]:
        """Entering raises Unavailable after its own deadline, or CertificateRejected; leaving ends the conversation."""


class CertificateRejected(Unavailable):
    """The other side ended the TLS handshake without a word: it does not accept our certificate."""

    code = "certificate-rejected"


class Outbox(Generic[Said]):
    """What waits to be sent.  When full it closes itself: a peer that does not read is lost, and a new session starts clean."""

    def __init__(self, size_max: int = 4096) -> None:
        self._waiting: deque[Said] = deque()
        self._size_max = size_max
        self._reader: asyncio.Future[None] | None = None  # while it waits
        self.closed_because: str | None = None

    def put(self, message: Said) -> None:
        if self.closed_because is None and len(self._waiting) >= self._size_max:
            self._waiting.clear()
            self.close("the peer does not read")
        if self.closed_because is not None:
            raise Unavailable(f"session is closed: {self.closed_because}")
        self._waiting.append(message)
        self._wake()

    def put_first(self, message: Said) -> None:
        """Before all that waits; into an outbox that is closed already it goes unread."""
        self._waiting.appendleft(message)
        self._wake()

    def close(self, reason: str, last_word: Said | None = None) -> None:
        """What waits is still sent, then the last word.  The first close counts."""
        if self.closed_because is not None:
            return
        if last_word is not None:
            self._waiting.append(last_word)
        self.closed_because = reason
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def __aiter__(self) -> AsyncIterator[Said]:
        """Until closed and empty; for one reader."""
        while True:
            while self._waiting:
                yield self._waiting.popleft()
            if self.closed_because is not None:
                return
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader


async def converse(
    stream: Stream[Said, Heard],
    outbox: Outbox[Said],
    hear: Callable[[Heard], Awaitable[None]],
    silence_max_seconds: float | None = None,
) -> None:
    """Send what comes into the outbox and hear what comes from the peer, until the outbox is closed: by either side, or for silence."""

    async def listen() -> None:
        try:
            while True:
                await hear(await next_of(stream, silence_max_seconds))
        except Unavailable as lost:
            outbox.close(str(lost))

    async with background(listen):
        try:
            async for message in outbox:
                async with asyncio.timeout(SEND_SECONDS):
                    await stream.send(message)
                del message  # until the next there may be months, and the first is big
        except Unavailable as lost:
            outbox.close(str(lost))
        except TimeoutError:
            outbox.close("the peer does not read")


async def next_of(stream: Stream[Never, Heard], timeout_seconds: float | None) -> Heard:
    """The next message, or Unavailable."""
    if timeout_seconds is None:
        return await stream.receive()
    try:
        async with asyncio.timeout(timeout_seconds):
            return await stream.receive()
    except TimeoutError as error:
        raise Unavailable(f"heard nothing for {timeout_seconds:g} s") from error
