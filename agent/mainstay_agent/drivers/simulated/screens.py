"""The screen of a simulated guest: as much of RFB 3.8 as a viewer needs to show a picture, which is grey.

Pure but for its waiting: what the viewer says is answered from a few lines of state."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable

from mainstay_runtime.errors import Unavailable

GREETING = b"RFB 003.008\n"
NO_PASSWORD = b"\x01\x01"  # one kind of security: none
WIDTH, HEIGHT = 64, 48
PIXEL_FORMAT = struct.pack(">BBBBHHHBBB3x", 32, 24, 0, 1, 255, 255, 255, 16, 8, 0)
GREY = b"\x80\x80\x80\x00"
LOOK_SECONDS = 0.2
SAID_BYTES_MAX = 256 * 1024

FIXED_BYTES = {0: 20, 3: 10, 4: 8, 5: 6}  # of a viewer's messages by their first byte; others tell their own length
SET_ENCODINGS, UPDATE_REQUEST, CUT_TEXT = 2, 3, 6


class SimulatedScreen:
    """driver.Screen."""

    def __init__(self, name: str, is_there: Callable[[], bool]) -> None:
        """`is_there`: whether the guest still is."""
        self._name = name.encode()
        self._is_there = is_there
        self._closed = False
        self._said = bytearray()  # by the viewer, and not understood yet
        self._answer = bytearray(GREETING)
        self._news = asyncio.Event()
        self._awaits = self._greeting
        self._is_shown = False

    async def read(self) -> bytes:
        while not self._answer and self._lives:
            self._news.clear()
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._news.wait()
            except TimeoutError:
                continue
        told = bytes(self._answer) if self._lives else b""
        self._answer.clear()
        return told

    async def write(self, data: bytes) -> None:
        if not self._lives:
            raise Unavailable("the guest's screen is gone")
        self._said += data
        if len(self._said) > SAID_BYTES_MAX:
            raise Unavailable("the viewer says what nobody understands")
        while (used := self._awaits()) > 0:
            del self._said[:used]
        self._news.set()

    async def close(self) -> None:
        self._closed = True
        self._news.set()

    @property
    def _lives(self) -> bool:
        return not self._closed and self._is_there()

    # Each step answers what it has understood, and tells how many bytes that was; 0: it waits for more.

    def _greeting(self) -> int:
        if len(self._said) < len(GREETING):
            return 0
        self._answer += NO_PASSWORD
        self._awaits = self._security
        return len(GREETING)

    def _security(self) -> int:
        if not self._said:
            return 0
        self._answer += struct.pack(">I", 0)
        self._awaits = self._beginning
        return 1

    def _beginning(self) -> int:
        if not self._said:
            return 0
        self._answer += struct.pack(">HH", WIDTH, HEIGHT) + PIXEL_FORMAT
        self._answer += struct.pack(">I", len(self._name)) + self._name
        self._awaits = self._message
        return 1

    def _message(self) -> int:
        length = self._length()
        if length == 0 or len(self._said) < length:
            return 0
        if self._said[0] == UPDATE_REQUEST and not self._is_shown:
            self._is_shown = True
            self._answer += struct.pack(">BxHHHHHi", 0, 1, 0, 0, WIDTH, HEIGHT, 0) + GREY * (WIDTH * HEIGHT)
        return length

    def _length(self) -> int:
        """Of the message that begins here; 0: not known yet."""
        kind, said = self._said[0] if self._said else None, self._said
        if kind == SET_ENCODINGS and len(said) >= 4:
            return 4 + 4 * int(struct.unpack_from(">H", said, 2)[0])
        if kind == CUT_TEXT and len(said) >= 8:
            return 8 + int(struct.unpack_from(">I", said, 4)[0])
        return FIXED_BYTES.get(kind, 0) if kind is not None else 0
