"""The one place where a VM's epoch is raised and its start is ordered: users' jobs and recovery both come through here.

Promise: an epoch is raised by compare-and-set before any order that carries it, and only for a VM that is on no host by its row; a host leaves the
row (`taken_off`) only with proof, or its own word, that the VM does not run there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import PurePosixPath
from urllib.parse import urlparse

from mainstay_controller.domain.capacity.usage import ratios
from mainstay_controller.domain.ha.proof import Victim, victim
from mainstay_controller.domain.ids import PoolId
from mainstay_controller.domain.lifecycle.vm import VmEvent
from mainstay_controller.domain.records import (
    Cluster,
    Host,
    ServiceOffering,
    StoragePool,
    Template,
    Vm,
    Volume,
    Zone,
)
from mainstay_controller.domain.states import VmState
from mainstay_controller.fleet.guest_spec import GuestOrder, IsoOnHost
from mainstay_controller.fleet.outcome import Outcome
from mainstay_controller.operations.change_state import VmChange, change_vms
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.orders.screen_passwords import screen_password
from mainstay_controller.operations.orders.seeds import seed_of
from mainstay_controller.store.port import LIVE, NotFound, Stale, Store, any_of, eq


class StillSomewhere(Exception):
    """The VM has a host that was not shown to be without it; starting it elsewhere could run it twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Belongings:
    """What a guest is run with, beside its own row."""

    volumes: tuple[Volume, ...]
    template: Template | None
    pools: Mapping[PoolId, StoragePool]
    zone: Zone | None
    offering: ServiceOffering | None
    iso: Template | None = None


async def raise_epoch(store: Store, vm: Vm, host: Host, cluster: Cluster, now: datetime, why: str) -> Vm:
    """The VM as Starting on that host, under its next epoch.  Raises Stale if the row changed - a user's stop among other things - since
    it was read, ForbiddenTransition if it is not to be started from its state."""
    [raised] = await change_vms(store, now, [raising(vm, host, cluster, why)])
    return raised


def raising(vm: Vm, host: Host, cluster: Cluster, why: str) -> VmChange:
    """What raises its epoch; whoever writes many at once writes them with others of its kind."""
    if vm.host_id is not None or vm.target_host_id not in (None, host.id):
        raise StillSomewhere(f"{vm.name} is on host {vm.host_id}, target {vm.target_host_id}")
    event = VmEvent.OPERATION_RETRY if vm.state is VmState.STARTING else VmEvent.START_REQUESTED
    return VmChange(vm=vm, event=event, into=placed_on(vm, host, cluster, epoch=vm.epoch + 1), why=why)


def placed_on(vm: Vm, host: Host, cluster: Cluster, *, epoch: int) -> Vm:
    return replace(
        vm,
        epoch=epoch,
        host_id=host.id,
        host_boot_id=host.boot_id,
        target_host_id=None,
        pod_id=host.pod_id,
        cluster_id=host.cluster_id,
        stop_reason="",
        details={**vm.details, **ratios(cluster)},
    )


def taken_off(vm: Vm, why: str = "") -> Vm:
    """To be written only with proof, or its host's word, that it does not run there.  The target of a migration may have learnt of the
    next epoch: that one is used up."""
    return replace(
        vm,
        epoch=vm.epoch + (vm.state is VmState.MIGRATING),
        host_id=None,
        target_host_id=None,
        host_boot_id=None,
        last_host_id=vm.host_id or vm.last_host_id,
        stop_reason=why,
    )


async def order_start(vm: Vm, *, command_id: str, cloud: Cloud, owns: Belongings | None = None) -> Outcome:
    """Under the epoch in the row, on the host in the row: ordering it twice is safe, starting it twice impossible.  Raises Stale if the row says
    otherwise by now.

    The tenure is taken before the row is read: a guest leaves a host's row only after that host's boot or lease has ended, so an order that lay
    about while a database call hung is refused by its host, however late it comes."""
    assert vm.host_id is not None
    tenure = cloud.fleet.tenure(vm.host_id)
    guest = guest_order(await _unmoved_by_now(vm, cloud), owns or await belongings(vm, cloud.store), cloud)
    seconds = cloud.settings.order_deadline_seconds
    return await cloud.fleet.start_guest(vm.host_id, guest, tenure, command_id=command_id, deadline_seconds=seconds)


async def _unmoved_by_now(vm: Vm, cloud: Cloud) -> Vm:
    """Of many that are to be ordered in the same moment the rows are read together, each after it was asked for."""
    rows = await cloud.rounds.vms([vm.id])
    if not rows:
        raise NotFound(f"vms: {vm.id}")
    return _in_place(rows[0], vm)


async def unmoved(vm: Vm, store: Store) -> Vm:
    """The row as it is, if that VM still has its place and its epoch; else Stale."""
    return _in_place(await store.vms.by_id(vm.id), vm)


def _in_place(row: Vm, vm: Vm) -> Vm:
    if (row.epoch, row.host_id, row.target_host_id) != (vm.epoch, vm.host_id, vm.target_host_id):
        raise Stale(f"VM {row.name} is {row.state} under epoch {row.epoch} now")
    return row


async def belongings(vm: Vm, store: Store) -> Belongings:
    volumes = await store.volumes.find(eq("vm_id", vm.id), LIVE)
    pools = await store.pools.find(any_of("id", sorted({volume.pool_id for volume in volumes if volume.pool_id})))
    return Belongings(
        volumes=tuple(volumes),
        template=await store.templates.get(vm.template_id) if vm.template_id else None,
        pools={pool.id: pool for pool in pools},
        zone=await store.zones.get(vm.zone_id),
        offering=await store.service_offerings.get(vm.service_offering_id),
        iso=await store.templates.get(vm.iso_id) if vm.iso_id else None,
    )


async def as_victim(vm: Vm, store: Store) -> Victim:
    """With the pools that whatever proves it gone must speak for."""
    return victim(vm.id, await store.volumes.find(eq("vm_id", vm.id), LIVE))


def guest_order(vm: Vm, owns: Belongings, cloud: Cloud) -> GuestOrder:
    return GuestOrder(
        vm=vm,
        volumes=owns.volumes,
        template=owns.template,
        mounts={pool.id: pool.path for pool in owns.pools.values()},
        template_path=image_path(owns.template),
        iso=iso_on_host(owns.iso),
        seed=seed_of(vm, owns.zone, owns.offering, cloud),
        screen_password=screen_password(vm, cloud),
        memory_floor_mib=_memory_floor(vm),
    )


def image_path(template: Template | None) -> str | None:
    """Where hosts find the image; None for a guest that needs none behind its disk."""
    if template is None or not template.url or template.is_iso:
        return None
    return path_in(template.url)


def iso_on_host(iso: Template | None) -> IsoOnHost | None:
    return None if iso is None else IsoOnHost(id=iso.id, path=path_in(iso.url))


def path_in(url: str) -> str:
    """Of an image's file:///path, as hosts see it."""
    return str(PurePosixPath(urlparse(url).path))


def _memory_floor(vm: Vm) -> int | None:
    """Under memory over-provisioning a guest may be squeezed to what its share of the host really is."""
    ratio = float(vm.details.get("memoryOvercommitRatio", "1"))
    return int(vm.memory_mib / ratio) if ratio > 1 else None
