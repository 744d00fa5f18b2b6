"""Lines on which hosts show us screens that we asked them for.

A line is known by its word, a secret of one request.  The host dials whichever controller the viewer came to, so that bytes never pass
between controllers; only the order to dial may."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from mainstay_runtime.errors import Denied
from mainstay_runtime.session import Stream

Line = Stream[bytes, bytes]


class NoSuchScreen(Denied):
    """Nobody waits for this screen, or no longer."""

    code = "no-such-screen"


@dataclass(slots=True, eq=False)
class Awaited:
    """`came` is the line; `over`: nobody needs it any more."""

    came: asyncio.Future[Line] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    over: asyncio.Event = field(default_factory=asyncio.Event)


class ScreenLines:
    """Those that are awaited or open here."""

    def __init__(self) -> None:
        self._awaited: dict[str, Awaited] = {}

    def __len__(self) -> int:
        return len(self._awaited)

    @contextmanager
    def awaited(self, word: str) -> Iterator[asyncio.Future[Line]]:
        """While the block runs."""
        awaited = self._awaited[word] = Awaited()
        try:
            yield awaited.came
        finally:
            del self._awaited[word]
            awaited.came.cancel()
            awaited.over.set()

    async def serve(self, word: str, line: Line) -> None:
        """Returns when nobody needs the line any more.  Raises NoSuchScreen."""
        awaited = self._awaited.get(word)
        if awaited is None or awaited.came.done():
            raise NoSuchScreen
        awaited.came.set_result(line)
        await awaited.over.wait()
