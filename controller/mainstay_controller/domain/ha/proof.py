"""What shows that a guest no longer runs where it ran, and which guests each proof speaks for.

The one promise: a guest is released only by a proof that covers it.  Silence, a failed ping, an error or a timeout of a power
controller, and an accepted power-off order are none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import TypeAlias

from mainstay_controller.domain.ids import HostId, PoolId, VmId
from mainstay_controller.domain.records import Json, Volume
from mainstay_controller.domain.states import VolumeState


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseExpired:
    """Sound observers saw the slot unchanged for T_dead: the host must by now have killed the guests of that pool, or have been reset."""

    pool_id: PoolId
    boot_id: str
    generation: int
    witnesses: tuple[HostId, ...]

    def __str__(self) -> str:
        return f"lease on pool {self.pool_id} expired, seen by {', '.join(self.witnesses)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """The host's own written word in its slot: poisoned, it has killed the guests of that pool."""

    pool_id: PoolId
    boot_id: str
    generation: int
    told_by: HostId

    def __str__(self) -> str:
        return f"the host itself gave up its lease on pool {self.pool_id} (read by {self.told_by})"


@dataclass(frozen=True, slots=True, kw_only=True)
class PoweredOff:
    """Its power controller was read, after the host fell silent, and said Off."""

    address: str

    def __str__(self) -> str:
        return f"power controller {self.address} says Off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebooted:
    """The host was seen under a new boot id: whatever the old boot ran is gone."""

    old_boot_id: str
    new_boot_id: str
    seen_by: str

    def __str__(self) -> str:
        return f"the host has booted anew ({self.new_boot_id}, seen by {self.seen_by})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """The host itself, asked after it was ordered to forget the guest, says that it is not there.

    `writes_landed`: and that what the guest wrote last has landed.  False: its pools do not answer this host, so that it cannot tell."""

    vm_id: VmId
    host_id: HostId
    epoch: int
    writes_landed: bool = True

    def __str__(self) -> str:
        return f"host {self.host_id} itself says that the guest is gone"


Proof: TypeAlias = LeaseExpired | Released | PoweredOff | Rebooted | Acknowledged

KINDS = {
    LeaseExpired: "lease-expired",
    Released: "released",
    PoweredOff: "powered-off",
    Rebooted: "rebooted",
    Acknowledged: "acknowledged",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Victim:
    """A guest that a suspect host may be running.  `pool_ids`: every pool on which it may have a disk.  `unsure_pool_ids`: those of them whose only disk
    is just being given to the guest or taken from it, so that it may or may not stand on them."""

    vm_id: VmId
    pool_ids: frozenset[PoolId]
    unsure_pool_ids: frozenset[PoolId] = frozenset()

    @property
    def dies_with(self) -> frozenset[PoolId]:
        return self.pool_ids - self.unsure_pool_ids


UNSURE = frozenset({VolumeState.ATTACHING, VolumeState.DETACHING})


def victim(vm_id: VmId, volumes: Iterable[Volume]) -> Victim:
    """`volumes`: all of that guest that are not removed."""
    placed = [(volume.pool_id, volume.state in UNSURE) for volume in volumes if volume.pool_id is not None]
    everywhere = frozenset(pool_id for pool_id, _ in placed)
    surely = frozenset(pool_id for pool_id, is_unsure in placed if not is_unsure)
    return Victim(vm_id=vm_id, pool_ids=everywhere, unsure_pool_ids=everywhere - surely)


def covers(proof: Proof, victim: Victim) -> bool:
    """A guest dies with the lease of *any* pool on which it surely has a disk; what lies on other pools, or on a local disk alone, is not spoken for."""
    match proof:
        case PoweredOff() | Rebooted():
            return True
        case LeaseExpired(pool_id=pool_id) | Released(pool_id=pool_id):
            return pool_id in victim.dies_with
        case Acknowledged(vm_id=vm_id):
            return vm_id == victim.vm_id


def proofs_for(victim: Victim, proofs: Iterable[Proof]) -> tuple[Proof, ...]:
    return tuple(proof for proof in proofs if covers(proof, victim))


def as_facts(proof: Proof) -> dict[str, Json]:
    """For the record."""
    facts: Mapping[str, Json] = {
        name: list(value) if isinstance(value, tuple) else value for name, value in asdict(proof).items()
    }
    return {"kind": KINDS[type(proof)], "text": str(proof), **facts}


def from_facts(facts: Mapping[str, Json]) -> Proof | None:
    """The proof that `as_facts` wrote; None for what was written of something else."""
    for proof_class, kind in KINDS.items():
        if facts.get("kind") == kind:
            told = {field.name: facts[field.name] for field in fields(proof_class) if field.name in facts}
            proof: Proof = proof_class(**{n: tuple(v) if isinstance(v, list) else v for n, v in told.items()})
            return proof
    return None
