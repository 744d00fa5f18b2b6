"""The cable between a simulated host and everything else: what crosses it waits while it is cut, and a dead machine says no farewell.

Around a real transport, so that simulated hosts hold real sessions with a real controller."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

from mainstay_agent.drivers.simulated.host import SimulatedHost
from mainstay_agent.drivers.simulated.world import SimulatedWorld
from mainstay_runtime.errors import MainstayError, Unavailable
from mainstay_runtime.session import Stream, Transport
from mainstay_runtime.tasks import Nursery

Said = TypeVar("Said")
Heard = TypeVar("Heard")


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
        stream: asyncio.Future[Stream[Said, Heard]] = asyncio.get_running_loop().create_future()
        hung_up = asyncio.Event()
        self._lines.adopt(self._hold(address, stream, hung_up), f"line of {self._host.facts.name}")
        try:
            yield _CableStream(await stream, self._host)
        finally:
            hung_up.set()

    async def _hold(self, address: str, opened: asyncio.Future[Stream[Said, Heard]], hung_up: asyncio.Event) -> None:
        try:
            async with self._inner.connect(address) as stream:
                if not opened.cancelled():
                    opened.set_result(stream)
                await hung_up.wait()
                await self._host.until_reachable()
        except MainstayError as error:
            if opened.done():
                raise
            opened.set_exception(error)


class _CableStream(Generic[Said, Heard]):
    def __init__(self, inner: Stream[Said, Heard], host: SimulatedHost) -> None:
        self._inner = inner
        self._host = host

    async def send(self, message: Said) -> None:
        await self._host.networked.wait()
        await self._inner.send(message)

    async def receive(self) -> Heard:
        message = await self._inner.receive()
        await self._host.networked.wait()
        return message


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
