"""The shared pool of the lab is one storage to all hosts, and fails each of them alone."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from mainstay_cli.lab.host import LabHost, LabProcess, StorageFault
from mainstay_cli.lab.lab import Lab
from mainstay_cli.lab.processes import COMMAND_DEADLINE_SECONDS, CommandFailed
from mainstay_cli.lab.waiting import until
from mainstay_runtime.errors import DeadlineExceeded

pytestmark = pytest.mark.lab

NOTE = "/srv/primary/note"
LOCK = "/srv/primary/lock"
SAID_DEADLINE_SECONDS = 30.0
DIRECT_IO = """
import mmap, os, pathlib, sys, time
action, path, word, *signal = sys.argv[1:]
page = mmap.mmap(-1, 4096)
file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_DIRECT | os.O_DSYNC)
if action == "write":
    page[: len(word)] = word.encode()
    if signal:
        print("ready", flush=True)
        while not pathlib.Path(*signal).exists():
            time.sleep(0.01)
        print("writing", flush=True)
    os.pwritev(file, [page], 8192)
else:
    os.preadv(file, [page], 8192)
    print(page[:].rstrip(b"\\0").decode())
"""

HOLD_LOCK = """
import fcntl, sys, time
file = open(sys.argv[1], "w")
fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
print("locked", flush=True)
time.sleep(float(sys.argv[2]))
"""


async def write(host: LabHost, word: str) -> None:
    await host.run(["python3", "-c", DIRECT_IO, "write", NOTE, word])


async def read(host: LabHost, *, deadline_seconds: float = COMMAND_DEADLINE_SECONDS) -> str:
    return (await host.run(["python3", "-c", DIRECT_IO, "read", NOTE, ""], deadline_seconds=deadline_seconds)).strip()


async def holder_of_the_lock(host: LabHost, name: str) -> LabProcess:
    holder = await host.spawn(["python3", "-c", HOLD_LOCK, LOCK, "1000"], name=name)
    await says(holder, "locked")
    return holder


async def says(process: LabProcess, word: str) -> None:
    async def has_said() -> bool:
        return word in process.log.read_text()

    await until(has_said, f"{process.log.name} says {word}", SAID_DEADLINE_SECONDS)


async def test_what_one_host_wrote_every_other_reads_at_once(lab: Lab) -> None:
    for number in range(5):
        await write(lab.host(1), f"word {number}")

        assert await read(lab.host(2)) == await read(lab.host(3)) == f"word {number}"


async def test_a_lock_of_one_host_holds_against_another_and_dies_with_its_host(lab: Lab) -> None:
    await holder_of_the_lock(lab.host(1), "holder")

    with pytest.raises(CommandFailed, match="BlockingIOError"):
        await lab.host(2).run(["python3", "-c", HOLD_LOCK, LOCK, "0"])

    await lab.host(1).switch_off()
    await lab.host(2).run(["python3", "-c", HOLD_LOCK, LOCK, "0"])


@pytest.mark.parametrize("fault", [StorageFault.HANG, StorageFault.HOLD])
async def test_a_host_that_its_storage_does_not_hear_loses_its_locks(lab: Lab, fault: StorageFault) -> None:
    holder = await holder_of_the_lock(lab.host(1), f"holder-{fault}")

    await lab.host(1).cut_storage(fault)

    await lab.host(2).run(["python3", "-c", HOLD_LOCK, LOCK, "0"])
    await lab.host(1).heal_storage()
    assert holder.is_alive()
    holder.kill()


async def test_a_hang_of_one_hosts_pool_leaves_the_others_alone_and_heals(lab: Lab) -> None:
    await write(lab.host(1), "before")

    await lab.host(1).cut_storage(StorageFault.HANG)

    with pytest.raises(DeadlineExceeded):
        await read(lab.host(1), deadline_seconds=3)
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
    host = lab.host(1)
    await write(host, "before")
    late = await host.spawn(["python3", "-c", DIRECT_IO, "write", NOTE, "late", "/run/go"], name="late")
    await says(late, "ready")

    await host.cut_storage(StorageFault.HOLD)
    await host.run(["touch", "/run/go"])
    await says(late, "writing")
    await asyncio.sleep(0.5)
    late.kill()
    await asyncio.sleep(0.2)

    assert late.is_alive()  # uninterruptible: SIGKILL has to wait
    assert await read(lab.host(2)) == "before"
    await host.heal_storage()
    await until(partial(has_ended, late), "the late writer ends", SAID_DEADLINE_SECONDS)
    assert await read(lab.host(2)) == "late"


async def has_ended(process: LabProcess) -> bool:
    return not process.is_alive()
