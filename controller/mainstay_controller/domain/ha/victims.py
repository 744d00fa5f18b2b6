"""What becomes of a guest that is proven gone: started again, or left stopped, and by which rule.

The rules are asked twice: when the guest is released, and again in the moment its epoch is raised, since a user may have changed his mind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from mainstay_controller.domain.ha.evidence import StopCause
from mainstay_controller.domain.records import Vm
from mainstay_controller.domain.states import VmState


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    rule: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveStopped:
    rule: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Superseded:
    """Somebody else has taken the guest's fate in hand."""

    rule: str
    why: str


Verdict: TypeAlias = Restart | LeaveStopped
LaterVerdict: TypeAlias = Restart | LeaveStopped | Superseded

ENDED = frozenset({VmState.DESTROYED, VmState.EXPUNGING, VmState.ERROR})


def judge(vm: Vm, cause: StopCause | None = None, *, force_ha: bool = False) -> Verdict:
    """`cause`: of a guest that stopped on a living host.  None: its host died."""
    if vm.removed is not None or vm.state in ENDED:
        return LeaveStopped(rule="destroyed", why=f"it is {vm.state}")
    if not vm.wanted_running:
        return LeaveStopped(rule="not-wanted", why="its user stopped it")
    if cause is StopCause.GUEST_SHUTDOWN:
        return judge_shutdown(vm)
    if not (vm.ha_enabled or force_ha):
        return LeaveStopped(rule="ha-off", why="its offering does not ask for HA")
    if cause is None:
        return Restart(rule="host-died", why="its host is proven dead and HA is on")
    return Restart(rule="guest-died", why=f"it stopped without anybody's wish ({cause}) and HA is on")


def judge_shutdown(vm: Vm) -> Verdict:
    """A guest that shut itself down is not a crash."""
    if vm.ha_enabled and vm.restart_after_guest_shutdown:
        return Restart(rule="guest-shutdown-restart", why="it shut itself down, and its offering has it started again")
    return LeaveStopped(rule="guest-shutdown", why="it shut itself down, which is not a crash")


def judge_again(vm: Vm, released_epoch: int) -> LaterVerdict:
    """When it is about to be started."""
    if not vm.wanted_running or vm.removed is not None or vm.state in ENDED:
        return LeaveStopped(rule="not-wanted", why="its user stopped or destroyed it meanwhile")
    if vm.epoch != released_epoch or vm.state is not VmState.STOPPED:
        return Superseded(rule="superseded", why=f"it is {vm.state} under epoch {vm.epoch} by other hands")
    return Restart(rule="still-wanted", why="it is wanted and stopped")


def restart_order(vms: Iterable[Vm]) -> list[Vm]:
    """System VMs first, then by priority, then the oldest."""
    return sorted(vms, key=lambda vm: (vm.type == "User", -vm.priority, vm.created, vm.id))
