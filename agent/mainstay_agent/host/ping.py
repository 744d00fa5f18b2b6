"""Does that machine answer?  One ICMP echo at a time, from this host's own network."""

from __future__ import annotations

import asyncio
import socket
import struct
from itertools import count

ECHO_REQUEST, ECHO_REPLY = 8, 0
HEADER = struct.Struct("!BBHHH")  # type, code, checksum, identifier, sequence
REPEAT_SECONDS = 0.3  # one lost packet is not yet an answer


class IcmpPinger:
    """Needs CAP_NET_RAW; without it, or without a route, the answer is that we could not ask."""

    def __init__(self) -> None:
        self._sequences = count(1)

    async def ping(self, ip: str, deadline_seconds: float) -> bool | None:
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as line:
                line.setblocking(False)
                line.connect((ip, 0))
                async with asyncio.timeout(deadline_seconds):
                    return await self._ask_until_answered(line)
        except TimeoutError:
            return False
        except OSError:
            return None

    async def _ask_until_answered(self, line: socket.socket) -> bool:
        loop, identifier = asyncio.get_running_loop(), id(line) & 0xFFFF
        while True:
            await loop.sock_sendall(line, echo_request(identifier, next(self._sequences) & 0xFFFF))
            try:
                async with asyncio.timeout(REPEAT_SECONDS):
                    while not is_reply_to(await loop.sock_recv(line, 1024), identifier):
                        pass
                    return True
            except TimeoutError:
                continue


def echo_request(identifier: int, sequence: int) -> bytes:
    blank = HEADER.pack(ECHO_REQUEST, 0, 0, identifier, sequence)
    return HEADER.pack(ECHO_REQUEST, 0, _checksum(blank), identifier, sequence)


def is_reply_to(untrusted_packet: bytes, identifier: int) -> bool:
    """A raw socket hears every ICMP packet from that machine, IP header first."""
    header_bytes = (untrusted_packet[0] & 0x0F) * 4 if untrusted_packet else 0
    message = untrusted_packet[header_bytes : header_bytes + HEADER.size]
    if len(message) < HEADER.size:
        return False
    kind, _code, _checksum, answered, _sequence = HEADER.unpack(message)
    return bool(kind == ECHO_REPLY and answered == identifier)


def _checksum(data: bytes) -> int:
    total: int = sum(word for (word,) in struct.iter_unpack("!H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF
