"""Orders about what a running guest has: the medium in its drive, one disk more or less, a bigger one.

A guest with one more disk can write to one more pool.  So the lease area is told before the hypervisor is, and told of a pool less only by the
hypervisor's own word; in between, and while nobody knows, the guest counts as having the disk.  A guest that does not run here under
that epoch is given nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from mainstay_agent.driver import HotPlugs, Outcome, refused, unknown
from mainstay_agent.duties.answers import NOT_SUPPORTED, Deadline
from mainstay_agent.duties.book import Entry, Wanted
from mainstay_agent.duties.charge import Charge
from mainstay_agent.duties.guest_orders import with_epoch
from mainstay_agent.lease.area import Refused
from mainstay_proto.messages import AttachDisk, ChangeMedium, DetachDisk, GrowDisk, GuestSpec, RunState, Tenure
from mainstay_runtime.errors import BadInput
from mainstay_runtime.logs import logger

log = logger(__name__)

NOT_RUNNING = refused("not-running", "the guest does not run here under that epoch")
CERTAINLY_NOT = (RunState.REFUSED, RunState.FAILED)

DeviceOrder = ChangeMedium | AttachDisk | DetachDisk | GrowDisk


async def change_medium(charge: Charge, order: ChangeMedium, deadline: Deadline) -> Outcome:
    async def change(devices: HotPlugs, entry: Entry | None) -> Outcome:
        seconds = deadline.remaining_seconds()
        outcome = await devices.change_medium(charge.host_id, order.vm_id, order.medium, order.forced, seconds)
        if outcome.done and entry is not None:
            charge.book.note_spec(entry.spec.with_medium(order.medium))
        return outcome

    return await _about(charge, order, deadline, change)


async def attach_disk(charge: Charge, order: AttachDisk, deadline: Deadline) -> Outcome:
    """Where an earlier order for that disk may be in effect, a refusal is UNKNOWN."""

    async def attach(devices: HotPlugs, entry: Entry | None) -> Outcome:
        if entry is None or entry.spec.epoch != order.epoch:
            return NOT_RUNNING
        wider = entry.spec.with_disk(order.disk)
        refusal = await _refuse(charge, wider, order.tenure) if entry.wanted is Wanted.RUNNING else NOT_RUNNING
        if refusal is not None:
            had_it = entry.spec.has_disk(order.disk.volume_id)
            return unknown(refusal.code, refusal.detail) if had_it else refusal
        charge.book.note_spec(wider)
        outcome = await devices.attach_disk(charge.host_id, order.vm_id, order.disk, deadline.remaining_seconds())
        if outcome.state in CERTAINLY_NOT:
            await _has_it_not(charge, wider, order.disk.volume_id)
        return outcome

    return await _about(charge, order, deadline, attach)


async def detach_disk(charge: Charge, order: DetachDisk, deadline: Deadline) -> Outcome:
    async def detach(devices: HotPlugs, entry: Entry | None) -> Outcome:
        if not _runs(entry, order.epoch):
            return NOT_RUNNING
        outcome = await devices.detach_disk(charge.host_id, order.vm_id, order.disk, deadline.remaining_seconds())
        if outcome.done and entry is not None:
            await _has_it_not(charge, entry.spec, order.disk.volume_id)
        return outcome

    return await _about(charge, order, deadline, detach)


async def grow_disk(charge: Charge, order: GrowDisk, deadline: Deadline) -> Outcome:
    async def grow(devices: HotPlugs, entry: Entry | None) -> Outcome:
        if not _runs(entry, order.epoch):
            return NOT_RUNNING
        return await devices.grow_disk(charge.host_id, order.vm_id, order.disk, deadline.remaining_seconds())

    return await _about(charge, order, deadline, grow)


async def _about(
    charge: Charge,
    order: DeviceOrder,
    deadline: Deadline,
    work: Callable[[HotPlugs, Entry | None], Awaitable[Outcome]],
) -> Outcome:
    """In the guest's turn, and told what is known of its orders."""
    devices = charge.hypervisor.devices
    if devices is None:
        return NOT_SUPPORTED

    async def do() -> Outcome:
        return await work(devices, charge.book.entry(order.vm_id))

    return await with_epoch(charge, order.vm_id, order.epoch, deadline, do)


def _runs(entry: Entry | None, epoch: int) -> bool:
    return entry is not None and entry.wanted is Wanted.RUNNING and entry.spec.epoch == epoch


async def _refuse(charge: Charge, spec: GuestSpec, tenure: Tenure | None) -> Outcome | None:
    """None: it stands on the pools of all its disks from now on."""
    if tenure is not None and tenure.boot_id != charge.facts.boot_id:
        return refused("superseded-boot", f"ordered under boot {tenure.boot_id}, now {charge.facts.boot_id}")
    generations = tuple((pool.pool_id, pool.generation) for pool in tenure.generations) if tenure else ()
    try:
        answer = await charge.area.stand_on(spec.vm_id, spec.epoch, spec.pool_ids, generations=generations)
    except BadInput as error:
        return refused("not-supported", f"the lease daemon is of an earlier release: {error}")
    return refused(answer.code, answer.detail) if isinstance(answer, Refused) else None


async def _has_it_not(charge: Charge, spec: GuestSpec, volume_id: str) -> None:
    """By the hypervisor's word."""
    narrower = spec.without_disk(volume_id)
    charge.book.note_spec(narrower)
    refusal = await _refuse(charge, narrower, None)
    if refusal is not None:
        log.warning("a guest stands on a pool where it has no disk any more", vm=spec.vm_id, why=refusal.detail)
