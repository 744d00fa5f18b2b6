"""Has what a copy that is gone wrote last landed?  Every proof becomes a permission here, and nowhere else.

That a copy is gone says nothing of what storage still holds back of it.  What is on its way lands within delta; but a pool that stands still for
everybody keeps it for as long as it stands.  So of each pool on which the copy could write somebody must have seen it move after that: a write of his
own, begun when delta was over, was acknowledged.  A lapsed or given-up lease tells that of its own pool, and a host's word about a guest of all pools
of that guest.

The limit: a pool without leases moves for nobody's eyes, and is not asked about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from mainstay_controller.domain.ha.proof import Acknowledged, LeaseExpired, PoweredOff, Proof, Rebooted, Released
from mainstay_controller.domain.ids import PoolId


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The copy of which the proof speaks is gone, and so is all that it wrote: another may begin to write."""

    proof: Proof

    def __str__(self) -> str:
        return str(self.proof)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBack:
    """These pools may still hold something back of it."""

    proof: Proof
    pool_ids: frozenset[PoolId]

    def __str__(self) -> str:
        pools = ", ".join(sorted(self.pool_ids))
        return f"{self.proof}; but pool {pools} may hold back what was written last, until it is seen moving"


Settling: TypeAlias = Settled | HeldBack


def settle(
    proofs: Sequence[Proof], leased: frozenset[PoolId], over_at: float, moved_at: Callable[[PoolId], float]
) -> Settling:
    """`proofs`: all that cover the copy.  `leased`: the pools with leases on which it could write.  `over_at`: by then delta was over.  `moved_at`: when
    the newest write was begun that we know a pool to have completed; all by our own clock."""
    silent = [pool for pool in leased if not any(speaks_of(proof, pool) for proof in proofs)]
    held_back = frozenset(pool for pool in silent if moved_at(pool) < over_at)
    return HeldBack(proof=proofs[0], pool_ids=held_back) if held_back else Settled(proof=proofs[0])


def speaks_of(proof: Proof, pool_id: PoolId) -> bool:
    """Does whoever gave this proof know that the pool moved after delta?"""
    match proof:
        case PoweredOff() | Rebooted():
            return False
        case LeaseExpired(pool_id=seen_id) | Released(pool_id=seen_id):
            return pool_id == seen_id
        case Acknowledged(writes_landed=writes_landed):
            return writes_landed
