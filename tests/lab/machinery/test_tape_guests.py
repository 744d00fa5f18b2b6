"""Real guests write their tapes, whatever befalls them; and the tape convicts two writers."""

from __future__ import annotations

import asyncio

import pytest

from mainstay_cli.lab.host import StorageFault
from mainstay_cli.lab.lab import Lab
from mainstay_cli.lab.processes import CommandFailed
from mainstay_cli.lab.tapes import faults_of, read_tape
from mainstay_cli.lab.waiting import until
from tests.lab.machinery.plain_guests import a_guest

pytestmark = pytest.mark.lab


async def test_a_guest_writes_its_epoch_and_goes_on_where_the_last_boot_stopped(lab: Lab) -> None:
    guest = a_guest(lab, "alone")

    await guest.start(lab.host(1), epoch=1)
    first = await guest.writes(epoch=1)
    await lab.host(1).run(["virsh", "destroy", guest.name])
    await guest.start(lab.host(2), epoch=2)
    second = await guest.writes(epoch=2)

    assert (first.host, second.host) == ("h1", "h2")
    assert second.position > first.position
    assert faults_of(read_tape(guest.tape)) == []
    await lab.host(2).run(["virsh", "destroy", guest.name])


@pytest.mark.parametrize(
    ("word", "state"),
    [("poweroff", "shut off (shutdown)"), ("crash", "shut off (crashed)")],
)
async def test_a_guest_obeys_the_letter_box(lab: Lab, word: str, state: str) -> None:
    guest = a_guest(lab, f"told-to-{word}")
    await guest.start(lab.host(1), epoch=1)
    await guest.writes(epoch=1)

    guest.tell(word)

    await until(lambda: guest.is_in_state(lab.host(1), state), f"{guest.name} is {state}", 60)


async def test_a_guest_obeys_the_power_button(lab: Lab) -> None:
    guest = a_guest(lab, "polite")
    await guest.start(lab.host(1), epoch=1)
    await guest.writes(epoch=1)

    await lab.host(1).run(["virsh", "shutdown", guest.name])

    await until(lambda: guest.is_in_state(lab.host(1), "shut off (shutdown)"), "the guest is off", 60)


async def test_a_guest_rides_out_a_hang_of_its_pool(lab: Lab) -> None:
    guest = a_guest(lab, "patient")
    await guest.start(lab.host(1), epoch=1)
    await guest.writes(epoch=1)

    await lab.host(1).cut_storage(StorageFault.HANG)
    await asyncio.sleep(0.5)  # for what was being written
    before = guest.last_word()
    await asyncio.sleep(2)
    assert guest.last_word() == before
    await lab.host(1).heal_storage()

    await guest.writes(epoch=1, after=before)
    assert faults_of(read_tape(guest.tape)) == []
    await lab.host(1).run(["virsh", "destroy", guest.name])


async def test_a_guest_moves_live_and_writes_on_under_the_epoch_it_booted_with(lab: Lab) -> None:
    guest = a_guest(lab, "mover")
    await guest.start(lab.host(1), epoch=1)
    before = await guest.writes(epoch=1)

    target = f"qemu+tcp://{lab.host(2).ip}/system"
    await lab.host(1).run(["virsh", "migrate", "--live", "--p2p", guest.name, target])

    after = await guest.writes(epoch=1, after=before)
    assert (after.host, after.boot) == ("h1", before.boot)
    assert faults_of(read_tape(guest.tape)) == []
    await lab.host(2).run(["virsh", "destroy", guest.name])


async def test_image_locks_hold_between_hosts(lab: Lab) -> None:
    guest = a_guest(lab, "locked")
    await guest.start(lab.host(1), epoch=1)

    with pytest.raises(CommandFailed, match="lock"):
        await guest.start(lab.host(2), epoch=2)

    await lab.host(1).run(["virsh", "destroy", guest.name])


async def test_the_tape_convicts_two_writers(lab: Lab) -> None:
    guest = a_guest(lab, "doubled")
    await guest.start(lab.host(1), epoch=1)
    await guest.writes(epoch=1)

    second = await guest.start_without_locks(lab.host(2), epoch=2)
    word = await guest.writes(epoch=2)
    await guest.writes(epoch=1, after=word)

    assert faults_of(read_tape(guest.tape)) != []
    second.kill()
    await lab.host(1).run(["virsh", "destroy", guest.name])
