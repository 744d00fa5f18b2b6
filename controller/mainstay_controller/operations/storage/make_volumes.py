"""Make a guest's disks on the host that is to run it, and remove them.

Where a volume is to be is written before a host is told; while it is unknown whether a host makes its file, no other host touches it."""

from __future__ import annotations

from dataclasses import replace

from mainstay_controller.domain.ids import HostId
from mainstay_controller.domain.records import Host, StoragePool, Template, Vm, Volume
from mainstay_controller.domain.states import HostState, VolumeState
from mainstay_controller.fleet.outcome import Done, Outcome, in_words
from mainstay_controller.operations.errors import OperationError, ResourceUnavailable
from mainstay_controller.operations.jobs import JobRun
from mainstay_controller.operations.orders.ask_again import boot_is_over, until_known
from mainstay_controller.operations.orders.proof_on_file import work_on
from mainstay_controller.operations.orders.start_orders import Belongings, belongings, image_path
from mainstay_controller.operations.storage.upload_volume import forget_image
from mainstay_controller.store.port import LIVE, Store, eq

BLANK_FORMAT = "qcow2"
"""Of a disk that is made from nothing."""


class VolumeNotMade(OperationError):
    """The host could not make a volume; nothing is left of it there."""


async def assign_pool(vm: Vm, pool: StoragePool, store: Store) -> None:
    """Every volume that is nowhere yet is to be made there.  In the caller's transaction."""
    for volume in await store.volumes.find(eq("vm_id", vm.id), eq("pool_id", None), LIVE):
        await store.volumes.swap(volume, replace(volume, pool_id=pool.id, state=VolumeState.CREATING))


async def withdraw_pool(vm: Vm, store: Store) -> None:
    """Volumes that were certainly not made are nowhere again.  In the caller's transaction."""
    for volume in await store.volumes.find(eq("vm_id", vm.id), eq("state", VolumeState.CREATING), LIVE):
        await store.volumes.swap(volume, replace(volume, pool_id=None, state=VolumeState.ALLOCATED))


async def make_volumes(vm: Vm, host: Host, run: JobRun, *, may_have_been_sent: bool) -> None:
    """Raises VolumeNotMade when the host certainly did not make one of them."""
    owns = await belongings(vm, run.cloud.store)
    for volume in owns.volumes:
        if volume.state is VolumeState.CREATING and volume.pool_id is not None:
            image = image_path(await _template_of(volume, owns, run.cloud.store))
            pool = owns.pools[volume.pool_id]
            await make(volume, pool, image, host, vm.host_boot_id, run, may_have_been_sent=may_have_been_sent)


def format_from(template: Template) -> str:
    """Of a root disk: its template's; an ISO leaves it blank."""
    return BLANK_FORMAT if template.is_iso else template.format.lower()


async def _template_of(volume: Volume, owns: Belongings, store: Store) -> Template | None:
    """A data disk has one of its own if it was uploaded."""
    if volume.type == "ROOT":
        return owns.template
    return await store.templates.get(volume.template_id) if volume.template_id else None


async def make(
    volume: Volume,
    pool: StoragePool,
    image: str | None,
    host: Host,
    boot_id: str | None,
    run: JobRun,
    *,
    may_have_been_sent: bool,
) -> Volume:
    """`boot_id`: under which boot of the host that may have begun.  Raises VolumeNotMade when it certainly is not made."""
    cloud = run.cloud

    async def order(attempt: int) -> Outcome:
        return await cloud.fleet.prepare_volume(
            host.id,
            volume,
            pool.path,
            template_path=image,
            command_id=run.command_id("make", volume.id, host.id, attempt),
            deadline_seconds=cloud.settings.order_deadline_seconds,
        )

    async def host_is_gone() -> bool:
        return await boot_is_over(host.id, boot_id, cloud, work_on([pool.id]))

    told = await until_known(order, may_have_been_sent=may_have_been_sent, host_is_gone=host_is_gone, cloud=cloud)
    if not isinstance(told, Done):
        raise VolumeNotMade(f"volume {volume.name} on pool {pool.name}: {in_words(told)}")
    return await cloud.store.volumes.swap(volume, replace(volume, state=VolumeState.READY))


async def remove_volumes(vm: Vm, run: JobRun) -> None:
    """Files, then rows.  A file that no host could remove now leaves its row in Destroy and raises ResourceUnavailable."""
    store = run.cloud.store
    for volume in await store.volumes.find(eq("vm_id", vm.id), LIVE):
        if volume.pool_id is not None:
            await remove_file(volume, await store.pools.by_id(volume.pool_id), run, first=vm.last_host_id)
        gone = replace(volume, state=VolumeState.EXPUNGED, pool_id=None, removed=await store.now())
        async with store.transaction() as books:
            await books.volumes.swap(volume, gone)
            await forget_image(volume, books)


async def remove_file(
    volume: Volume, pool: StoragePool, run: JobRun, *, first: HostId | None = None, attempt: int = 0
) -> None:
    """By the first host that can.  A host answers an order of the same attempt as it did before."""
    cloud = run.cloud
    answers = []
    for host in await hosts_reaching(pool, cloud.store, first=first):
        told = await cloud.fleet.remove_volume(
            host.id,
            volume,
            pool.path,
            command_id=run.command_id("remove", volume.id, host.id, run.job.attempts, attempt),
            deadline_seconds=cloud.settings.order_deadline_seconds,
        )
        if isinstance(told, Done):
            return
        answers.append(f"{host.name}: {in_words(told)}")
    raise ResourceUnavailable(f"Volume {volume.name} could not be removed from pool {pool.name}: {'; '.join(answers)}")


async def hosts_reaching(pool: StoragePool, store: Store, first: HostId | None = None) -> list[Host]:
    """Those that are Up, `first` before the others."""
    scope = {"HOST": ("id", pool.host_id), "CLUSTER": ("cluster_id", pool.cluster_id)}
    field, value = scope.get(pool.scope, ("zone_id", pool.zone_id))
    hosts = await store.hosts.find(eq(field, value), eq("state", HostState.UP), LIVE)
    return sorted(hosts, key=lambda host: (host.id != first, host.name))
