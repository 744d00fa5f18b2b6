"""One certificate authority for all controllers: sealed in the database, made by whichever comes first."""

from __future__ import annotations

from collections.abc import Callable

from mainstay_controller.domain.records import Secret
from mainstay_controller.operations.master_key import MasterKey
from mainstay_controller.store.port import Conflict, Store
from mainstay_runtime.clock import Rng
from mainstay_runtime.identity import Identity

AUTHORITY = "authority"


async def shared_authority(store: Store, key: MasterKey, make: Callable[[], Identity], rng: Rng) -> Identity:
    """Raises WrongMasterKey when it was sealed with another key."""
    while True:
        row = await store.secrets.get(AUTHORITY)
        if row is not None:
            return Identity.from_pem(key.unseal(AUTHORITY, row.sealed))
        sealed = key.seal(AUTHORITY, make().to_pem(), rng)
        try:
            await store.secrets.add(Secret(id=AUTHORITY, sealed=sealed, created=await store.now()))
        except Conflict:
            continue  # another was first
