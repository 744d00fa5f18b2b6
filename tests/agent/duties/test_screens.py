"""A host shows a guest's screen to the controller that asks, as long as both are there, and only the guest that is meant."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from mainstay_agent.duties.ports import DutySettings
from mainstay_proto.messages import RunState, ShowScreen, StopGuest
from mainstay_proto.screens import ScreenPiece
from mainstay_runtime.errors import Unavailable
from mainstay_runtime.session import Stream
from tests.kit.rfb import Viewer
from tests.kit.simulated_hosts import Site, a_guest, a_site

SHOW = ShowScreen(vm_id="vm1", epoch=1, word="a word", address="c2:8250")


class Controllers:
    """Of every line that is dialled the other end; `away`: nobody answers."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.dialled: list[str] = []
        self.away = False

    @asynccontextmanager
    async def connect(self, address: str) -> AsyncIterator[Stream[ScreenPiece, ScreenPiece]]:
        self.dialled.append(address)
        if self.away:
            raise Unavailable("no connection")
        line = Line()
        self.lines.append(line)
        try:
            yield line
        finally:
            line.told.put_nowait(None)


class Line:
    """The host's end; a test speaks through `told` and `asked`."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[ScreenPiece | None] = asyncio.Queue()
        self.asked: asyncio.Queue[ScreenPiece | None] = asyncio.Queue()

    async def send(self, message: ScreenPiece) -> None:
        await self.told.put(message)

    async def receive(self) -> ScreenPiece:
        piece = await self.asked.get()
        if piece is None:
            raise Unavailable("the viewer left")
        return piece

    async def hear(self) -> bytes:
        piece = await self.told.get()
        return b"" if piece is None else piece.data

    async def say(self, data: bytes) -> None:
        await self.asked.put(ScreenPiece(data=data))


@asynccontextmanager
async def a_shown_guest(settings: DutySettings | None = None) -> AsyncIterator[tuple[Site, Controllers]]:
    async with a_site(settings=settings) as site:
        controllers = site.screen_lines = Controllers()
        await site.stop_agent("h1")
        await site.start_agent("h1")
        assert (await site.start("h1", a_guest())).state is RunState.DONE
        yield site, controllers


async def test_it_dials_who_asked_says_the_word_and_carries_both_ways_until_the_guest_is_gone() -> None:
    async with a_shown_guest() as (site, controllers):
        shown = await site.order("h1", SHOW)
        [line] = controllers.lines
        first = await line.told.get()
        viewer = Viewer(line.hear, line.say)
        seen = await viewer.look()
        await site.order("h1", StopGuest(vm_id="vm1", epoch=1, forced=True))
        last = await line.hear()

        assert (shown.state, controllers.dialled) == (RunState.DONE, ["c2:8250"])
        assert first == ScreenPiece(word="a word")
        assert (seen.name, last) == ("name-of-vm1", b"")
        assert site.broken == []


async def test_a_viewer_who_leaves_ends_it_and_makes_room() -> None:
    async with a_shown_guest(DutySettings(screens_max=1)) as (site, controllers):
        await site.order("h1", SHOW)
        full = await site.order("h1", SHOW)
        await controllers.lines[0].asked.put(None)
        await asyncio.sleep(1)
        again = await site.order("h1", SHOW)

        assert (full.state, full.code) == (RunState.REFUSED, "too-many-screens")
        assert again.state is RunState.DONE


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (ShowScreen(vm_id="vm1", epoch=2, word="w", address="c1:8250"), "not-running"),
        (ShowScreen(vm_id="vm2", epoch=1, word="w", address="c1:8250"), "not-running"),
    ],
    ids=["another epoch", "another guest"],
)
async def test_no_other_guest_is_shown(order: ShowScreen, code: str) -> None:
    async with a_shown_guest() as (site, controllers):
        refused = await site.order("h1", order)

        assert (refused.state, refused.code, controllers.dialled) == (RunState.REFUSED, code, [])


async def test_a_controller_that_cannot_be_dialled_is_named() -> None:
    async with a_shown_guest() as (site, controllers):
        controllers.away = True

        failed = await site.order("h1", SHOW)

        assert (failed.state, failed.code) == (RunState.FAILED, "no-line")
        assert "c2:8250" in failed.detail
