"""A host's word about one guest, held against our row: do they agree, and if not, what does it mean?

Transitions under way (Starting, Stopping, Migrating) belong to whoever carries them out; he asks the host himself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from mainstay_controller.domain.ha.evidence import GuestSeen, Power, StopCause
from mainstay_controller.domain.ha.victims import ENDED
from mainstay_controller.domain.ids import HostId
from mainstay_controller.domain.records import Vm
from mainstay_controller.domain.states import VmState


@dataclass(frozen=True, slots=True, kw_only=True)
class Agrees:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """It must not run there: it is to be stopped on sight."""

    epoch: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopt:
    """It runs under our epoch where our row says it is nowhere, and it is wanted: take it as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Our row says that it runs there, the host says that it does not.  To be asked anew: a picture may be older than the row."""

    cause: StopCause
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecided:
    """It is gone where its migration was to bring it, and the migration is not settled: whoever settles it may have seen it there before it went."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unawaited:
    """It waits for a guest whose migration is over: the order to expect it came after the one to forget it.  That half never ran, and is dropped."""

    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """It should not be possible; people must know, and nothing is touched."""

    why: str


ARRIVES = frozenset({Power.MIGRATING, Power.PAUSED})
"""So a host tells of the half of a migration that it expects."""

Finding: TypeAlias = Agrees | Undecided | Kill | Adopt | Missing | Unawaited | Alarm


def compare(vm: Vm | None, seen: GuestSeen | None, host_id: HostId) -> Finding:
    if seen is None or seen.is_gone:
        return compare_absent(vm, seen, host_id)
    if vm is None:
        return Alarm(why=f"a guest runs here that we have no row of (epoch {seen.epoch})")
    if seen.epoch < vm.epoch:
        return Kill(epoch=seen.epoch, why=f"epoch {seen.epoch} is over: the VM is {vm.state} under epoch {vm.epoch}")
    if vm.target_host_id == host_id:
        return Agrees()
    if seen.epoch == vm.epoch + 1 and seen.power in ARRIVES and vm.state is not VmState.MIGRATING:
        return Unawaited(epoch=seen.epoch)
    if seen.epoch > vm.epoch:
        return Alarm(why=f"it runs under epoch {seen.epoch}, which we never gave (ours is {vm.epoch})")
    return compare_present(vm, seen, host_id)


def compare_absent(vm: Vm | None, seen: GuestSeen | None, host_id: HostId) -> Finding:
    if vm is not None and vm.target_host_id == host_id and seen is not None and seen.epoch == vm.epoch + 1:
        return Undecided()
    if vm is None or vm.host_id != host_id or vm.state is not VmState.RUNNING:
        return Agrees()
    if seen is None or seen.epoch != vm.epoch:
        return Missing(cause=StopCause.VANISHED, detail="its host does not know it")
    return Missing(cause=seen.cause or StopCause.VANISHED, detail=seen.detail)


def compare_present(vm: Vm, seen: GuestSeen, host_id: HostId) -> Finding:
    if vm.host_id == host_id:
        return Agrees()
    if vm.host_id is not None:
        return Alarm(why=f"it runs here under epoch {seen.epoch}, but our row has it on host {vm.host_id}")
    if vm.removed is not None or vm.state in ENDED or not vm.wanted_running:
        return Kill(epoch=seen.epoch, why=f"nobody wants it to run: the VM is {vm.state}")
    return Adopt()
