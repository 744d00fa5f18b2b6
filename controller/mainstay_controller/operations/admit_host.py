"""Let an agent's hosts in: are they ours, what are they, and what must they know.

Only after its guests are reconciled with our rows (`reconcile_host`) is a host Up and given guests; until then it is Connecting."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mainstay_controller.domain.lifecycle.host import HostEvent
from mainstay_controller.domain.records import Host, LeaseSlot
from mainstay_controller.fleet.gate import HostArrival, Orientation, TurnedAway
from mainstay_controller.operations.change_state import change_host
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.orient_host import orient, reorient_pool
from mainstay_controller.store.port import Stale, eq


@dataclass(frozen=True, slots=True)
class HostGate:
    """fleet.gate.Gate on rows."""

    cloud: Cloud

    async def admit(self, arrivals: tuple[HostArrival, ...]) -> Orientation | TurnedAway:
        for arrival in arrivals:
            host = await self.cloud.store.hosts.get(arrival.host_id)
            if host is None or host.removed is not None:
                return TurnedAway(code="unknown-host", detail=f"host {arrival.host_id} is not of this cloud")
            if not speaks_for(arrival.agent_id, host):
                detail = f"agent {arrival.agent_id} does not speak for host {host.name}"
                return TurnedAway(code="unknown-host", detail=detail)
        if not arrivals:
            return TurnedAway(code="unknown-host", detail="an agent must speak for a host")
        befores = [await self._connect(arrival) for arrival in arrivals]
        slots_before = await self._slots(befores)
        orientation = await orient(befores, self.cloud.store)
        await self._tell_new_slots(befores, slots_before)
        elsewhere = [before.id for before in befores if before.controller_id != self.cloud.me.id]
        return replace(orientation, held_elsewhere=frozenset(elsewhere))

    async def _connect(self, arrival: HostArrival) -> Host:
        """Its row as it was before."""
        store = self.cloud.store
        while True:
            host = await store.hosts.by_id(arrival.host_id)
            why = f"agent {arrival.agent_id} connected, boot {arrival.boot_id}"
            into = replace(introduced(host, arrival), controller_id=self.cloud.me.id)
            try:
                await change_host(store, host, HostEvent.AGENT_CONNECTED, await store.now(), why, into=into)
                return host
            except Stale:
                continue

    async def _slots(self, hosts: list[Host]) -> set[str]:
        rows: list[LeaseSlot] = []
        for host in hosts:
            rows += await self.cloud.store.lease_slots.find(eq("host_id", host.id))
        return {row.id for row in rows}

    async def _tell_new_slots(self, hosts: list[Host], before: set[str]) -> None:
        """The other hosts of a pool must know whose the new slot is: they are its observers."""
        after = await self._slots(hosts)
        for pool_id in sorted({slot_id.split(":")[0] for slot_id in after - before}):
            await reorient_pool(await self.cloud.store.pools.by_id(pool_id), self.cloud)


def speaks_for(agent_id: str, host: Host) -> bool:
    """An agent speaks for the host of its own id, and for those whose row names it (details: agent_id)."""
    return agent_id in (host.id, host.details.get("agent_id"))


def introduced(host: Host, arrival: HostArrival) -> Host:
    """At its first arrival it tells its name; what an operator called it later stays."""
    return replace(
        host,
        name=arrival.name if host.boot_id is None and arrival.name else host.name,
        boot_id=arrival.boot_id,
        ip=arrival.ip or host.ip,
        url=arrival.url or host.url,
        hypervisor_version=arrival.hypervisor_version,
        agent_version=arrival.agent_version,
        cpu_sockets=arrival.cpu_sockets,
        cpus=arrival.cpus,
        cpu_mhz=arrival.cpu_mhz,
        memory_mib=arrival.memory_mib,
        capabilities=arrival.capabilities,
        watchdog=arrival.watchdog,
    )
