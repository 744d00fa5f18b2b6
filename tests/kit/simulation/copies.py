"""A copy of a host's disks that was booted in another machine: it shows the host's identity under a boot of its own.

It knocks at one controller after another, and falls silent once it is let in; it runs no guest."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from mainstay_proto.messages import Hello
from mainstay_runtime.errors import Unavailable
from tests.kit.simulation.clocks import pause
from tests.kit.simulation.controllers import COPY_OF
from tests.kit.simulation.loop import Process

if TYPE_CHECKING:
    from tests.kit.simulation.cloud import SimulatedCloud

KNOCK_SECONDS = 2.0


def begin(cloud: SimulatedCloud, host: str) -> Process:
    copy = Process(COPY_OF + host)
    copy.start(_knock(cloud, host))
    return copy


async def _knock(cloud: SimulatedCloud, host: str) -> None:
    """For ever."""
    facts = replace(cloud.machines[host].host.facts, boot_id=f"boot of a {COPY_OF}{host}", machine_id="another")
    hello = Hello(agent_id=host, version="1", protocol_minor=1, hosts=(facts,))
    while True:
        with suppress(Unavailable):
            await _introduce(hello, cloud.chance.choice(sorted(cloud.controllers)), cloud)
        await pause(KNOCK_SECONDS)


async def _introduce(hello: Hello, controller: str, cloud: SimulatedCloud) -> None:
    """Raises Unavailable when the session is over."""
    name = COPY_OF + hello.agent_id
    async with cloud.network.connect(cloud.network.node(name), controller) as stream:
        await stream.send(hello)
        while True:
            cloud.story.tell(name, f"is told by {controller}: {type(await stream.receive()).__name__}")
