"""The enrolment book on rows: tokens, the certificates handed out for them, and whose word still counts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from mainstay_controller.domain.records import EnrolmentToken, IssuedCertificate
from mainstay_controller.fleet.enrolment import Invited, Issued, Standing, TokenExpired, TokenUnknown, TokenUsed
from mainstay_controller.operations.gathered import Gathered
from mainstay_controller.store.port import Stale, Store, any_of, eq, ne
from mainstay_runtime.identity import Role


class RowBook:
    """fleet.enrolment.EnrolmentBook.  The standing of many who come at once is looked up together."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._standings = Gathered(self._standings_of)

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
        return await self._standings.ask((role, id))

    async def _standings_of(self, subjects: Sequence[tuple[Role, str]]) -> list[Standing]:
        ids = sorted({id for _, id in subjects})
        rows = await self.store.certificates.find(any_of("subject_id", ids), order_by="created")
        newest = {(row.subject_role, row.subject_id): row for row in rows}
        return [standing_by(newest.get((role, id))) for role, id in subjects]

    async def revoked_among(self, ids: Collection[str]) -> frozenset[str]:
        withdrawn = {row.subject_id for row in await self.store.certificates.find(ne("revoked", None))} & set(ids)
        return frozenset([id for id in sorted(withdrawn) if await self.standing(Role.AGENT, id) is Standing.REVOKED])


def standing_by(newest: IssuedCertificate | None) -> Standing:
    if newest is None:
        return Standing.UNKNOWN
    return Standing.KNOWN if newest.revoked is None else Standing.REVOKED


async def revoke(role: Role, id: str, store: Store) -> None:
    """In the transaction that removes the host: its agent's sessions end within seconds, whoever holds them."""
    now = await store.now()
    for row in await store.certificates.find(eq("subject_id", id), eq("subject_role", role), eq("revoked", None)):
        await store.certificates.swap(row, replace(row, revoked=now))
