"""A controller's doors on loopback, with a real authority and a fleet that only remembers."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from mainstay_agent.link.link import Link
from mainstay_agent.link.over_grpc import over_grpc
from mainstay_controller.rpc.admission import Admission
from mainstay_controller.rpc.authority import Authority
from mainstay_controller.rpc.enrolment import Enrolment
from mainstay_controller.rpc.server import Doors, serving
from mainstay_controller.rpc.sessions import Sessions
from mainstay_runtime.clock import SystemClock, SystemRng
from mainstay_runtime.enrolment import Credentials, enrol
from mainstay_runtime.identity import Identity, IdentityFile, Invitation, Role
from mainstay_runtime.retry import Backoff
from mainstay_runtime.tasks import background
from tests.kit.authorities import authority_in
from tests.kit.enrolment_book import MemoryBook
from tests.kit.sessions import RecordingDuties, RecordingFleet

CLOCK = SystemClock()
RNG = SystemRng()


class AnotherDay(SystemClock):
    """The wall clock as it was, or will be."""

    def __init__(self, days: float) -> None:
        self._days = timedelta(days=days)

    def now(self) -> datetime:
        return super().now() + self._days


@dataclass
class Cloud:
    """One controller, and whatever agents a story brings."""

    directory: Path
    address: str
    authority: Authority
    book: MemoryBook
    fleet: RecordingFleet
    sessions: Sessions

    def invitation(self, token: str = "token-1", agent_id: str = "agent-1") -> Invitation:
        self.book.invite(token, agent_id)
        return Invitation(token=token, ca_pem=self.authority.ca.ca_pem)

    async def enrolled(self, agent_id: str = "agent-1") -> Credentials:
        file = IdentityFile(self.directory / f"{agent_id}.pem")
        return Credentials(file, await enrol(file, self.invitation(RNG.uuid(), agent_id), self.address), CLOCK)

    def known(self, agent_id: str = "agent-1", *, issued_days_ago: float = 0.0) -> Credentials:
        """An agent enrolled some time ago."""
        authority = replace(self.authority, clock=AnotherDay(-issued_days_ago))
        self.book.know(agent_id)
        return self.holder_of(authority.identity_for(Role.AGENT, agent_id))

    def holder_of(self, identity: Identity) -> Credentials:
        return Credentials(IdentityFile(self.directory / f"{RNG.uuid()}.pem"), identity, CLOCK)

    def agent(
        self, duties: RecordingDuties, credentials: Credentials, *controllers: str
    ) -> AbstractAsyncContextManager[Link]:
        return an_agent(duties, credentials, *(controllers or (self.address,)))


@asynccontextmanager
async def an_agent(duties: RecordingDuties, credentials: Credentials, *controllers: str) -> AsyncIterator[Link]:
    link = Link(
        transport=over_grpc(credentials),
        keyring=credentials,
        controllers=controllers,
        duties=duties,
        clock=CLOCK,
        rng=RNG,
        backoff=Backoff(first_seconds=0.05, cap_seconds=0.2),
    )
    async with background(link.run):
        yield link


@asynccontextmanager
async def a_cloud(directory: Path, *, address: str | None = None) -> AsyncIterator[Cloud]:
    authority = authority_in(directory / "ca.pem", CLOCK, RNG)
    book, fleet = MemoryBook(), RecordingFleet()
    enrolment = Enrolment(authority, book, Admission(CLOCK))
    sessions = Sessions(sink=fleet, book=book, enrolment=enrolment, admission=Admission(CLOCK), clock=CLOCK)
    doors = Doors(controller_id="c1", authority=authority, enrolment=enrolment, sessions=sessions, book=book)
    port = two_free_ports() if address is None else int(address.rpartition(":")[2])
    async with serving(doors, host="127.0.0.1", port=port):
        yield Cloud(directory, f"127.0.0.1:{port}", authority, book, fleet, sessions)


def two_free_ports() -> int:
    """The first of two neighbours, both free a moment ago."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    async with a_cloud(tmp_path) as cloud:
        yield cloud
