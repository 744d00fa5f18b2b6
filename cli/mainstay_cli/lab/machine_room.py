"""The machine room: a process beside the hosts that owns their power, watchdog cards and BMCs, and is told what to do over a socket.

One line in, one line out (`ok ANSWER` or `error WHY`):
    power HOST on|off WHY...      until the host has booted, or nothing of it is left
    status                        JSON: per host its power, process 1 and the mood of its BMC
    mood HOST MOOD                see bmc.Mood
    bmc HOST get power | set power 0|1      from ipmi_sim

It runs in the fabric's network namespace."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from mainstay_cli.lab.bmc import Bmc, Mood
from mainstay_cli.lab.chassis import Chassis, WatchdogCard
from mainstay_cli.lab.layout import HostPlace, Layout
from mainstay_cli.lab.state import load_layout
from mainstay_runtime.clock import Clock, SystemClock
from mainstay_runtime.errors import BadInput, MainstayError
from mainstay_runtime.tasks import Nursery, all_of

NICENESS = -10


class MachineRoom:
    def __init__(self, layout: Layout, clock: Clock) -> None:
        self._layout = layout
        self._clock = clock
        self._nursery = Nursery(lambda name, error: self._note(name, f"failed: {error}"))
        self._chassis = {place.name: Chassis(place, layout, self._journal) for place in layout.hosts}
        self._cards = [WatchdogCard(chassis, self._journal) for chassis in self._chassis.values()]
        self._bmcs = {name: Bmc(chassis, layout.control_socket) for name, chassis in self._chassis.items()}

    async def serve(self) -> None:
        """Until cancelled; hosts are booted once the socket answers."""
        if self._layout.watchdogs:
            await all_of(*(card.plug_in() for card in self._cards))
        await all_of(*(bmc.be(Mood.HONEST) for bmc in self._bmcs.values()))
        async with self._nursery, await asyncio.start_unix_server(self._answer, self._layout.control_socket) as server:
            await server.serve_forever()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answer = f"ok {await self._obey((await reader.readline()).decode().split())}"
        except (MainstayError, TimeoutError) as error:
            answer = f"error {error!r}"
        writer.write(answer.strip().encode() + b"\n")
        writer.close()

    async def _obey(self, words: list[str]) -> str:
        match words:
            case ["status"]:
                return json.dumps({name: self._status_of(name) for name in self._chassis})
            case ["power", name, "on"] if name in self._chassis:
                await self._chassis[name].switch_on()
            case ["power", name, "off", *why] if name in self._chassis:
                await self._chassis[name].switch_off(" ".join(why))
            case ["mood", name, mood] if name in self._bmcs and mood in set(Mood):
                await self._bmcs[name].be(Mood(mood))
            case ["bmc", name, "get", "power"] if name in self._bmcs:
                return f"power:{int(self._bmcs[name].power_status())}"
            case ["bmc", name, "set", "power", value] if name in self._bmcs:
                await self._switch_by_bmc(name, on=value == "1")
            case _:
                raise BadInput(f"not understood: {' '.join(words)}")
        return ""

    async def _switch_by_bmc(self, name: str, *, on: bool) -> None:
        """A real BMC does not wait for the boot, but for the end of the power."""
        bmc, chassis = self._bmcs[name], self._chassis[name]
        if bmc.mood is Mood.REFUSES:
            raise BadInput("not supported in present state")
        if not bmc.will_switch():
            return
        if on:
            self._nursery.adopt(chassis.switch_on(), name)
        else:
            await chassis.switch_off("BMC")

    def _status_of(self, name: str) -> dict[str, object]:
        chassis = self._chassis[name]
        return {"on": chassis.is_on, "init_pid": chassis.init_pid, "mood": self._bmcs[name].mood}

    def _journal(self, place: HostPlace, what: str) -> None:
        self._note(place.name, what)

    def _note(self, subject: str, what: str) -> None:
        with self._layout.journal.open("a") as journal:
            journal.write(f"{self._clock.monotonic():.3f} {subject} {what}\n")


if __name__ == "__main__":
    os.nice(NICENESS)
    room = MachineRoom(load_layout(Path(sys.argv[1])), SystemClock())
    asyncio.run(room.serve())
