"""Let an agent's hosts in: are they ours, what are they, and what must they know.

Only after its guests are reconciled with our rows (`reconcile_host`) is a host Up and given guests; until then it is Connecting.

A new boot of a host is the end of what its older one ran, but only of the same machine: a copy of its disks in another one proves nothing.  So
another machine is let in under its name only when no guest can run there: none is left on it by our rows, and it is in no state to be given one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from mainstay_controller.domain.ids import HostId
from mainstay_controller.domain.lifecycle.host import HostEvent
from mainstay_controller.domain.records import Host
from mainstay_controller.domain.states import HostState
from mainstay_controller.fleet.gate import HostArrival, Orientation, TurnedAway
from mainstay_controller.operations.change_state import HostChange, change_hosts
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.gathered import Gathered
from mainstay_controller.operations.hosts.orient_host import orient_all, reorient_pool
from mainstay_controller.store.port import OutcomeUnknown, Stale, Unreachable, any_of

COME_AGAIN_SECONDS = 1.0
"""To us or to another controller, which may have the database."""
LIVING = frozenset({HostState.UP, HostState.CONNECTING, HostState.REBALANCING})


class HostGate:
    """fleet.gate.Gate on rows.  Agents that come at once are let in together."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self._callers = Gathered(self._admit_all)

    async def admit(self, arrivals: tuple[HostArrival, ...]) -> Orientation | TurnedAway:
        try:
            return await self._callers.ask(arrivals)
        except (Unreachable, OutcomeUnknown) as error:
            return TurnedAway(code="overloaded", detail=str(error), retry_after_seconds=COME_AGAIN_SECONDS)

    async def _admit_all(self, callers: Sequence[tuple[HostArrival, ...]]) -> list[Orientation | TurnedAway]:
        """Each caller is an agent with the hosts it speaks for."""
        rows = await self._rows([arrival.host_id for arrivals in callers for arrival in arrivals])
        strangers = await self._strangers([arrival for arrivals in callers for arrival in arrivals], rows)
        refused = [turned_away(arrivals, rows, strangers) for arrivals in callers]
        welcome = [arrivals for arrivals, refusal in zip(callers, refused, strict=True) if refusal is None]
        oriented = iter(await self._let_in(welcome, rows))
        return [refusal or next(oriented) for refusal in refused]

    async def _rows(self, host_ids: Sequence[HostId]) -> dict[HostId, Host]:
        return {host.id: host for host in await self.cloud.store.hosts.find(any_of("id", host_ids))}

    async def _strangers(self, arrivals: Iterable[HostArrival], rows: Mapping[HostId, Host]) -> frozenset[HostId]:
        """Hosts under whose names another machine comes too early.  People are told."""
        others = [rows[each.host_id] for each in arrivals if is_another_machine(rows.get(each.host_id), each)]
        if not others:
            return frozenset()
        ids = [host.id for host in others]
        there = await self.cloud.store.vms.find(any_of("host_id", ids))
        coming = await self.cloud.store.vms.find(any_of("target_host_id", ids))
        busy = {vm.host_id for vm in there} | {vm.target_host_id for vm in coming}
        strangers = frozenset(host.id for host in others if host.state in LIVING or host.id in busy)
        for host_id in strangers:
            self.cloud.fleet.inbox.about(host_id).has_a_twin = True
        return strangers

    async def _let_in(
        self, callers: Sequence[tuple[HostArrival, ...]], rows: Mapping[HostId, Host]
    ) -> list[Orientation]:
        befores = await self._connect([arrival for arrivals in callers for arrival in arrivals], rows)
        groups = [[befores[arrival.host_id] for arrival in arrivals] for arrivals in callers]
        slots_before = await self._slots(befores)
        orientations = await orient_all(groups, self.cloud.store)
        await self._tell_new_slots(befores, slots_before)
        return [
            replace(orientation, held_elsewhere=frozenset(each.id for each in group if self._was_elsewhere(each)))
            for orientation, group in zip(orientations, groups, strict=True)
        ]

    def _was_elsewhere(self, before: Host) -> bool:
        return before.controller_id != self.cloud.me.id

    async def _connect(self, arrivals: Sequence[HostArrival], rows: Mapping[HostId, Host]) -> Mapping[HostId, Host]:
        """The rows as they were before.  A host that is introduced twice is as it was introduced last."""
        arrivals = list({arrival.host_id: arrival for arrival in arrivals}.values())
        while True:
            try:
                await change_hosts(
                    self.cloud.store,
                    HostEvent.AGENT_CONNECTED,
                    await self.cloud.store.now(),
                    [self._connected(rows[arrival.host_id], arrival) for arrival in arrivals],
                )
                return rows
            except Stale:
                rows = await self._rows([arrival.host_id for arrival in arrivals])

    def _connected(self, host: Host, arrival: HostArrival) -> HostChange:
        why = f"agent {arrival.agent_id} connected, boot {arrival.boot_id}"
        into = replace(introduced(host, arrival), controller_id=self.cloud.me.id)
        return HostChange(host=host, into=into, why=why)

    async def _slots(self, host_ids: Iterable[HostId]) -> set[str]:
        return {row.id for row in await self.cloud.store.lease_slots.find(any_of("host_id", list(host_ids)))}

    async def _tell_new_slots(self, host_ids: Iterable[HostId], before: set[str]) -> None:
        """The other hosts of a pool must know whose the new slot is: they are its observers."""
        after = await self._slots(host_ids)
        for pool_id in sorted({slot_id.split(":")[0] for slot_id in after - before}):
            await reorient_pool(await self.cloud.store.pools.by_id(pool_id), self.cloud)


def is_another_machine(host: Host | None, arrival: HostArrival) -> bool:
    """Where either has no number nobody can tell."""
    return host is not None and bool(host.machine_id and arrival.machine_id) and host.machine_id != arrival.machine_id


def turned_away(
    arrivals: tuple[HostArrival, ...], rows: Mapping[HostId, Host], strangers: frozenset[HostId]
) -> TurnedAway | None:
    for arrival in arrivals:
        host = rows.get(arrival.host_id)
        if host is None or host.removed is not None:
            return TurnedAway(code="unknown-host", detail=f"host {arrival.host_id} is not of this cloud")
        if not speaks_for(arrival.agent_id, host):
            detail = f"agent {arrival.agent_id} does not speak for host {host.name}"
            return TurnedAway(code="unknown-host", detail=detail)
        if host.id in strangers:
            detail = f"host {host.name} is machine {host.machine_id}, which may live; this is {arrival.machine_id}"
            return TurnedAway(code="another-machine", detail=detail)
    return None if arrivals else TurnedAway(code="unknown-host", detail="an agent must speak for a host")


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
        machine_id=arrival.machine_id or host.machine_id,
    )
