"""Agents' sessions as the fleet sees them: two ports, so that gRPC, queues or a simulated network can carry them.

`rpc` implements AgentSession and calls the SessionSink that the fleet implements.  What rpc has settled before `opened`:
the certificate is valid and not revoked, it is the one of `hello.agent_id`, and no other live session here has that identity."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from mainstay_proto.messages import Down, Hello, Redirect, Refused, Up, Welcome
from mainstay_runtime.identity import PeerIdentity


class AgentSession(Protocol):
    """One live session with one agent.  Compared by identity: a reconnect is another session."""

    @property
    def agent_id(self) -> str: ...

    @property
    def hosts(self) -> tuple[str, ...]:
        """Ids of the hosts named in its Hello."""

    def send(self, down: Down) -> None:
        """Put into the bounded queue.  Raises `Unavailable` when the session is closed, or closes because the queue is full;
        having been put there says nothing about arrival."""

    def close(self, reason: str, last_word: Refused | Redirect | None = None) -> None:
        """End it after what is queued; `closed` follows.  Closing twice is nothing."""


class SessionSink(Protocol):
    """What rpc tells the fleet.  For one session: opened, then received in order of arrival and one at a time, then closed, once.

    `opened` that refuses is not followed by `closed`.  An exception from any of them ends that session alone."""

    def knocking(self, agent_id: str) -> AbstractContextManager[None]:
        """While it waits at our door, before `opened`, it is not silent."""

    def sent_away(self, agent_id: str, seconds: float) -> None:
        """It was told to come again then: until then it is not silent either."""

    async def opened(self, hello: Hello, peer: PeerIdentity, session: AgentSession) -> Welcome | Refused:
        """The answer is sent before anything the fleet puts into the session meanwhile."""

    async def received(self, session: AgentSession, up: Up) -> None:
        """Never Hello, RenewCertificate or UnknownMessage, which rpc answers itself.  When it returns for a CommandResult or a GuestEvent,
        the agent is told Seen and forgets; until then the agent repeats it in every new session: be idempotent.
        Quick: while it runs this agent's next message waits."""

    async def closed(self, session: AgentSession, reason: str) -> None: ...

    async def twinned(self, session: AgentSession) -> None:
        """Somebody else came with this living agent's identity and was refused; told again as long as they come."""
