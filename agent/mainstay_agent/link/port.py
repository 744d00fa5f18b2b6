"""What the link asks of the agent behind it; `link.Link.send` is the other direction.

The link keeps one session with some controller: it dials, introduces, repeats what was not acknowledged, renews the certificate, and dials again.
The duties never learn what carries it."""

from __future__ import annotations

from typing import Protocol

from mainstay_proto.messages import Command, Hello, Mounts, ReportRequest, Welcome

ForDuties = Command | ReportRequest | Mounts  # the other downs are the link's own affair


class Duties(Protocol):
    async def hello(self, resumed: bool) -> Hello:
        """Who we are and what runs here now.  Answered within seconds also when a hypervisor hangs (by its last known facts)."""

    async def welcomed(self, welcome: Welcome) -> None:
        """A session is open: `send` reaches a controller from now on."""

    async def received(self, down: ForDuties) -> None:
        """In order.  Must not wait for the work: start it and return."""

    async def lost(self, reason: str) -> None:
        """No controller is in reach from now on; `welcomed` follows some day."""
