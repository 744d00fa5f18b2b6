"""The words on a line that carries a guest's screen: RFB, in pieces as they come."""

from __future__ import annotations

from dataclasses import dataclass

PIECE_BYTES_MAX = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenPiece:
    """`word`, in the first piece of all and there alone: which of the screens that were asked for this is."""

    word: str = ""
    data: bytes = b""
