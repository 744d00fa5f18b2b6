"""Is there proof on file that a host no longer does what it was told under one of its boots?

A host that was seen under a later boot is proof in itself.  Otherwise the host must still be Down, since a lease that lapsed says nothing about
what the same boot was given afterwards, and one of the proofs that made it so must speak for the pools in question.  Either way these pools must hold
nothing back of it; until somebody has seen that, there is none."""

from __future__ import annotations

from collections.abc import Iterable

from mainstay_controller.domain.ha.proof import Proof, Rebooted, Victim, from_facts, proofs_for
from mainstay_controller.domain.ha.settling import Settled
from mainstay_controller.domain.ids import HostId, PoolId, VmId
from mainstay_controller.domain.records import Host
from mainstay_controller.domain.states import HostState
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.orders.settle import settling
from mainstay_controller.store.port import Store, eq


def work_on(pool_ids: Iterable[PoolId]) -> Victim:
    """What a host does on these pools, be it for a guest or not."""
    return Victim(vm_id=VmId(""), pool_ids=frozenset(pool_ids))


async def proof_on_file(host_id: HostId, boot_id: str | None, what: Victim, cloud: Cloud) -> Settled | None:
    """`boot_id` None: whatever its last boot was."""
    host = await cloud.store.hosts.get(host_id)
    if host is None or host.boot_id is None:
        return None
    incident_id, found = await _proofs(host, boot_id, cloud.store)
    proofs = proofs_for(what, found)
    if not proofs:
        return None
    told = await settling(proofs, what.pool_ids, incident_id, cloud)
    return told if isinstance(told, Settled) else None


async def _proofs(host: Host, boot_id: str | None, store: Store) -> tuple[str, list[Proof]]:
    """And the incident in which they were found; a boot proves by itself."""
    if boot_id is not None and host.boot_id is not None and boot_id != host.boot_id:
        return "", [Rebooted(old_boot_id=boot_id, new_boot_id=host.boot_id, seen_by=f"agent of {host.name}")]
    if host.state is not HostState.DOWN or host.proven_dead_boot_id != host.boot_id:
        return "", []
    return await _proofs_against(host, store)


async def _proofs_against(host: Host, store: Store) -> tuple[str, list[Proof]]:
    """Of the newest incident that found that boot dead."""
    incidents = await store.incidents.find(
        eq("host_id", host.id), eq("vm_id", None), eq("host_boot_id", host.boot_id), descending=True
    )
    for incident in incidents:
        proofs = [proof for facts in incident.evidence if (proof := from_facts(facts)) is not None]
        if proofs:
            return incident.id, proofs
    return "", []
