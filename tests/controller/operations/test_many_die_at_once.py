"""Hosts that are proven dead in one moment change together, and none of them pays for another's lost race."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from mainstay_controller.domain.ha.proof import LeaseExpired
from mainstay_controller.domain.ha.settling import Settled
from mainstay_controller.domain.ha.suspicion import Contact, Silence
from mainstay_controller.domain.ids import HostId, PoolId
from mainstay_controller.domain.records import Host
from mainstay_controller.domain.states import HostState, IncidentPhase
from mainstay_controller.operations.recovery.casebook import CaseFile, case_file, open_incidents
from mainstay_controller.operations.recovery.investigate_host import Finding, declare_down
from mainstay_controller.operations.recovery.suspect_host import suspect_hosts
from mainstay_controller.store.port import Stale, eq
from tests.kit.small_cloud import POOL, Here, a_cloud
from tests.kit.wishes import a_running_vm

EXPIRED = LeaseExpired(pool_id=PoolId(POOL), boot_id="", generation=1, witnesses=(HostId("h9"),))


async def all_suspect(here: Here, hosts: int) -> None:
    names = [HostId(f"h{number}") for number in range(1, hosts + 1)]
    for name in names:
        here.cloud.fleet.drop_session(name, "silent")
    await asyncio.sleep(10)
    silences = [Silence(host_id=name, contact=Contact.LIVE, since=1e9, seconds=10.0) for name in names]
    assert await suspect_hosts(silences, here.cloud) == set(names)


async def a_finding(case: CaseFile, host: Host, here: Here) -> Finding:
    guests = await here.cloud.store.vms.find(eq("host_id", host.id))
    return Finding(
        case=case,
        host=host,
        proofs=(EXPIRED,),
        settled={vm.id: Settled(proof=EXPIRED) for vm in guests},
        unproven=set(),
        evidence=(),
    )


async def declared(here: Here, *, stale: str = "") -> list[str]:
    """All of them at once; which of them were not, since their rows had changed."""
    late: list[str] = []

    async def declare(incident_id: str) -> None:
        incident = await here.cloud.store.incidents.by_id(incident_id)
        case, host = await case_file(incident, here.cloud), await here.cloud.store.hosts.by_id(str(incident.host_id))
        if host.id == stale:
            host = replace(host, version=host.version - 1)
        try:
            await declare_down(await a_finding(case, host, here), here.cloud)
        except Stale:
            late.append(host.id)

    async with asyncio.TaskGroup() as group:
        for incident in await open_incidents(here.cloud.store):
            group.create_task(declare(incident.id))
    return late


async def states(here: Here) -> dict[str, HostState]:
    return {host.id: host.state for host in await here.cloud.store.hosts.find()}


async def test_they_become_suspect_together_each_with_an_incident_and_an_alert() -> None:
    async with a_cloud(hosts=4) as here:
        await all_suspect(here, 4)

        assert set((await states(here)).values()) == {HostState.ALERT}
        assert {incident.host_id for incident in await here.cloud.store.incidents.find()} == {"h1", "h2", "h3", "h4"}
        assert {alert.dedupe_key for alert in await here.cloud.store.alerts.find()} >= {"host:h1", "host:h4"}


async def test_they_are_declared_dead_together_and_each_guest_is_released_under_its_own_host_s_incident() -> None:
    async with a_cloud(hosts=4) as here:
        guests = [await a_running_vm(here) for _ in range(4)]
        await all_suspect(here, 4)

        late = await declared(here)

        incidents = {incident.id: incident for incident in await here.cloud.store.incidents.find()}
        decisions = {decision.vm_id: decision for decision in await here.cloud.store.decisions.find()}
        assert late == []
        assert set((await states(here)).values()) == {HostState.DOWN}
        assert {incident.phase for incident in incidents.values()} == {IncidentPhase.RECOVERING}
        assert {incidents[decisions[vm.id].incident_id].host_id for vm in guests} == {vm.host_id for vm in guests}


async def test_one_whose_row_changed_is_looked_at_again_and_the_others_are_dead() -> None:
    async with a_cloud(hosts=4) as here:
        await all_suspect(here, 4)

        late = await declared(here, stale="h2")

        assert late == ["h2"]
        assert (await states(here))["h2"] is HostState.ALERT
        assert sorted((await states(here)).values()) == ["Alert", "Down", "Down", "Down"]
        assert all(len(incident.timeline) <= 2 for incident in await here.cloud.store.incidents.find()), "told once"
