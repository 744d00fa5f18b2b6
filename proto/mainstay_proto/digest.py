"""One number that says what a host's guests are doing, so that a heartbeat need not list them.

The promise: agent and controller compute it with this code and no other; equal guests give equal digests in any
order and in any process, and a change of any guest's id, state or epoch changes it (64 bits of BLAKE2b).
It detects a missed report, not an attack."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from mainstay_proto.messages import GuestReport


def digest_of(guests: Iterable[GuestReport]) -> int:
    """Unsigned, 64 bit; cause and detail do not count."""
    lines = sorted(f"{guest.vm_id} {guest.state} {guest.epoch}\n" for guest in guests)
    return int.from_bytes(blake2b("".join(lines).encode(), digest_size=8).digest(), "big")
