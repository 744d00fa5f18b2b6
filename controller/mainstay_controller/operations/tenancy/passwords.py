"""Passwords: argon2 hashes, made and checked off the event loop because they are slow on purpose."""

from __future__ import annotations

import asyncio
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from mainstay_controller.operations.errors import InvalidParameter

LENGTH_MIN, LENGTH_MAX = 8, 512
HASHER = PasswordHasher()


async def hashed(password: str, field: str = "password") -> str:
    if not LENGTH_MIN <= len(password) <= LENGTH_MAX:
        raise InvalidParameter(field, f"it must have {LENGTH_MIN} to {LENGTH_MAX} characters")
    return await asyncio.to_thread(HASHER.hash, password)


async def is_password(password: str, password_hash: str) -> bool:
    """A user without a password has none that fits."""
    return await asyncio.to_thread(_verify, password, password_hash) and bool(password_hash)


@cache
def _nobodys_hash() -> str:
    """Checked when there is no such user, so that the answer takes as long."""
    return HASHER.hash("nobody has this password")


def _verify(password: str, password_hash: str) -> bool:
    try:
        return HASHER.verify(password_hash or _nobodys_hash(), password)
    except (VerifyMismatchError, InvalidHashError):
        return False
