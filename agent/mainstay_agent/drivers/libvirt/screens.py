"""A guest's screen through a pair of sockets that QEMU is handed one end of: no port is open, and no password is asked."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

import libvirt

from mainstay_agent.drivers.libvirt.deeds import find
from mainstay_runtime.errors import MainstayError, Unavailable

READ_BYTES_MAX = 64 * 1024


class NoScreen(MainstayError):
    """The guest does not run here, or was started without a screen."""

    code = "no-screen"


def open_screen(line: libvirt.virConnect, vm_id: str) -> socket.socket:
    """In a thread.  Raises NoScreen."""
    domain = find(line, vm_id)
    if domain is None or not domain.isActive() or "<graphics type='vnc'" not in domain.XMLDesc():
        raise NoScreen
    return socket.socket(fileno=domain.openGraphicsFD(0, libvirt.VIR_DOMAIN_OPEN_GRAPHICS_SKIPAUTH))


class SocketScreen:
    """driver.Screen."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, end: socket.socket) -> SocketScreen:
        return cls(*await asyncio.open_unix_connection(sock=end, limit=READ_BYTES_MAX))

    async def read(self) -> bytes:
        try:
            return await self._reader.read(READ_BYTES_MAX)
        except OSError:
            return b""

    async def write(self, data: bytes) -> None:
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError as error:
            raise Unavailable(f"the guest's screen is gone: {error}") from error

    async def close(self) -> None:
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()
