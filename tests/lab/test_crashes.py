"""A guest's emulator dies on a host that lives: its own host starts it again at once, with or without a controller."""

from __future__ import annotations

import pytest

from mainstay_cli.client import text
from mainstay_cli.lab.cloud import LabCloud, Offering
from mainstay_cli.lab.tapes import put_letter
from tests.lab.sights import boots_again, decided, deployed, is_stopped, phase, runs

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="session")]


async def test_a_killed_guest_runs_again_on_the_same_host(cloud: LabCloud) -> None:
    [(guest, before)] = await deployed(cloud.deploy("killed", on=cloud.lab.host(1)))

    await cloud.kill(guest)

    after = await boots_again(guest, after=before)
    assert (after.host, after.epoch) == (before.host, before.epoch)
    decision = await decided(cloud, guest, rule="standing-authority")
    assert decision["outcome"] == "Restarted"
    assert "restarted by its own host" in text(phase(decision, "running"), "text")


async def test_a_killed_guest_runs_again_without_any_controller(cloud: LabCloud) -> None:
    [(guest, before)] = await deployed(cloud.deploy("orphan", on=cloud.lab.host(2)))
    cloud.controllers[1].kill()

    await cloud.kill(guest)

    after = await boots_again(guest, after=before)
    assert (after.host, after.epoch) == (before.host, before.epoch)
    cloud.start_controller()
    await cloud.controller_answers()
    assert (await decided(cloud, guest, rule="standing-authority"))["outcome"] == "Restarted"
    await runs(cloud, guest, on=cloud.lab.host(2))


async def test_a_guest_that_shut_itself_down_is_treated_as_its_offering_says(cloud: LabCloud) -> None:
    again = Offering(restart_after_shutdown=True)
    [(staying, _), (returning, before)] = await deployed(
        cloud.deploy("stays-down", on=cloud.lab.host(3)),
        cloud.deploy("comes-again", again, on=cloud.lab.host(4)),
    )

    for guest in (staying, returning):
        put_letter(guest.tape, "poweroff")

    await boots_again(returning, after=before)
    stopped = await is_stopped(cloud, staying)
    assert "shut itself down" in str(stopped["stopreason"])
    assert (await decided(cloud, staying, rule="guest-shutdown"))["outcome"] == "LeftStopped"
