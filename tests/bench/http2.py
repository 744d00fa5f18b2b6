"""The client's side of one bidirectional gRPC call, in the least HTTP/2 that a gRPC server can be spoken to with.

So that ten thousand agents, each with its own TLS connection, cost the machine that also carries the measured server as little as can be:
a heartbeat is one write of ready-made bytes.  The server cannot tell: frames, windows and settings are what it would get from
gRPC's own client.  The limits: what is sent must stay within the server's windows, which small messages do."""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
STREAM = 1
WINDOW_MAX = 2**31 - 1
INITIAL_WINDOW_SIZE = 4
CONNECT_SECONDS = 30.0
"""For TCP and TLS: a server that is stormed takes its time."""


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def opening(path: str, authority: str) -> bytes:
    """Preface, windows wide open, and the call's headers, none of them indexed."""
    headers = {
        ":method": "POST",
        ":scheme": "https",
        ":path": path,
        ":authority": authority,
        "te": "trailers",
        "content-type": "application/grpc",
    }
    block = b"".join(b"\0" + _text(name) + _text(value) for name, value in headers.items())
    windows = frame(SETTINGS, 0, 0, struct.pack(">HI", INITIAL_WINDOW_SIZE, WINDOW_MAX))
    widened = frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", WINDOW_MAX - 65_535))
    return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + windows + widened + frame(HEADERS, END_HEADERS, STREAM, block)


def _text(text: str) -> bytes:
    assert len(text) < 127
    return bytes([len(text)]) + text.encode()


def message(body: bytes) -> bytes:
    """One gRPC message as a frame."""
    return frame(DATA, 0, STREAM, b"\0" + struct.pack(">I", len(body)) + body)


@dataclass(eq=False)
class Call(asyncio.Protocol):
    """`hear` is given each message's body, `ended` why the call is over, once."""

    path: str
    authority: str
    first: bytes
    hear: Callable[[bytes], None]
    ended: Callable[[str], None]
    transport: asyncio.Transport | None = None
    _received: bytearray = field(default_factory=bytearray)
    _body: bytearray = field(default_factory=bytearray)
    _over: bool = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(opening(self.path, self.authority) + message(self.first))

    def send(self, body: bytes) -> None:
        self.send_frame(message(body))

    def send_frame(self, ready_made: bytes) -> None:
        if self.transport is not None and not self._over:
            self.transport.write(ready_made)

    def cut(self) -> None:
        """Without a word."""
        if self.transport is not None:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        self._received += data
        while len(self._received) >= 9:
            size = int.from_bytes(self._received[:3], "big")
            if len(self._received) < 9 + size:
                return
            kind, flags = self._received[3], self._received[4]
            payload = bytes(self._received[9 : 9 + size])
            del self._received[: 9 + size]
            self._frame(kind, flags, payload)

    def _frame(self, kind: int, flags: int, payload: bytes) -> None:
        if kind == DATA:
            self._data(payload)
        elif kind in (SETTINGS, PING) and not flags & ACK:
            self.send_frame(frame(kind, ACK, 0, payload if kind == PING else b""))
        elif kind == GOAWAY:
            self._end(f"goaway {payload[8:80]!r}")
        elif kind == RST_STREAM or (kind == HEADERS and flags & END_STREAM):
            self._end(f"the call was ended ({'reset' if kind == RST_STREAM else 'trailers'})")

    def _data(self, payload: bytes) -> None:
        self._body += payload
        while len(self._body) >= 5:
            size = int.from_bytes(self._body[1:5], "big")
            if len(self._body) < 5 + size:
                return
            body = bytes(self._body[5 : 5 + size])
            del self._body[: 5 + size]
            self.hear(body)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(f"connection lost: {exc!r}")

    def _end(self, why: str) -> None:
        if not self._over:
            self._over = True
            if self.transport is not None:
                self.transport.close()
            self.ended(why)


async def dial(call: Call, host: str, port: int, context: ssl.SSLContext) -> None:
    """Raises OSError."""
    async with asyncio.timeout(CONNECT_SECONDS):
        await asyncio.get_running_loop().create_connection(
            lambda: call, host, port, ssl=context, server_hostname=call.authority, ssl_handshake_timeout=CONNECT_SECONDS
        )
