"""The password of a guest's screen: made with the VM, kept sealed, told to the host that runs it.

Rows of older releases keep it as it is (`vnc_password`).  They are sealed when a controller of this release looks; a controller of the release
before, which may run beside it, then starts such a guest without a screen."""

from __future__ import annotations

from dataclasses import replace

from mainstay_controller.domain.ids import VmId
from mainstay_controller.domain.records import Vm
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.master_key import WrongMasterKey
from mainstay_controller.operations.secrets import name_of_screen_password, opened, sealed
from mainstay_controller.store.port import Stale, ne
from mainstay_runtime.logs import logger

LENGTH = 8
"""The protocol allows no more."""

log = logger(__name__)


def fresh_screen_password(vm_id: VmId, cloud: Cloud) -> str:
    return sealed(name_of_screen_password(vm_id), cloud.rng.token(LENGTH // 2).hex(), cloud)


def screen_password(vm: Vm, cloud: Cloud) -> str | None:
    """None: the guest has no screen."""
    if vm.vnc_secret is None:
        return vm.vnc_password or None
    try:
        return opened(name_of_screen_password(vm.id), vm.vnc_secret, cloud)
    except WrongMasterKey as error:  # no reason to keep the guest down
        log.error("a guest is run without a screen", vm=vm.id, error=str(error))
        return None


async def seal_screen_passwords(cloud: Cloud) -> int:
    """Those that rows still keep as they are; how many."""
    done = 0
    for vm in await cloud.store.vms.find(ne("vnc_password", "")):
        kept = sealed(name_of_screen_password(vm.id), vm.vnc_password, cloud)
        try:
            await cloud.store.vms.swap(vm, replace(vm, vnc_password="", vnc_secret=vm.vnc_secret or kept))
            done += 1
        except Stale:
            continue  # somebody changed the row: it is looked at again
    return done
