"""A host came back under another boot id: what ran under the older one runs no more."""

from __future__ import annotations

from mainstay_controller.domain.ha.proof import Rebooted
from mainstay_controller.domain.lifecycle.incident import IncidentEvent
from mainstay_controller.domain.records import Host, Incident, Vm
from mainstay_controller.domain.states import IncidentPhase
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.recovery.casebook import DECISIONS, case_file, open_host_incident
from mainstay_controller.operations.recovery.release_guests import ON_A_HOST, Freed, release
from mainstay_controller.store.port import Store


async def release_older_boot(host: Host, cloud: Cloud) -> None:
    """Nothing, if no guest and no investigation is of an older boot.  Raises Stale or CaseLost when others were at it; come again."""
    there = [vm for vm in await cloud.rounds.guests(host.id) if vm.state in ON_A_HOST]
    guests = [vm for vm in there if is_older(vm.host_boot_id, host)]
    incidents = [each for each in await cloud.rounds.incidents(host.id) if is_older(each.host_boot_id, host)]
    if not guests and all(incident.phase is IncidentPhase.RECOVERING for incident in incidents):
        return
    async with cloud.store.transaction() as store:
        await _release(store, host, guests, incidents, cloud)
    cloud.fleet.bells.ring(DECISIONS)


def is_older(boot_id: str | None, host: Host) -> bool:
    return boot_id is not None and boot_id != host.boot_id


async def _release(store: Store, host: Host, guests: list[Vm], incidents: list[Incident], cloud: Cloud) -> None:
    incident = incidents[0] if incidents else await open_host_incident(store, host, REBOOTED, 0.0, cloud)
    case = await case_file(incident, cloud)
    old_boot_id = guests[0].host_boot_id if guests else incident.host_boot_id
    seen_by = f"agent of {host.name}"
    proof = Rebooted(old_boot_id=old_boot_id or "", new_boot_id=host.boot_id or "", seen_by=seen_by)
    await release(store, case, [Freed(vm=vm, proof=proof) for vm in guests])
    if incident.phase is IncidentPhase.RECOVERING:
        case.note(f"proven: {proof}")
        await case.write(store)
    else:
        await case.advance(IncidentEvent.PROVEN, f"proven: {proof}", store, proof)


REBOOTED = "it came back under a new boot id"
