"""The sectors of a slot, as bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay_agent.lease.slots import (
    SECTOR_BYTES,
    SLOT_BYTES,
    OwnerSector,
    PoisonSector,
    Slot,
    SlotState,
    decode_owner,
    decode_poison,
    decode_slot,
    encode_owner,
    encode_poison,
)
from mainstay_runtime.errors import BadInput
from tests.kit.leases import an_owner

names = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=64)
counts = st.integers(0, 2**64 - 1)
owners = st.builds(
    OwnerSector,
    host_id=names,
    boot_id=names,
    generation=counts,
    sequence=counts,
    dead_after_milliseconds=st.integers(0, 2**32 - 1),
    state=st.sampled_from(SlotState),
    acknowledged_incident=names,
)
poisons = st.builds(PoisonSector, host_id=names, incident_id=names, generation=counts)


@given(owners, poisons)
def test_what_was_written_is_read(owner: OwnerSector, poison: PoisonSector) -> None:
    data = encode_owner(owner) + encode_poison(poison)

    assert len(data) == SLOT_BYTES
    assert decode_slot(data) == Slot(owner=owner, poison=poison)


@given(owners, st.integers(0, SECTOR_BYTES - 1), st.integers(1, 255))
def test_a_damaged_sector_is_no_sighting(owner: OwnerSector, position: int, damage: int) -> None:
    data = bytearray(encode_owner(owner))
    data[position] ^= damage

    assert decode_owner(bytes(data)) is None


@given(owners, owners, st.integers(1, 7))
def test_a_sector_torn_between_two_renewals_is_no_sighting(one: OwnerSector, other: OwnerSector, pages: int) -> None:
    torn = encode_owner(one)[: pages * 512] + encode_owner(other)[pages * 512 :]

    assert decode_owner(torn) in (None, one, other)


def test_blank_short_and_foreign_bytes_are_no_sighting() -> None:
    blank = bytes(SECTOR_BYTES)

    assert decode_slot(b"") == Slot()
    assert decode_slot(blank + blank) == Slot()
    assert decode_owner(encode_owner(an_owner())[:-1]) is None
    assert decode_poison(encode_owner(an_owner())) is None


def test_a_name_that_does_not_fit_is_refused() -> None:
    with pytest.raises(BadInput, match="not storable"):
        encode_owner(an_owner(host_id="h" * 65))
