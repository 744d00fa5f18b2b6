"""The cable between a simulated host and everything else: what crosses it waits while it is cut, and a dead machine says no farewell.

Around a real transport, so that simulated hosts hold real sessions with a real controller."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Generic, TypeVar

from mainstay_agent.drivers.simulated.host import SimulatedHost
from mainstay_agent.drivers.simulated.world import SimulatedWorld, alive_since
from mainstay_runtime.errors import MainstayError, Unavailable
from mainstay_runtime.session import Stream, Transport
from mainstay_runtime.tasks import Nursery, background

Said = TypeVar("Said")
Heard = TypeVar("Heard")

MESSAGES_MAX = 64  # on the way in one direction; then the sender waits
LAST_WORDS_SECONDS = 1.0


class CableTransport(Generic[Said, Heard]):
    """`lines` outlive the machine's processes: a line stays up, silent, until the machine is there again to hang up."""

    def __init__(self, inner: Transport[Said, Heard], host: SimulatedHost, lines: Nursery) -> None:
        self._inner = inner
        self._host = host
        self._lines = lines

    @asynccontextmanager
    async def connect(self, address: str) -> AsyncIterator[Stream[Said, Heard]]:
        if not self._host.network_up:
            raise Unavailable("the cable is cut")
        line: _Line[Said, Heard] = _Line(self._host)
        self._lines.adopt(line.hold(self._inner.connect(address)), f"line of {self._host.facts.name}")
        try:
            await line.opened
            yield line
        finally:
            line.hung_up.set()


class _Line(Generic[Said, Heard]):
    """One conversation.  The real stream is touched by the line's own task alone: a machine that dies cancels nothing of it."""

    def __init__(self, host: SimulatedHost) -> None:
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.hung_up = asyncio.Event()
        self._host = host
        self._boot_id = host.boot_id
        self._said: asyncio.Queue[Said] = asyncio.Queue(MESSAGES_MAX)
        self._heard: asyncio.Queue[Heard | Unavailable] = asyncio.Queue(MESSAGES_MAX)

    async def send(self, message: Said) -> None:
        await self._said.put(message)

    async def receive(self) -> Heard:
        heard = await self._heard.get()
        if isinstance(heard, Unavailable):
            raise heard
        return heard

    async def hold(self, connecting: AbstractAsyncContextManager[Stream[Said, Heard]]) -> None:
        try:
            async with connecting as stream:
                if not self.opened.cancelled():
                    self.opened.set_result(None)
                async with background(lambda: self._carry_out(stream), lambda: self._carry_in(stream)):
                    await self.hung_up.wait()
                    await self._host.until_reachable()
                    await self._say_last_words()
        except MainstayError as error:
            if self.opened.done():
                raise
            self.opened.set_exception(error)

    async def _carry_out(self, stream: Stream[Said, Heard]) -> None:
        try:
            while True:
                message = await self._said.get()
                await self._host.networked.wait()
                if self._lives:
                    await stream.send(message)
                self._said.task_done()
        except Unavailable as lost:
            await self._heard.put(lost)

    async def _carry_in(self, stream: Stream[Said, Heard]) -> None:
        try:
            while True:
                message = await stream.receive()
                await self._host.networked.wait()
                await self._heard.put(message)
        except Unavailable as lost:
            await self._heard.put(lost)

    async def _say_last_words(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await self._said.join()

    @property
    def _lives(self) -> bool:
        return alive_since(self._host, self._boot_id)


class CablePinger:
    """Pings from one simulated host to another."""

    def __init__(self, world: SimulatedWorld, source: SimulatedHost) -> None:
        self._world = world
        self._source = source

    async def ping(self, ip: str, deadline_seconds: float) -> bool | None:
        if not self._source.network_up:
            return None
        target = next((host for host in self._world.hosts.values() if host.facts.ip == ip), None)
        answers = target is not None and self._world.can_reach(self._source, target)
        await self._world.clock.sleep(self._world.pace.ping_seconds if answers else deadline_seconds)
        return answers
