"""The daemon's end of the unix socket: answers questions about one lease area, and tells everybody who listens what happens.

The promise: a listener that does not read costs a bounded queue and delays nobody; a request that makes no sense is answered with why."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from mainstay_agent.lease import wire
from mainstay_agent.lease.area import LeaseArea
from mainstay_agent.lease.feed import AreaFeed
from mainstay_runtime import logs
from mainstay_runtime.errors import BadInput, MainstayError
from mainstay_runtime.tasks import Nursery, background

log = logs.logger(__name__)


class AreaServer:
    def __init__(self, area: LeaseArea, path: Path) -> None:
        self._area = area
        self._path = path
        self._feeds: set[AreaFeed] = set()

    async def run(self) -> None:
        async with Nursery(_log_failure) as conversations, self._listening(conversations):
            async for event in self._area.events():
                for feed in self._feeds:
                    feed.tell(event)

    @asynccontextmanager
    async def _listening(self, conversations: Nursery) -> AsyncIterator[None]:
        self._path.unlink(missing_ok=True)

        def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            conversations.adopt(self._converse(reader, writer), "conversation")

        mask = os.umask(0o177)
        try:
            server = await asyncio.start_unix_server(greet, self._path, limit=wire.LINE_BYTES_MAX)
        finally:
            os.umask(mask)
        async with server:
            yield

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        feed = AreaFeed()

        async def narrate() -> None:
            async for event in feed.listen():
                writer.write(wire.event_line(event))
                await writer.drain()

        writer.write(wire.line(wire.GREETING))
        self._feeds.add(feed)
        try:
            async with Nursery(_log_failure) as questions, background(narrate):
                while untrusted := await reader.readline():
                    questions.adopt(self._answer(untrusted, writer), "question")
        finally:
            self._feeds.discard(feed)
            writer.close()

    async def _answer(self, untrusted: bytes, writer: asyncio.StreamWriter) -> None:
        """Each on its own: a poison that waits for storage keeps nobody else waiting.  Up to its first await a verb is done in the order asked."""
        request_id = 0
        try:
            request = wire.read_request(untrusted)
            request_id = request.id
            verb, arguments = wire.read_arguments(request)
            answer = await getattr(self._area, verb.name)(**arguments)
        except MainstayError as error:
            writer.write(wire.error_line(request_id, error))
        except TypeError as error:
            writer.write(wire.error_line(request_id, BadInput(str(error))))
        else:
            writer.write(wire.answer_line(request_id, verb, answer))


def _log_failure(name: str, error: Exception) -> None:
    log.warning("a conversation ended badly", part=name, error=str(error))
