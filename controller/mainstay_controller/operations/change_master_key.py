"""Seal everything anew under another master key: the rotation of the key.

It is run with the new key while every controller can open what either key has sealed (`master_key_previous_file`).  Each row is read, opened with
whichever key fits and written back by compare-and-set; what is under the new key already is left alone.  So it may be broken off anywhere
and run again, also beside controllers at work; when it has come to its end once, the old key opens nothing any more."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from mainstay_controller.operations.master_key import MasterKey
from mainstay_controller.operations.secrets import MARK, SEALED, SealedField
from mainstay_controller.store.port import Repository, Stale, Store
from mainstay_runtime.clock import Rng


@dataclass(frozen=True, slots=True, kw_only=True)
class Resealed:
    """How many secrets were found, and how many of them were sealed anew."""

    found: int
    changed: int


async def change_master_key(store: Store, key: MasterKey, rng: Rng) -> Resealed:
    """Raises WrongMasterKey when something opens with neither key."""
    rows: list[tuple[SealedField, str, str]] = []
    for each in SEALED:
        repository: Repository[Any] = getattr(store, each.repository)
        for row in await repository.find():
            if str(getattr(row, each.field) or "").startswith(MARK):
                rows.append((each, row.id, each.name_of(getattr(row, each.naming))))
    changed = sum([await _reseal(store, each, row_id, name, key, rng) for each, row_id, name in rows])
    shared = await store.secrets.find()
    changed += sum([await _reseal_shared(store, secret.id, key, rng) for secret in shared])
    return Resealed(found=len(rows) + len(shared), changed=changed)


async def _reseal(store: Store, where: SealedField, row_id: str, name: str, key: MasterKey, rng: Rng) -> bool:
    repository: Repository[Any] = getattr(store, where.repository)
    while True:
        row = await repository.get(row_id)
        if row is None:
            return False
        kept = str(getattr(row, where.field) or "")
        if not kept.startswith(MARK) or key.is_newest(name, kept.removeprefix(MARK)):
            return False
        anew = MARK + key.seal(name, key.unseal(name, kept.removeprefix(MARK)), rng)
        try:
            await repository.swap(row, replace(row, **{where.field: anew}))
            return True
        except Stale:
            continue  # somebody changed the row: it may be under the new key by now


async def _reseal_shared(store: Store, secret_id: str, key: MasterKey, rng: Rng) -> bool:
    """What all controllers share is sealed under its own id, without a mark."""
    while True:
        secret = await store.secrets.by_id(secret_id)
        if key.is_newest(secret.id, secret.sealed):
            return False
        anew = key.seal(secret.id, key.unseal(secret.id, secret.sealed), rng)
        try:
            await store.secrets.swap(secret, replace(secret, sealed=anew))
            return True
        except Stale:
            continue
