"""An order finds its host where it is now, though the host is on its way from one controller to another."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from mainstay_controller.domain.ids import ControllerId
from mainstay_controller.fleet.fleet import Fleet
from mainstay_controller.fleet.outcome import Done, Refused
from mainstay_proto.messages import Command, CommandResult, Mounts
from mainstay_proto.peers import Pictures, PicturesWanted
from tests.controller.fleet.test_fleet import FakeSession, a_fleet, an_answer, arrive, asking


@dataclass
class DirectRelay:
    """The other controller, without a network between."""

    other: Fleet

    async def perform(self, address: str, command: Command) -> CommandResult:
        return await self.other.carry_out(command)

    async def orient(self, address: str, mounts: Mounts) -> bool:
        return self.other.pass_on(mounts)

    async def tell(self, address: str, wanted: PicturesWanted) -> Pictures:
        return self.other.tell(wanted)


def two_fleets() -> tuple[Fleet, Fleet]:
    ours, theirs = a_fleet(), a_fleet()

    async def look_for_peers() -> None:
        ours.know_peers({ControllerId("c2"): "c2:8250"})

    ours.hear_through(DirectRelay(theirs), look_for_peers)
    return ours, theirs


async def departs(fleet: Fleet, session: FakeSession) -> None:
    fleet.send_away(1, ["c1:8250"], "every controller holds its share")
    await fleet.closed(session, "redirected")


async def test_a_host_that_came_to_a_controller_of_which_nothing_was_known_is_found_there() -> None:
    ours, theirs = two_fleets()
    session = await arrive(theirs)

    async with asking(ours, "q1") as asked:
        await asyncio.sleep(0.2)
        await theirs.received(session, an_answer())

    assert isinstance(asked.outcomes[0], Done)


async def test_an_order_waits_for_a_host_that_the_other_sent_to_us() -> None:
    ours, theirs = two_fleets()
    session = await arrive(theirs)
    await departs(theirs, session)

    async with asking(ours, "q1") as asked:
        assert asked.outcomes == []
        arrived = await arrive(ours)
        await asyncio.sleep(0.2)
        await ours.received(arrived, an_answer())

    assert isinstance(asked.outcomes[0], Done)


async def test_a_host_that_never_arrives_is_refused_for_in_the_end() -> None:
    ours, theirs = two_fleets()
    await departs(theirs, await arrive(theirs))

    async with asking(ours, "q1") as asked:
        await asyncio.sleep(6)

    [outcome] = asked.outcomes
    assert isinstance(outcome, Refused)
    assert outcome.code == "not-connected"


async def test_a_host_that_went_without_being_sent_is_not_waited_for() -> None:
    ours, theirs = two_fleets()
    await theirs.closed(await arrive(theirs), "reset by peer")

    async with asking(ours, "q1") as asked:
        pass

    assert isinstance(asked.outcomes[0], Refused)
