"""The shared pool of the lab is one storage to all hosts, and fails each of them alone."""

from __future__ import annotations

import asyncio

import pytest

from mainstay_cli.lab.host import LabHost, StorageFault
from mainstay_cli.lab.lab import Lab
from mainstay_cli.lab.processes import CommandFailed
from mainstay_runtime.errors import DeadlineExceeded

pytestmark = pytest.mark.lab

DIRECT_IO = """
import mmap, os, sys, time
action, path, word, delay = sys.argv[1:]
page = mmap.mmap(-1, 4096)
file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_DIRECT | os.O_DSYNC)
if action == "write":
    page[: len(word)] = word.encode()
    time.sleep(float(delay))
    os.pwritev(file, [page], 8192)
else:
    os.preadv(file, [page], 8192)
    print(page[:].rstrip(b"\\0").decode())
"""

HOLD_LOCK = """
import fcntl, sys, time
file = open(sys.argv[1], "w")
fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
time.sleep(float(sys.argv[2]))
"""


async def write(host: LabHost, word: str) -> None:
    await host.run(["python3", "-c", DIRECT_IO, "write", "/srv/primary/note", word, "0"], deadline_seconds=3)


async def read(host: LabHost) -> str:
    return (
        await host.run(["python3", "-c", DIRECT_IO, "read", "/srv/primary/note", "", "0"], deadline_seconds=3)
    ).strip()


async def test_what_one_host_wrote_every_other_reads_at_once(lab: Lab) -> None:
    for number in range(5):
        await write(lab.host(1), f"word {number}")

        assert await read(lab.host(2)) == await read(lab.host(3)) == f"word {number}"


async def test_a_lock_of_one_host_holds_against_another_and_dies_with_its_host(lab: Lab) -> None:
    await lab.host(1).spawn(["python3", "-c", HOLD_LOCK, "/srv/primary/lock", "1000"], name="holder")
    await asyncio.sleep(0.5)

    with pytest.raises(CommandFailed, match="BlockingIOError"):
        await lab.host(2).run(["python3", "-c", HOLD_LOCK, "/srv/primary/lock", "0"])

    await lab.host(1).switch_off()
    await lab.host(2).run(["python3", "-c", HOLD_LOCK, "/srv/primary/lock", "0"])


@pytest.mark.parametrize("fault", [StorageFault.HANG, StorageFault.HOLD])
async def test_a_host_that_its_storage_does_not_hear_loses_its_locks(lab: Lab, fault: StorageFault) -> None:
    holder = await lab.host(1).spawn(["python3", "-c", HOLD_LOCK, "/srv/primary/lock", "1000"], name="holder")
    await asyncio.sleep(0.5)

    await lab.host(1).cut_storage(fault)

    await lab.host(2).run(["python3", "-c", HOLD_LOCK, "/srv/primary/lock", "0"])
    await lab.host(1).heal_storage()
    assert holder.is_alive()
    holder.kill()


async def test_a_hang_of_one_hosts_pool_leaves_the_others_alone_and_heals(lab: Lab) -> None:
    await write(lab.host(1), "before")

    await lab.host(1).cut_storage(StorageFault.HANG)

    with pytest.raises(DeadlineExceeded):
        await read(lab.host(1))
    assert await read(lab.host(2)) == "before"
    await lab.host(1).heal_storage()
    assert await read(lab.host(1)) == "before"


@pytest.mark.parametrize("fault", [StorageFault.ERROR, StorageFault.GONE])
async def test_a_pool_that_fails_says_so_at_once_and_heals(lab: Lab, fault: StorageFault) -> None:
    await write(lab.host(1), "before")

    await lab.host(1).cut_storage(fault)

    with pytest.raises(CommandFailed):
        await read(lab.host(1))
    assert await read(lab.host(2)) == "before"
    await lab.host(1).heal_storage()
    assert await read(lab.host(1)) == "before"


async def test_a_held_write_lands_late(lab: Lab) -> None:
    await write(lab.host(1), "before")
    slow_writer = ["python3", "-c", DIRECT_IO, "write", "/srv/primary/note", "late", "1"]
    late = await lab.host(1).spawn(slow_writer, name="late")
    await asyncio.sleep(0.5)

    await lab.host(1).cut_storage(StorageFault.HOLD)
    await asyncio.sleep(1.5)
    late.kill()
    await asyncio.sleep(0.2)

    assert late.is_alive()  # uninterruptible: SIGKILL has to wait
    assert await read(lab.host(2)) == "before"
    await lab.host(1).heal_storage()
    await asyncio.sleep(0.5)
    assert not late.is_alive()
    assert await read(lab.host(2)) == "late"
