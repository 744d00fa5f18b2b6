"""Sessions through pairs of queues: controllers by address, lines that can be cut or go quiet; no sockets, any time.

The transport of an agent (mainstay_runtime.session.Transport) whose other end is served by a controller's Sessions, or by whoever listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

from mainstay_proto.messages import Down, Up
from mainstay_runtime.errors import Unavailable
from mainstay_runtime.session import Stream
from mainstay_runtime.tasks import Nursery

Said = TypeVar("Said")
Heard = TypeVar("Heard")
Serve = Callable[[Stream[Down, Up]], Awaitable[None]]


class Line:
    """One connection.  `quiet`: what is said is lost and nobody is told; broken: both ends are told."""

    def __init__(self) -> None:
        self.up: asyncio.Queue[Up | None] = asyncio.Queue()
        self.down: asyncio.Queue[Down | None] = asyncio.Queue()
        self.quiet = False
        self.broken = False

    def break_(self) -> None:
        self.broken = True
        self.up.put_nowait(None)
        self.down.put_nowait(None)


class LineEnd(Generic[Said, Heard]):
    def __init__(self, line: Line, out: asyncio.Queue[Said | None], into: asyncio.Queue[Heard | None]) -> None:
        self._line = line
        self._out = out
        self._into = into

    async def send(self, message: Said) -> None:
        if self._line.broken:
            raise Unavailable("the line is broken")
        if not self._line.quiet:
            self._out.put_nowait(message)

    async def receive(self) -> Heard:
        message = await self._into.get()
        if message is None:
            raise Unavailable("the line is broken")
        return message


class Exchange:
    """All controllers and all lines between them and one agent or many.  A context, for it runs the controllers' ends."""

    def __init__(self) -> None:
        self._listening: dict[str, Serve] = {}
        self._nursery = Nursery(lambda name, error: self._failures.append((name, error)))
        self._failures: list[tuple[str, Exception]] = []
        self.lines: list[Line] = []
        self.dialled: list[str] = []

    async def __aenter__(self) -> Exchange:
        await self._nursery.__aenter__()
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self._nursery.__aexit__(*failure)
        assert self._failures == []

    def listen(self, address: str, serve: Serve) -> None:
        self._listening[address] = serve

    def listens(self, address: str) -> bool:
        return address in self._listening

    def hang_up(self, address: str) -> None:
        """Nobody listens there any more; lines that are open stay."""
        del self._listening[address]

    def break_lines(self) -> None:
        for line in self.lines:
            line.break_()

    def quieten_lines(self) -> None:
        for line in self.lines:
            line.quiet = True

    @asynccontextmanager
    async def connect(self, address: str) -> AsyncIterator[Stream[Up, Down]]:
        self.dialled.append(address)
        if address not in self._listening:
            raise Unavailable(f"nobody listens at {address}")
        line = Line()
        self.lines.append(line)
        serving = self._nursery.adopt(self._serve(self._listening[address], line), address)
        try:
            yield LineEnd(line, line.up, line.down)
        finally:
            self.lines.remove(line)
            line.up.put_nowait(None)
            await asyncio.wait([serving], timeout=1.0)

    async def _serve(self, serve: Serve, line: Line) -> None:
        await serve(LineEnd(line, line.down, line.up))
        line.down.put_nowait(None)
