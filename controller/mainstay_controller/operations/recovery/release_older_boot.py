"""A host came back under another boot id: what ran under the older one runs no more, and is released as its pools are seen moving."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from mainstay_controller.domain.ha.proof import Rebooted
from mainstay_controller.domain.lifecycle.incident import IncidentEvent
from mainstay_controller.domain.records import Host, Incident, Vm
from mainstay_controller.domain.states import IncidentPhase
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.orders.settle import settle_all
from mainstay_controller.operations.recovery.casebook import DECISIONS, INCIDENTS, case_file, open_host_incident
from mainstay_controller.operations.recovery.release_guests import ON_A_HOST, Freed, release
from mainstay_controller.operations.recovery.victims import victims_of
from mainstay_controller.store.port import Store

REBOOTED = "it came back under a new boot id"


async def release_older_boot(host: Host, guests: Iterable[Vm], cloud: Cloud) -> tuple[str, ...]:
    """What is still waited for: come again.  `guests`: on it by their rows.  Nothing is done if no guest and no investigation is of an older boot.
    Raises Stale or CaseLost when others were at it; come again."""
    there = [vm for vm in guests if is_left_behind(vm, host)]
    incidents = [each for each in await cloud.rounds.incidents(host.id) if is_older(each.host_boot_id, host)]
    if not there and all(incident.phase is IncidentPhase.RECOVERING for incident in incidents):
        return ()
    old_boot_id = there[0].host_boot_id if there else incidents[0].host_boot_id
    proof = Rebooted(old_boot_id=old_boot_id or "", new_boot_id=host.boot_id or "", seen_by=f"agent of {host.name}")
    victims = await victims_of(there, cloud.store)
    settled, held_back = await settle_all([(victim, (proof,)) for victim in victims], "", cloud)
    freed = [Freed(vm=vm, settled=settled[vm.id]) for vm in there if vm.id in settled]
    async with cloud.store.transaction() as store:
        incident = incidents[0] if incidents else await _open(store, host, proof, cloud)
        await _release(store, incident, proof, freed, cloud, all_of_them=not held_back)
    cloud.fleet.bells.ring(DECISIONS)
    cloud.fleet.bells.ring(INCIDENTS)
    return held_back


def is_left_behind(vm: Vm, host: Host) -> bool:
    """By its row it runs under a boot of this host that is over."""
    return vm.state in ON_A_HOST and is_older(vm.host_boot_id, host)


def is_older(boot_id: str | None, host: Host) -> bool:
    return boot_id is not None and boot_id != host.boot_id


async def _open(store: Store, host: Host, proof: Rebooted, cloud: Cloud) -> Incident:
    return await open_host_incident(store, replace(host, boot_id=proof.old_boot_id), REBOOTED, 0.0, cloud)


async def _release(
    store: Store, incident: Incident, proof: Rebooted, freed: list[Freed], cloud: Cloud, *, all_of_them: bool
) -> None:
    case = await case_file(incident, cloud)
    await release(store, case, freed)
    if all_of_them and incident.phase is not IncidentPhase.RECOVERING:
        await case.advance(IncidentEvent.PROVEN, f"proven: {proof}", store, proof)
    elif freed:
        case.note(f"proven: {proof}")
        await case.write(store)
