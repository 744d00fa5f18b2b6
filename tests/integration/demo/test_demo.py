"""What a newcomer sees: `mainstay demo up`, a host that is killed in a second terminal, and nothing left behind."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

MAINSTAY = str(Path(sys.executable).parent / "mainstay")
RAISED_WITHIN_SECONDS, HEALED_WITHIN_SECONDS, ENDED_WITHIN_SECONDS = 150, 150, 60


async def mainstay(home: Path, *words: str) -> Process:
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(home), "XDG_CONFIG_HOME": str(home)}
    return await asyncio.create_subprocess_exec(
        MAINSTAY, *words, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, env=environment
    )


async def told(home: Path, *words: str) -> str:
    process = await mainstay(home, *words)
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()


async def until(process: Process, words: str) -> str:
    lines = []
    assert process.stdout is not None
    while words not in (line := (await process.stdout.readline()).decode()):
        lines.append(line)
        assert line, "".join(lines)
    return "".join([*lines, line])


@asynccontextmanager
async def a_demo(home: Path) -> AsyncIterator[str]:
    """What it told when it was up."""
    process = await mainstay(home, "demo", "up")
    try:
        async with asyncio.timeout(RAISED_WITHIN_SECONDS):
            yield await until(process, "Ctrl-C ends the demo")
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(ENDED_WITHIN_SECONDS):
            await process.communicate()


def its_processes(home: Path) -> list[str]:
    """Command lines of processes that keep their state below that home."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().decode(errors="replace").replace("\0", " ")
        except OSError:
            continue  # it ended while we looked
        if str(home) in words:
            found.append(words)
    return found


async def test_a_killed_hosts_guests_come_back_and_both_fates_are_explained(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as welcome:
        async with asyncio.timeout(HEALED_WITHIN_SECONDS):
            story = await told(tmp_path, "demo", "kill-host", "c0-h0")
            hosts = await told(tmp_path, "-p", "demo", "list", "hosts", "name=c0-h0")

    assert "60 guests run on 12 hosts" in welcome
    counts = re.search(r"(\d+) of (\d+) HA guests run again elsewhere", story)
    assert counts is not None, story
    assert counts[1] == counts[2]
    assert "proof  power controller" in story
    assert "explain vm c0-h0-local" in story
    assert "Down" in hosts
    assert its_processes(tmp_path) == []
