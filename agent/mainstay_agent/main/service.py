"""One agent as a process has it: an identity, a link, the duties, and a goodbye at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

from mainstay_agent.duties.agent import Agent, Surroundings
from mainstay_agent.duties.ports import Hypervisor, Memory, Pinger, ScreenLines
from mainstay_agent.lease.area import LeaseArea
from mainstay_agent.link.link import Link
from mainstay_proto.messages import Down, HostFacts, Up
from mainstay_runtime.clock import Clock, Rng
from mainstay_runtime.enrolment import Credentials, enrol
from mainstay_runtime.errors import BadInput, Unavailable
from mainstay_runtime.identity import Identity, IdentityFile, Invitation
from mainstay_runtime.logs import logger
from mainstay_runtime.retry import Backoff, retrying
from mainstay_runtime.session import Transport
from mainstay_runtime.tasks import background

log = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Time:
    clock: Clock
    rng: Rng


async def admitted(file: IdentityFile, invitation: str, controllers: tuple[str, ...], time: Time) -> Identity:
    """Who we are; at the first start by an invitation, asked for until some controller answers."""
    known = file.load()
    if known is not None:
        return known
    if not invitation or not controllers:
        raise BadInput("this host has no identity yet: give it an invitation (from addHost) and a controller")
    invited, addresses = Invitation.from_text(invitation), list(controllers)
    async for attempt in retrying((Unavailable,), clock=time.clock, rng=time.rng, backoff=Backoff()):
        with attempt:
            addresses = [*addresses[1:], addresses[0]]
            return await enrol(file, invited, addresses[-1])
    raise AssertionError("retrying ends by an answer or an error")


class Uplink:
    """What duties send by, before there is a link to carry it."""

    def __init__(self) -> None:
        self.link: Link | None = None

    def send(self, up: Up) -> None:
        if self.link is not None:
            self.link.send(up)


class Service:
    def __init__(
        self,
        *,
        agent_id: str,
        hypervisor: Hypervisor,
        area_of: Callable[[HostFacts], LeaseArea],
        memory_of: Callable[[HostFacts], Memory],
        hosts_memory: Memory,
        pinger: Pinger,
        transport: Transport[Up, Down],
        credentials: Credentials,
        controllers: tuple[str, ...],
        time: Time,
        screen_lines: ScreenLines | None = None,
    ) -> None:
        uplink = Uplink()
        self._agent = Agent(
            agent_id,
            version("mainstay-agent"),
            Surroundings(
                hypervisor=hypervisor,
                area_of=area_of,
                memory_of=memory_of,
                hosts_memory=hosts_memory,
                uplink=uplink,
                pinger=pinger,
                clock=time.clock,
                screen_lines=screen_lines,
            ),
        )
        self._link = uplink.link = Link(
            transport=transport,
            keyring=credentials,
            controllers=controllers,
            duties=self._agent,
            clock=time.clock,
            rng=time.rng,
        )

    async def run(self) -> None:
        """Until cancelled, which is how a machine dies: without a word."""
        async with background(self._agent.run, self._link.run):
            await asyncio.Event().wait()

    async def leave(self, reason: str) -> None:
        """Say goodbye; guests run on.  Then cancel `run`."""
        await self._link.leave(reason)
