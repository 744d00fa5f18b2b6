"""The demo's processes: started with their output in files, ended in the order in which they were started, backwards."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from mainstay_runtime.errors import Unavailable

ENDS_WITHIN_SECONDS = 10.0
BIN = Path(sys.executable).parent


@asynccontextmanager
async def child(program: str, *arguments: str, log: Path) -> AsyncIterator[Process]:
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            str(BIN / program), *arguments, stdin=DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield process
    finally:
        await end(process)


async def end(process: Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(ENDS_WITHIN_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def check_lives(process: Process, log: Path) -> None:
    """Raises Unavailable with the last line it wrote."""
    if process.returncode is not None:
        lines = log.read_text(errors="replace").strip().splitlines() or [f"see {log}"]
        raise Unavailable(f"{log.stem} ended with code {process.returncode}: {lines[-1]}")
