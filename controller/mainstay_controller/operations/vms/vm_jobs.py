"""What every job about a VM has in common: one way to begin it, one way to tell of its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mainstay_controller.domain.ids import VmId
from mainstay_controller.domain.records import Job, Vm
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import InvalidParameter
from mainstay_controller.operations.jobs import JOBS, Asker, JobRun, new_job
from mainstay_controller.operations.journal import Level, about_vm
from mainstay_controller.store.port import Store

INSTANCE_TYPE = "VirtualMachine"


async def living_vm(vm_id: VmId, store: Store, field: str = "id") -> Vm:
    vm = await store.vms.get(vm_id)
    if vm is None or vm.removed is not None:
        raise InvalidParameter(field, f"there is no VM {vm_id}")
    return vm


async def begin_vm_job(
    command: str,
    event: str,
    vm: Vm,
    asker: Asker,
    cloud: Cloud,
    *,
    changed: Vm | None = None,
    parameters: Mapping[str, str] | None = None,
) -> Job:
    """The VM's change, the event and the job become visible together.  Raises Stale if the VM changed since it was read."""
    async with cloud.store.transaction() as store:
        job = await write_vm_job(command, event, vm, asker, store, cloud, changed=changed, parameters=parameters)
    cloud.fleet.bells.ring(JOBS)
    return job


async def write_vm_job(
    command: str,
    event: str,
    vm: Vm,
    asker: Asker,
    store: Store,
    cloud: Cloud,
    *,
    changed: Vm | None = None,
    parameters: Mapping[str, str] | None = None,
) -> Job:
    """In the caller's transaction, who rings the bell after it."""
    job = new_job(
        cloud,
        command,
        asker,
        await store.now(),
        instance_type=INSTANCE_TYPE,
        instance_id=vm.id,
        parameters=parameters,
    )
    if changed is not None:
        vm = await store.vms.swap(vm, changed)
    return await add_vm_job(job, event, vm, store, cloud)


async def add_vm_job(job: Job, event: str, vm: Vm, store: Store, cloud: Cloud) -> Job:
    """In the caller's transaction."""
    told = await cloud.journal.event(
        store,
        event,
        f"{job.command} of VM {vm.name} is scheduled",
        about_vm(vm, user_id=job.user_id, job_id=job.id),
        state="Scheduled",
    )
    return await store.jobs.add(replace(job, parent_event_id=told.id))


async def tell_end(event: str, text: str, vm: Vm, run: JobRun, store: Store, *, level: Level = Level.INFO) -> None:
    """In the transaction that ends it."""
    await run.cloud.journal.event(
        store,
        event,
        text,
        about_vm(vm, user_id=run.job.user_id, job_id=run.job.id),
        level=level,
        start_event_id=run.job.parent_event_id,
    )
