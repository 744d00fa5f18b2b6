"""A guest is not where it should run, on a host that lives: is it gone, and does the host promise so?

Its own host is given a moment to start it again (standing authority).  Then the host is ordered to forget the guest: a host that did so
neither runs it nor starts it by itself, and that is the proof on which it may be started anywhere.  A host that has no way to its storage cannot
tell whether the guest's last writes have landed; then its word counts once somebody sees that storage move."""

from __future__ import annotations

from mainstay_controller.domain.ha.evidence import StopCause
from mainstay_controller.domain.ha.proof import Acknowledged
from mainstay_controller.domain.ha.settling import Settled
from mainstay_controller.domain.ids import HostId, VmId
from mainstay_controller.domain.lifecycle.incident import IncidentEvent
from mainstay_controller.domain.records import Incident, Vm
from mainstay_controller.domain.states import IncidentPhase, VmState
from mainstay_controller.fleet.outcome import Done, Outcome, Refused, Unknown, in_words
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.orders.settle import settling
from mainstay_controller.operations.orders.start_orders import as_victim
from mainstay_controller.operations.recovery.casebook import DECISIONS, CaseFile
from mainstay_controller.operations.recovery.release_guests import Freed, release
from mainstay_controller.store.port import Stale

ASK_AGAIN_SECONDS = 2.0
LOCALLY_RESTARTED = frozenset({StopCause.CRASHED, StopCause.VANISHED})


async def investigate_guest(case: CaseFile, cloud: Cloud) -> None:
    if case.incident.phase is IncidentPhase.SUSPECTED:
        await case.advance(IncidentEvent.INVESTIGATE, "asking its host")
    await _let_its_host_restart_it(case, cloud)
    silent_since: float | None = None
    while case.incident.phase is not IncidentPhase.RECOVERING:
        vm = await cloud.store.vms.by_id(VmId(str(case.incident.vm_id)))
        if vm.host_id != case.incident.host_id or vm.state is not VmState.RUNNING or vm.removed is not None:
            await case.advance(IncidentEvent.FALSE_ALARM, f"it is {vm.state} by other hands")
            return
        told = await _order_to_forget(vm, case, cloud)
        match told:
            case Done():
                await _release_if_settled(vm, case)
            case Refused(code="running"):
                await case.advance(IncidentEvent.FALSE_ALARM, "it runs on its host")
                return
            case Unknown(code="storage-silent"):
                silent_since = cloud.clock.monotonic() if silent_since is None else silent_since
                await _wait(told, case, cloud)
                await _release_if_settled(vm, case, silent_since)
            case _:
                await _wait(told, case, cloud)


async def _let_its_host_restart_it(case: CaseFile, cloud: Cloud) -> None:
    vm = await cloud.store.vms.by_id(VmId(str(case.incident.vm_id)))
    if vm.ha_enabled and cause_in(case.incident) in LOCALLY_RESTARTED:
        await cloud.clock.sleep(cloud.settings.local_restart_grace_seconds)


def cause_in(incident: Incident) -> StopCause:
    """As its host told it when the incident was opened; once it forgot the guest it cannot tell any more."""
    return StopCause(str(incident.evidence[0]["cause"]))


async def _order_to_forget(vm: Vm, case: CaseFile, cloud: Cloud) -> Outcome:
    host_id = HostId(str(vm.host_id))
    return await cloud.fleet.forget_guest(
        host_id,
        vm.id,
        vm.epoch,
        command_id=f"{case.id}:forget:{cloud.rng.uuid()}",
        deadline_seconds=cloud.settings.order_deadline_seconds,
    )


async def _release_if_settled(vm: Vm, case: CaseFile, silent_since: float | None = None) -> None:
    """`silent_since`: when the host first said that it is gone since delta, and that its storage is silent."""
    host_id = HostId(str(vm.host_id))
    proof = Acknowledged(vm_id=vm.id, host_id=host_id, epoch=vm.epoch, writes_landed=silent_since is None)
    pool_ids = (await as_victim(vm, case.cloud.store)).pool_ids
    settled = await settling([proof], pool_ids, case.id, case.cloud, over_at=silent_since)
    if isinstance(settled, Settled):
        await _release(vm, settled, case)


async def _release(vm: Vm, settled: Settled, case: CaseFile) -> None:
    cloud = case.cloud
    try:
        async with cloud.store.transaction() as store:
            await release(store, case, [Freed(vm=vm, settled=settled, cause=cause_in(case.incident))])
            await case.advance(IncidentEvent.PROVEN, f"proven: {settled}", store, settled.proof)
        cloud.fleet.bells.ring(DECISIONS)
    except Stale:
        case.note("it changed while it was being released")


async def _wait(told: Outcome, case: CaseFile, cloud: Cloud) -> None:
    text = f"its host was told to forget it: {in_words(told)}"
    if case.incident.timeline[-1]["text"] != text:
        case.note(text)
        await case.write()
    await cloud.clock.sleep(ASK_AGAIN_SECONDS)
