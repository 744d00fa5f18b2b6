"""Bring a guest up that the lease area has granted, and say truly what became of it.

A start whose outcome nobody knows stays in flight, in the ledger and in what we tell, until the hypervisor answers."""

from __future__ import annotations

from mainstay_agent.driver import Outcome
from mainstay_agent.duties.book import Wanted
from mainstay_agent.duties.charge import Charge, Restarted
from mainstay_proto.messages import GuestReport, GuestSpec, GuestState, RunState, StopCause


async def launch(charge: Charge, spec: GuestSpec, deadline_seconds: float, restart: Restarted | None = None) -> Outcome:
    charge.tell_start(spec, restart)
    outcome = await charge.driver.start(charge.host_id, spec, deadline_seconds)
    match outcome.state:
        case RunState.DONE:
            await runs(charge, spec.vm_id, spec.epoch)
        case RunState.FAILED:
            await is_gone(charge, spec.vm_id, spec.epoch)
        case RunState.REFUSED | RunState.UNKNOWN:
            pass  # the next look at this guest asks what is so
    return outcome


async def runs(charge: Charge, vm_id: str, epoch: int) -> None:
    """The hypervisor said so."""
    charge.book.want(vm_id, Wanted.RUNNING)
    charge.view.start_over(vm_id)
    known = charge.view.of(vm_id)
    if known is None or known.epoch != epoch or known.state is GuestState.STARTING:
        charge.view.sight(GuestReport(vm_id=vm_id, state=GuestState.RUNNING, epoch=epoch))
    charge.tell_changes()
    await charge.area.confirm_running(vm_id, epoch)


async def is_gone(charge: Charge, vm_id: str, epoch: int) -> None:
    """The hypervisor said so, and no start of it is in flight."""
    charge.view.start_over(vm_id)
    charge.tell_changes()
    await charge.area.confirm_gone(vm_id, epoch)


async def kill(charge: Charge, vm_id: str, epoch: int) -> bool:
    """For safety, not by order.  False: the hypervisor has not said that it is gone."""
    outcome = await charge.driver.destroy(charge.host_id, vm_id, charge.settings.kill_deadline_seconds)
    if outcome.done:
        was_fenced(charge, vm_id, epoch)
        await is_gone(charge, vm_id, epoch)
    return outcome.done


def was_fenced(charge: Charge, vm_id: str, epoch: int) -> None:
    """It is gone by our deed or the lease daemon's, whatever the hypervisor makes of that death."""
    charge.view.fenced(GuestReport(vm_id=vm_id, state=GuestState.STOPPED, epoch=epoch, cause=StopCause.FENCED))
    charge.tell_changes()
