"""A fleet and an agent of few words, for tests of what lies between them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mainstay_controller.fleet.sessions import AgentSession
from mainstay_proto.messages import (
    Command,
    Hello,
    HostFacts,
    LeaseProfile,
    Mounts,
    QueryGuests,
    Refused,
    ReportRequest,
    Up,
    Welcome,
)
from mainstay_runtime.identity import PeerIdentity

PROFILE = LeaseProfile(
    name="fast",
    renew_seconds=1,
    validity_seconds=10,
    watchdog_seconds=3,
    kill_grace_seconds=2,
    late_io_seconds=2,
    poll_seconds=0.5,
    hold_seconds=10,
)


def a_welcome(*, ping_interval_seconds: float = 1.0, controllers: tuple[str, ...] = ()) -> Welcome:
    return Welcome(
        controller_id="c1",
        protocol_minor=1,
        ping_interval_seconds=ping_interval_seconds,
        ping_timeout_factor=3.0,
        controllers=controllers,
        profile=PROFILE,
    )


def a_hello(agent_id: str = "agent-1", *, resumed: bool = False) -> Hello:
    host = HostFacts(
        host_id="host-1",
        name="kvm01",
        hypervisor="Simulator",
        boot_id="boot-1",
        ip="10.0.0.1",
        cpu_sockets=1,
        cpus=4,
        cpu_mhz=2000,
        memory_mib=8192,
    )
    return Hello(agent_id=agent_id, version="0.1.0", protocol_minor=1, hosts=(host,), resumed=resumed)


def a_command(command_id: str = "command-1") -> Command:
    return Command(command_id=command_id, host_id="host-1", deadline_seconds=5.0, order=QueryGuests())


async def eventually(claim: Callable[[], bool], within_seconds: float = 5.0) -> None:
    """Wait until it is true; for what happens on the other side of a real connection."""
    async with asyncio.timeout(within_seconds):
        while not claim():  # noqa: ASYNC110 - it may become true in another thread or process
            await asyncio.sleep(0.01)


class RecordingFleet:
    """A SessionSink that welcomes everybody, or answers as told, and remembers."""

    def __init__(self) -> None:
        self.answer: Welcome | Refused = a_welcome()
        self.hellos: list[Hello] = []
        self.heard: list[Up] = []
        self.ended: list[str] = []
        self.twins = 0
        self.sessions: list[AgentSession] = []
        self.knocking_now: list[str] = []
        self.told_to_come_again: dict[str, float] = {}

    @contextmanager
    def knocking(self, agent_id: str) -> Iterator[None]:
        self.knocking_now.append(agent_id)
        try:
            yield
        finally:
            self.knocking_now.remove(agent_id)

    def sent_away(self, agent_id: str, seconds: float) -> None:
        self.told_to_come_again[agent_id] = seconds

    async def opened(self, hello: Hello, peer: PeerIdentity, session: AgentSession) -> Welcome | Refused:
        self.hellos.append(hello)
        self.sessions.append(session)
        return self.answer

    async def received(self, session: AgentSession, up: Up) -> None:
        self.heard.append(up)

    async def closed(self, session: AgentSession, reason: str) -> None:
        self.ended.append(reason)

    async def twinned(self, session: AgentSession) -> None:
        self.twins += 1


class RecordingDuties:
    """An agent (link.port.Duties) that remembers what it was told."""

    def __init__(self, agent_id: str = "agent-1") -> None:
        self._agent_id = agent_id
        self.welcomes: list[Welcome] = []
        self.downs: list[Command | ReportRequest | Mounts] = []
        self.losses: list[str] = []

    async def hello(self, resumed: bool) -> Hello:
        return a_hello(self._agent_id, resumed=resumed)

    async def welcomed(self, welcome: Welcome) -> None:
        self.welcomes.append(welcome)

    async def received(self, down: Command | ReportRequest | Mounts) -> None:
        self.downs.append(down)

    async def lost(self, reason: str) -> None:
        self.losses.append(reason)
