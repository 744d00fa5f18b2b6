"""A running guest's screen is looked at without a password and by any number of viewers, and ends with the guest."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mainstay_agent.driver import Outcome
from mainstay_proto.messages import RunState
from tests.agent.conformance.stand import SOON_SECONDS, Stand, started
from tests.kit.rfb import Seen, Viewer

pytestmark = pytest.mark.ability("screens")


async def opened(stand: Stand, vm_id: str) -> Any:
    driver: Any = stand.driver
    return await driver.open_screen(stand.host_id, vm_id, SOON_SECONDS)


async def looked_at(screen: Any) -> Seen:
    async with asyncio.timeout(SOON_SECONDS):
        viewer = Viewer(screen.read, screen.write)
        seen = await viewer.look()
        width, height = await viewer.picture(seen)
        assert 0 < width * height <= seen.width * seen.height
    return seen


async def test_two_viewers_see_the_same_guest(stand: Stand) -> None:
    spec = await started(stand, vnc_password="s3cret")

    first, second = await opened(stand, spec.vm_id), await opened(stand, spec.vm_id)
    seen = [await looked_at(first), await looked_at(second)]
    await first.close()
    await second.close()

    assert seen[0].name == seen[1].name


async def test_a_screen_ends_with_its_guest(stand: Stand) -> None:
    spec = await started(stand, vnc_password="s3cret")
    screen = await opened(stand, spec.vm_id)
    await looked_at(screen)

    await stand.driver.destroy(stand.host_id, spec.vm_id, SOON_SECONDS)

    async with asyncio.timeout(SOON_SECONDS):
        while await screen.read():
            pass
    await screen.close()


async def test_a_guest_that_does_not_run_has_no_screen(stand: Stand) -> None:
    outcome = await opened(stand, stand.spec().vm_id)

    assert isinstance(outcome, Outcome)
    assert outcome.state is RunState.REFUSED
