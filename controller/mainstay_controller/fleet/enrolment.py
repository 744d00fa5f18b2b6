"""The book of who may have a certificate: the port through which rpc admits, renews and refuses.

Promise: a token opens the door once.  It is stored only as its hash, it expires by the store's clock, and it is bound to the first key that
redeemed it, so that an answer lost on the way can be asked for again with the same key and with no other."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from mainstay_runtime.errors import Denied
from mainstay_runtime.identity import Role


class TokenUnknown(Denied):
    """This enrolment token was never issued here, or was withdrawn."""

    code = "token-unknown"


class TokenUsed(Denied):
    """This enrolment token has been used by another key."""

    code = "token-used"


class TokenExpired(Denied):
    """This enrolment token has expired; ask for a new one."""

    code = "token-expired"


class Standing(StrEnum):
    KNOWN = "known"
    REVOKED = "revoked"  # its host was removed, or an operator withdrew it
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """Whom a token was made out to."""

    role: Role
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A certificate handed out, for the record."""

    role: Role
    id: str
    serial: str  # hexadecimal
    key_sha256: str
    not_before: datetime
    not_after: datetime


class EnrolmentBook(Protocol):
    async def redeem(self, token_hash: str, key_sha256: str) -> Invited:
        """Compare-and-set: unused, or used by this very key, and not expired.  Raises TokenUnknown, TokenUsed or TokenExpired."""

    async def record(self, issued: Issued) -> None: ...

    async def standing(self, role: Role, id: str) -> Standing: ...

    async def revoked_among(self, ids: Collection[str]) -> frozenset[str]:
        """Asked for all live sessions at once every few seconds, so that a removal through another controller is noticed."""
