"""The enrolment book in memory (controller.fleet.enrolment.EnrolmentBook)."""

from __future__ import annotations

from collections.abc import Collection

from mainstay_controller.fleet.enrolment import Invited, Issued, Standing, TokenExpired, TokenUnknown, TokenUsed
from mainstay_runtime.identity import Role, token_sha256


class MemoryBook:
    def __init__(self) -> None:
        self.issued: list[Issued] = []
        self._invited: dict[str, Invited] = {}
        self._used_by: dict[str, str] = {}
        self._expired: set[str] = set()
        self._known: set[str] = set()
        self._revoked: set[str] = set()

    def invite(self, token: str, id: str, role: Role = Role.AGENT) -> None:
        self._invited[token_sha256(token)] = Invited(role=role, id=id)

    def expire(self, token: str) -> None:
        self._expired.add(token_sha256(token))

    def know(self, id: str) -> None:
        self._known.add(id)

    def revoke(self, id: str) -> None:
        self._revoked.add(id)

    async def redeem(self, token_hash: str, key_sha256: str) -> Invited:
        if token_hash not in self._invited:
            raise TokenUnknown
        if self._used_by.setdefault(token_hash, key_sha256) != key_sha256:
            raise TokenUsed
        if token_hash in self._expired:
            raise TokenExpired
        return self._invited[token_hash]

    async def record(self, issued: Issued) -> None:
        self.issued.append(issued)
        self._known.add(issued.id)

    async def standing(self, role: Role, id: str) -> Standing:
        if id in self._revoked:
            return Standing.REVOKED
        return Standing.KNOWN if id in self._known else Standing.UNKNOWN

    async def revoked_among(self, ids: Collection[str]) -> frozenset[str]:
        return frozenset(self._revoked & set(ids))
