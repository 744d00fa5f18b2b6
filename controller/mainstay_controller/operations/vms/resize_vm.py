"""Give a VM that is Stopped another size: that of another service offering, from its next start on."""

from __future__ import annotations

from dataclasses import replace

from mainstay_controller.domain.records import ServiceOffering, Vm
from mainstay_controller.domain.states import VmState
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter, ResourceInUse


async def resize_vm(vm: Vm, offering: ServiceOffering, cloud: Cloud) -> Vm:
    if vm.state is not VmState.STOPPED:
        raise ResourceInUse(f"VM {vm.name} is {vm.state}: its size can be changed when it is Stopped")
    if offering.is_system is (vm.type == "User"):
        whose = "system VMs" if offering.is_system else "users' VMs"
        raise InvalidParameter("serviceofferingid", f"offering {offering.name} is for {whose}")
    if offering.zone_ids and vm.zone_id not in offering.zone_ids:
        raise InvalidParameter("serviceofferingid", f"offering {offering.name} is not for the zone of VM {vm.name}")
    return await cloud.store.vms.swap(
        vm,
        replace(
            vm,
            service_offering_id=offering.id,
            cpus=offering.cpus,
            cpu_mhz=offering.cpu_mhz,
            memory_mib=offering.memory_mib,
            ha_enabled=offering.offer_ha,
            restart_after_guest_shutdown=offering.restart_after_guest_shutdown,
            priority=offering.priority,
        ),
    )
