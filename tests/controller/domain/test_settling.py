"""A proof that a copy is gone becomes a permission when its pools have been seen moving since."""

from __future__ import annotations

import pytest

from mainstay_controller.domain.ha.proof import (
    Acknowledged,
    LeaseExpired,
    PoweredOff,
    Proof,
    Rebooted,
    Released,
    as_facts,
    from_facts,
)
from mainstay_controller.domain.ha.settling import HeldBack, Settled, settle
from mainstay_controller.domain.ids import HostId, PoolId, VmId

A, B = PoolId("a"), PoolId("b")
REBOOTED = Rebooted(old_boot_id="1", new_boot_id="2", seen_by="agent of h1")
OFF = PoweredOff(address="bmc-h1")
EXPIRED = LeaseExpired(pool_id=A, boot_id="1", generation=1, witnesses=(HostId("h2"),))
RELEASED = Released(pool_id=A, boot_id="1", generation=2, told_by=HostId("h2"))
GONE = Acknowledged(vm_id=VmId("v1"), host_id=HostId("h1"), epoch=1)
GONE_BUT_SILENT = Acknowledged(vm_id=VmId("v1"), host_id=HostId("h1"), epoch=1, writes_landed=False)
OVER_AT = 100.0


def settled(*proofs: Proof, pools: set[PoolId], **moved_at: float) -> Settled | HeldBack:
    return settle(proofs, frozenset(pools), OVER_AT, lambda pool_id: moved_at.get(pool_id, float("-inf")))


@pytest.mark.parametrize("proof", [REBOOTED, OFF, GONE_BUT_SILENT])
def test_that_a_copy_is_gone_says_nothing_of_what_its_pool_holds_back(proof: Proof) -> None:
    assert settled(proof, pools={A}) == HeldBack(proof=proof, pool_ids=frozenset({A}))
    assert settled(proof, pools={A}, a=OVER_AT - 0.001) == HeldBack(proof=proof, pool_ids=frozenset({A}))
    assert settled(proof, pools={A}, a=OVER_AT) == Settled(proof=proof)


@pytest.mark.parametrize("proof", [EXPIRED, RELEASED])
def test_a_lease_that_is_over_speaks_of_its_own_pool_alone(proof: Proof) -> None:
    assert settled(proof, pools={A}) == Settled(proof=proof)
    assert settled(proof, pools={A, B}) == HeldBack(proof=proof, pool_ids=frozenset({B}))
    assert settled(proof, pools={A, B}, b=OVER_AT) == Settled(proof=proof)


def test_several_proofs_speak_together() -> None:
    assert settled(OFF, EXPIRED, pools={A}) == Settled(proof=OFF)


def test_the_word_of_a_host_whose_storage_answers_speaks_of_all_pools() -> None:
    assert settled(GONE, pools={A, B}) == Settled(proof=GONE)


def test_a_guest_on_no_pool_with_leases_waits_for_nothing_else() -> None:
    assert settled(REBOOTED, pools=set()) == Settled(proof=REBOOTED)


def test_a_word_that_was_kept_before_it_told_of_storage_is_read_as_it_was_meant() -> None:
    facts = {name: value for name, value in as_facts(GONE).items() if name != "writes_landed"}

    assert from_facts(facts) == GONE
