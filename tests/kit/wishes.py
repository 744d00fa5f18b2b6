"""What users ask for in stories about VMs, in one line each."""

from __future__ import annotations

from typing import Any

from mainstay_controller.domain.ids import VmId
from mainstay_controller.domain.records import Job, Vm
from mainstay_controller.domain.states import JobState
from mainstay_controller.operations.orders.choose_host import Wish
from mainstay_controller.operations.vms import deploy_vm, start_vm, stop_vm
from mainstay_controller.operations.vms.deploy_vm import NewVm
from tests.kit.small_cloud import ANN, DOMAIN, OFFERING, TEMPLATE, ZONE, Here


def a_new_vm(**other: Any) -> NewVm:
    ordinary: dict[str, Any] = {
        "zone_id": ZONE,
        "service_offering_id": OFFERING,
        "template_id": TEMPLATE,
        "account_id": ANN.account_id,
        "domain_id": DOMAIN,
        "name": "web",
    }
    return NewVm(**(ordinary | other))


async def deploy(here: Here, **other: Any) -> Job:
    return await deploy_vm.begin(a_new_vm(**other), ANN, here.cloud)


async def a_running_vm(here: Here, **other: Any) -> Vm:
    job = await here.run(await deploy(here, **other))
    assert job.state is JobState.SUCCEEDED, job.result
    return await here.vm(job.instance_id)


async def start(here: Here, vm: Vm, **wish: Any) -> Job:
    return await start_vm.begin(VmId(vm.id), Wish(**wish), ANN, here.cloud)


async def stop(here: Here, vm: Vm, *, forced: bool = False) -> Job:
    return await stop_vm.begin(VmId(vm.id), ANN, here.cloud, forced=forced)


async def a_stopped_vm(here: Here, **other: Any) -> Vm:
    vm = await a_running_vm(here, **other)
    await here.run(await stop(here, vm))
    return await here.vm(vm.id)
