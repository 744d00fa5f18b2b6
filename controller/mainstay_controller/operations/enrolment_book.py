"""The enrolment book on rows: tokens, the certificates handed out for them, and whose word still counts."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from mainstay_controller.domain.records import EnrolmentToken, IssuedCertificate
from mainstay_controller.fleet.enrolment import Invited, Issued, Standing, TokenExpired, TokenUnknown, TokenUsed
from mainstay_controller.store.port import Stale, Store, eq, ne
from mainstay_runtime.identity import Role


@dataclass(frozen=True, slots=True)
class RowBook:
    """fleet.enrolment.EnrolmentBook."""

    store: Store

    async def redeem(self, token_hash: str, key_sha256: str) -> Invited:
        while True:
            token = await self.store.enrolment_tokens.get(token_hash)
            if token is None:
                raise TokenUnknown
            try:
                await self._use(token, key_sha256)
            except Stale:
                continue
            return Invited(role=Role(token.role), id=token.subject_id)

    async def _use(self, token: EnrolmentToken, key_sha256: str) -> None:
        now = await self.store.now()
        if token.used is not None and token.used_key_sha256 != key_sha256:
            raise TokenUsed
        if token.expires <= now:
            raise TokenExpired
        if token.used is None:
            await self.store.enrolment_tokens.swap(token, replace(token, used=now, used_key_sha256=key_sha256))

    async def record(self, issued: Issued) -> None:
        await self.store.certificates.add(
            IssuedCertificate(
                id=issued.serial,
                subject_role=issued.role,
                subject_id=issued.id,
                created=issued.not_before,
                not_after=issued.not_after,
                public_key_sha256=issued.key_sha256,
            )
        )

    async def standing(self, role: Role, id: str) -> Standing:
        """Withdrawn is whose newest certificate is; a new invitation leads back in."""
        newest = await self.store.certificates.find(
            eq("subject_id", id), eq("subject_role", role), order_by="created", descending=True, limit=1
        )
        if not newest:
            return Standing.UNKNOWN
        return Standing.REVOKED if newest[0].revoked is not None else Standing.KNOWN

    async def revoked_among(self, ids: Collection[str]) -> frozenset[str]:
        withdrawn = {row.subject_id for row in await self.store.certificates.find(ne("revoked", None))} & set(ids)
        return frozenset([id for id in sorted(withdrawn) if await self.standing(Role.AGENT, id) is Standing.REVOKED])


async def revoke(role: Role, id: str, store: Store) -> None:
    """In the transaction that removes the host: its agent's sessions end within seconds, whoever holds them."""
    now = await store.now()
    for row in await store.certificates.find(eq("subject_id", id), eq("subject_role", role), eq("revoked", None)):
        await store.certificates.swap(row, replace(row, revoked=now))
