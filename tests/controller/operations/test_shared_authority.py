"""All controllers of a cloud have one authority, and nobody without the master key has it."""

from __future__ import annotations

from functools import partial

import pytest

from mainstay_controller.operations.beginning.shared_authority import shared_authority
from mainstay_controller.operations.master_key import MasterKey, WrongMasterKey
from mainstay_controller.rpc.authority import new_ca
from mainstay_runtime.clock import SystemClock
from mainstay_runtime.errors import BadInput
from mainstay_runtime.identity import Identity
from mainstay_runtime.tasks import all_of
from tests.kit.memory_store import MemoryStore
from tests.kit.virtual_time import SeededRng

KEY = MasterKey.from_text("a secret of more than thirty-two characters")
CLOCK = SystemClock()
MAKE = partial(new_ca, CLOCK)


async def of_a_controller(store: MemoryStore, key: MasterKey = KEY) -> Identity:
    return await shared_authority(store, key, MAKE, SeededRng())


async def test_controllers_that_start_together_have_one_authority() -> None:
    store = MemoryStore(CLOCK)

    first, second = await all_of(of_a_controller(store), of_a_controller(store))

    assert first == second == await of_a_controller(store)


async def test_the_database_does_not_tell_the_key() -> None:
    store = MemoryStore(CLOCK)
    authority = await of_a_controller(store)

    [row] = await store.secrets.find()

    assert "PRIVATE KEY" in authority.key_pem.decode()
    assert "PRIVATE KEY" not in row.sealed


async def test_a_controller_with_another_master_key_is_told_so() -> None:
    store = MemoryStore(CLOCK)
    await of_a_controller(store)

    with pytest.raises(WrongMasterKey, match="give this controller the key of the others"):
        await of_a_controller(store, MasterKey.from_text("another secret of more than thirty-two characters"))


def test_a_short_master_key_is_refused() -> None:
    with pytest.raises(BadInput, match="at least 32 characters"):
        MasterKey.from_text("secret")
