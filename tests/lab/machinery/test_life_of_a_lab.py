"""A lab comes up quickly, stands beside others, and goes without a trace, whoever crashed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from mainstay_cli.lab import state
from mainstay_cli.lab.lab import Lab, lab_of, sweep
from mainstay_cli.lab.layout import NETNS_DIRECTORY, Layout
from mainstay_cli.lab.waiting import until

pytestmark = pytest.mark.lab

FORGETFUL_KEEPER = """
import asyncio, os, signal
from mainstay_cli.lab.lab import lab_of

async def keep_and_die():
    async with lab_of(1) as lab:
        print(lab.layout.root, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(keep_and_die())
"""


def traces_of(layout: Layout) -> list[Path]:
    netns = [NETNS_DIRECTORY / name for name in layout.netns_names()]
    return [path for path in (layout.root, *netns) if path.exists()]


async def test_two_labs_stand_side_by_side_and_leave_nothing(lab: Lab) -> None:
    async with lab_of(1) as other:
        await lab.host(1).run(["touch", "/srv/primary/ours"])

        assert other.layout.network != lab.layout.network
        assert await other.host(1).run(["ls", "/srv/primary"]) == ""

    assert traces_of(other.layout) == []
    assert (await lab.host(1).run(["hostname"])).strip() == "h1"


async def test_a_lab_whose_keeper_was_killed_is_swept_away(lab: Lab) -> None:
    keeper = await asyncio.create_subprocess_exec(
        sys.executable, "-c", FORGETFUL_KEEPER, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await keeper.communicate()
    orphan = state.load_layout(Path(output.decode().strip()))
    assert traces_of(orphan) != []

    await sweep()

    assert traces_of(orphan) == []
    assert await lab.host(1).is_on()


async def test_a_process_in_the_fabric_reaches_every_host_and_bmc(lab: Lab) -> None:
    for host in lab.hosts:
        await lab.run(["ping", "-c", "1", "-W", "1", host.ip])
        await lab.run(["ping", "-c", "1", "-W", "1", host.bmc_ip])

    server = lab.spawn(["python3", "-um", "http.server", "8080"], name="server")
    await until(lambda: answers(lab), "the host reaches a process of the fabric", 60)
    server.kill()


async def answers(lab: Lab) -> bool:
    fetch = f"import urllib.request as u; print(u.urlopen('http://{lab.layout.controller_ips[0]}:8080').status)"
    return "200" in await lab.host(1).run(["sh", "-c", f'python3 -c "{fetch}" || true'])
