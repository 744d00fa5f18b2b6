"""What hypervisor and lease area tell by themselves, turned into news for the controller and guests to attend to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from mainstay_agent.driver import (
    Driver,
    DriverEvent,
    GuestChanged,
    GuestPausedOnIoError,
    HypervisorBack,
    HypervisorLost,
)
from mainstay_agent.duties import attend, launch
from mainstay_agent.duties.charge import AREA_SILENT, Charge
from mainstay_agent.duties.view import DOWN
from mainstay_agent.lease.area import (
    AreaBack,
    AreaEvent,
    AreaLost,
    GuestsKilled,
    HoldWanted,
    LeaseChanged,
    SightingsChanged,
    Warned,
)
from mainstay_proto.messages import GuestReport, HoldRequest, Sightings
from mainstay_runtime.errors import BadInput
from mainstay_runtime.logs import logger

log = logger(__name__)


async def listen_to_hypervisor(driver: Driver, charges: Mapping[str, Charge]) -> None:
    """For ever."""
    async for event in driver.events():
        try:
            _heard(charges[event.host_id], event)
        except Exception:
            log.exception("an event of the hypervisor broke", told=event)


def _heard(charge: Charge, event: DriverEvent) -> None:
    match event:
        case GuestChanged():
            _guest_changed(charge, event)
        case GuestPausedOnIoError(vm_id=vm_id):
            # Not at once: a disk that fails again would be tried without end.
            attend.begin_attending(charge, vm_id, after_seconds=charge.settings.look_seconds)
        case HypervisorLost():
            charge.note_answer(False)
        case HypervisorBack():
            begin_reconciling(charge)
        case never:
            assert_never(never)


def _guest_changed(charge: Charge, event: GuestChanged) -> None:
    """An event of an older epoch than we know is late: a sign to look, and no news."""
    known = charge.view.of(event.vm_id)
    if known is None or known.epoch <= event.epoch:
        charge.view.sight(
            GuestReport(vm_id=event.vm_id, state=event.state, epoch=event.epoch, cause=event.cause, detail=event.detail)
        )
        charge.tell_changes()
    its_order_is_under_way = charge.guest_lock(event.vm_id).locked()
    if event.state in DOWN or not its_order_is_under_way:
        attend.begin_attending(charge, event.vm_id, seen_at=charge.clock.monotonic())


async def listen_to_area(charge: Charge) -> None:
    """For ever."""
    async for event in charge.area.events():
        try:
            _area_told(charge, event)
        except Exception:
            log.exception("an event of the lease area broke", told=event)


def _area_told(charge: Charge, event: AreaEvent) -> None:
    match event:
        case LeaseChanged(lease=lease, why=why):
            log.info("lease changed", host=charge.host_id, pool=lease.pool_id, valid=lease.valid, why=why)
            begin_reconciling(charge)
        case GuestsKilled(entries=entries, why=why, pool_id=pool_id):
            for entry in entries:
                log.warning("guest was killed", host=charge.host_id, vm=entry.vm_id, pool=pool_id, why=why)
                launch.was_fenced(charge, entry.vm_id, entry.epoch)
                attend.begin_attending(charge, entry.vm_id)
        case HoldWanted(pool_id=pool_id, request_id=request_id):
            charge.uplink.send(HoldRequest(host_id=charge.host_id, pool_id=pool_id, request_id=request_id))
        case SightingsChanged(sightings=sightings):
            charge.uplink.send(Sightings(host_id=charge.host_id, sightings=sightings))
        case Warned(code=code, detail=detail, pool_id=pool_id):
            log.warning("lease area warns", host=charge.host_id, code=code, detail=detail, pool=pool_id)
        case AreaLost(detail=detail):
            log.error("lease area is lost: nothing can be started", host=charge.host_id, detail=detail)
        case AreaBack():
            charge.pools_in_force = None
            begin_reconciling(charge)
        case never:
            assert_never(never)


def begin_reconciling(charge: Charge) -> None:
    """Beside: a question to a hung hypervisor must not hold up what else is told."""
    charge.tasks.adopt(reconcile(charge), f"reconcile {charge.host_id}")


async def reconcile(charge: Charge) -> None:
    if charge.pools_in_force != charge.book.pools:
        await _configure_area(charge)
    await attend.reconcile(charge)


async def _configure_area(charge: Charge) -> None:
    """As the controller said last; refused or not heard, it is tried again at the next look."""
    pools = charge.book.pools
    if pools is None:
        return
    try:
        await charge.area.configure(
            charge.host_id, charge.facts.boot_id, pools.mounts, pools.lease_names, pools.profile
        )
    except (BadInput, *AREA_SILENT) as error:
        log.error("lease area is not configured as it should be", host=charge.host_id, error=str(error))
    else:
        charge.pools_in_force = pools
