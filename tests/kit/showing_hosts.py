"""A host that does what it is told, and shows screens on which a viewer reads its own words."""

from __future__ import annotations

import asyncio

from mainstay_controller.fleet.fleet import Fleet
from mainstay_proto import messages as m
from mainstay_runtime.errors import Unavailable
from tests.kit.told_hosts import ToldHost, ToldWorld, done


class Mirror:
    """A line of fleet.screens: what is sent comes back, until it ends."""

    def __init__(self) -> None:
        self._said: asyncio.Queue[bytes] = asyncio.Queue()

    async def send(self, message: bytes) -> None:
        await self._said.put(message)

    async def receive(self) -> bytes:
        said = await self._said.get()
        if not said:
            raise Unavailable("the guest's screen is gone")
        return said

    def end(self) -> None:
        self._said.put_nowait(b"")


class ShowingHost(ToldHost):
    """`dials`: whether its line comes, though it says that it does."""

    def __init__(self, host_id: str) -> None:
        super().__init__(host_id, host_id, ToldWorld())
        self.world.hosts[host_id] = self
        self.mirrors: list[Mirror] = []
        self.dialled: list[str] = []
        self.dials = True

    async def _perform(self, order: m.Order) -> m.CommandResult:
        if not isinstance(order, m.ShowScreen):
            return await super()._perform(order)
        self.mirrors.append(Mirror())
        self.dialled.append(order.address)
        if self.dials and isinstance(self._fleet, Fleet):
            self._spawn(self._fleet.screens.serve(order.word, self.mirrors[-1]))
        return done()
