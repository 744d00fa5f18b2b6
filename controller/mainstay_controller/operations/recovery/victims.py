"""The guests of a dead or doubtful host, each with the pools its disks are on: what a proof must cover, and what must have been seen moving."""

from __future__ import annotations

from collections.abc import Iterable

from mainstay_controller.domain.ha.proof import Victim, victim
from mainstay_controller.domain.ids import VmId
from mainstay_controller.domain.records import Vm, Volume
from mainstay_controller.store.port import LIVE, Store, any_of


async def victims_of(vms: Iterable[Vm], store: Store) -> tuple[Victim, ...]:
    """In their order."""
    volumes: dict[VmId, list[Volume]] = {vm.id: [] for vm in vms}
    for volume in await store.volumes.find(any_of("vm_id", list(volumes)), LIVE):
        if volume.vm_id is not None:
            volumes[volume.vm_id].append(volume)
    return tuple(victim(vm_id, own) for vm_id, own in volumes.items())
