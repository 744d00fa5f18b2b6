"""The guests of a dead or doubtful host, each with the pools its disks are on: what a proof must cover, and what must have been seen moving."""

from __future__ import annotations

from collections.abc import Iterable

from mainstay_controller.domain.ha.proof import Victim
from mainstay_controller.domain.ids import PoolId, VmId
from mainstay_controller.domain.records import Vm
from mainstay_controller.store.port import Store, any_of


async def victims_of(vms: Iterable[Vm], store: Store) -> tuple[Victim, ...]:
    """In their order."""
    vm_ids = [vm.id for vm in vms]
    pools: dict[VmId, set[PoolId]] = {vm_id: set() for vm_id in vm_ids}
    for volume in await store.volumes.find(any_of("vm_id", vm_ids)):
        if volume.vm_id is not None and volume.pool_id is not None and volume.removed is None:
            pools[volume.vm_id].add(volume.pool_id)
    return tuple(Victim(vm_id=vm_id, pool_ids=frozenset(pools[vm_id])) for vm_id in vm_ids)
