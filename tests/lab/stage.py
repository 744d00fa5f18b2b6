"""Where the stories are played: a lab with a whole Mainstay in it, used again by the next story as long as all is well.

The promise: no story ends before the tapes of all its guests were read with every host back - so that a late write would have
landed - and were found to be written by one at a time."""

from __future__ import annotations

from contextlib import AsyncExitStack

from mainstay_cli.lab.cloud import LabCloud, cloud_in
from mainstay_cli.lab.lab import lab_of
from mainstay_cli.lab.tapes import faults_of, read_tape
from mainstay_runtime.tasks import all_of

HOSTS = 5
LOG_LINES_SHOWN, LOG_LINE_CHARACTERS = 40, 300


class Stage:
    def __init__(self) -> None:
        self._cloud: LabCloud | None = None
        self._built = AsyncExitStack()

    async def set(self) -> LabCloud:
        if self._cloud is None:
            lab = await self._built.enter_async_context(lab_of(HOSTS))
            self._cloud = await self._built.enter_async_context(cloud_in(lab))
        return self._cloud

    async def clear(self) -> None:
        """After a story that went well so far: the checker's verdict is part of it."""
        assert self._cloud is not None
        try:
            await self._cloud.repair()
            read_all_tapes(self._cloud)
            await all_of(*(self._cloud.remove(guest) for guest in list(self._cloud.guests)))
        except BaseException:
            await self.abandon()
            raise

    async def abandon(self) -> None:
        """After a story that failed: tell what the logs say, and let go of the lab."""
        if self._cloud is not None:
            tell_what_happened(self._cloud)
        await self.strike()

    async def strike(self) -> None:
        self._cloud = None
        await self._built.aclose()


def read_all_tapes(cloud: LabCloud) -> None:
    for guest in cloud.guests:
        faults = faults_of(read_tape(guest.tape))
        assert faults == [], f"{guest.name} was written by two, or lost a write: {faults}"


def tell_what_happened(cloud: LabCloud) -> None:
    """Into the report of the story."""
    print(cloud.lab.journal())
    for log in sorted(cloud.lab.layout.logs.glob("*.log")):
        print(f"--- {log.name}")
        for line in log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]:
            print(line[:LOG_LINE_CHARACTERS])
