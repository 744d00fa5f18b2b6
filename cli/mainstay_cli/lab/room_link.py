"""How a lab's users speak to its machine room."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path

from mainstay_cli.lab.bmc import Mood
from mainstay_runtime.errors import MainstayError, Unavailable

ANSWER_DEADLINE_SECONDS = 100.0


class RoomRefused(MainstayError):
    """The machine room could not do it."""

    code = "room-refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostStatus:
    on: bool
    init_pid: int | None
    mood: Mood


class RoomLink:
    def __init__(self, control_socket: Path) -> None:
        self._control_socket = control_socket

    async def ask(self, line: str) -> str:
        async with asyncio.timeout(ANSWER_DEADLINE_SECONDS):
            try:
                reader, writer = await asyncio.open_unix_connection(self._control_socket)
            except (FileNotFoundError, ConnectionRefusedError) as error:
                raise Unavailable("the machine room does not answer") from error
            writer.write(line.encode() + b"\n")
            verdict, _, answer = (await reader.readline()).decode().rstrip("\n").partition(" ")
            writer.close()
        if verdict != "ok":
            raise RoomRefused(f"{line}: {answer}")
        return answer

    async def status(self) -> dict[str, HostStatus]:
        answer = json.loads(await self.ask("status"))
        return {
            name: HostStatus(on=facts["on"], init_pid=facts["init_pid"], mood=Mood(facts["mood"]))
            for name, facts in answer.items()
        }
