"""A viewer that speaks as much RFB 3.8 as shows that a screen is there, over whatever carries it."""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

GREETING = b"RFB 003.008\n"
NO_PASSWORD = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    width: int
    height: int
    name: str


@dataclass(slots=True)
class Viewer:
    """`hear` returns what came next, nothing at the end."""

    hear: Callable[[], Awaitable[bytes]]
    say: Callable[[bytes], Awaitable[None]]
    _heard: bytearray = field(default_factory=bytearray)

    async def look(self) -> Seen:
        """From the greeting to the size of the picture."""
        assert await self.exactly(len(GREETING)) == GREETING
        await self.say(GREETING)
        (kinds,) = await self.exactly(1)
        assert NO_PASSWORD in await self.exactly(kinds)
        await self.say(bytes([NO_PASSWORD]))
        assert await self.exactly(4) == bytes(4), "the guest's screen lets us in"
        await self.say(b"\x01")
        width, height = struct.unpack(">HH", await self.exactly(4))
        await self.exactly(16)
        (length,) = struct.unpack(">I", await self.exactly(4))
        return Seen(width=width, height=height, name=(await self.exactly(length)).decode())

    async def picture(self, seen: Seen) -> tuple[int, int]:
        """The size of the first part that is drawn, when all of it is asked for in its plainest form."""
        await self.say(struct.pack(">BxHi", 2, 1, 0))
        await self.say(struct.pack(">BBHHHH", 3, 0, 0, 0, seen.width, seen.height))
        kind, parts = struct.unpack(">BxH", await self.exactly(4))
        assert (kind, parts > 0) == (0, True)
        _x, _y, width, height, encoding = struct.unpack(">HHHHi", await self.exactly(12))
        assert encoding == 0
        await self.exactly(width * height * 4)
        return width, height

    async def exactly(self, count: int) -> bytes:
        while len(self._heard) < count:
            more = await self.hear()
            if not more:
                raise EOFError(f"the screen ended after {bytes(self._heard)!r}")
            self._heard += more
        wanted, self._heard = bytes(self._heard[:count]), self._heard[count:]
        return wanted
