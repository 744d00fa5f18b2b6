"""Give a VM an ISO image, or take it away.  Its host is told with the next start: a running guest keeps the disks it was started with."""

from __future__ import annotations

from dataclasses import replace

from mainstay_controller.domain.records import Template, Vm
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter, ResourceInUse
from mainstay_controller.operations.storage.update_template import delete_template
from mainstay_controller.store.port import LIVE, eq


async def attach_iso(iso: Template, vm: Vm, cloud: Cloud) -> Vm:
    if iso.hypervisor != vm.hypervisor or iso.zone_id not in (None, vm.zone_id):
        raise InvalidParameter("id", f"ISO {iso.name} is for {iso.hypervisor}, or in another zone than VM {vm.name}")
    if vm.iso_id is not None:
        raise ResourceInUse(f"VM {vm.name} has an ISO already: detach it first")
    return await cloud.store.vms.swap(vm, replace(vm, iso_id=iso.id))


async def detach_iso(vm: Vm, cloud: Cloud) -> Vm:
    if vm.iso_id is None:
        raise InvalidParameter("virtualmachineid", f"VM {vm.name} has no ISO")
    return await cloud.store.vms.swap(vm, replace(vm, iso_id=None))


async def delete_iso(iso: Template, cloud: Cloud) -> None:
    users = await cloud.store.vms.find(eq("iso_id", iso.id), LIVE, limit=1)
    if users:
        raise ResourceInUse(f"ISO {iso.name} is attached to VM {users[0].name}")
    await delete_template(iso, cloud)
