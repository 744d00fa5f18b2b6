"""What is read and written of a host whenever it had something to say: for all hosts that speak in the same moment together.

Nothing is remembered: every answer was read after it was asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from mainstay_controller.domain.ids import HostId, PoolId, VmId
from mainstay_controller.domain.lifecycle.host import HostEvent
from mainstay_controller.domain.records import Host, Incident, LeaseSlot, Vm
from mainstay_controller.domain.states import DecisionOutcome, IncidentPhase
from mainstay_controller.operations.change_state import HostChange, change_hosts
from mainstay_controller.operations.gathered import Gathered
from mainstay_controller.operations.journal import Journal
from mainstay_controller.store.port import NotFound, Store, any_of, eq, ne


class HostRounds:
    def __init__(self, store: Store, journal: Journal) -> None:
        self._store = store
        self._journal = journal
        self._hosts = Gathered(self._read_hosts)
        self._guests = Gathered(self._read_guests)
        self._vms = Gathered(self._read_vms)
        self._incidents = Gathered(self._read_incidents)
        self._alerts = Gathered(self._read_alerts)
        self._leased_pools = Gathered(self._read_leased_pools)
        self._slots = Gathered(self._read_slots)
        self._ready = Gathered(self._write_ready)
        self._waiting = Gathered(self._write_waiting)

    async def host(self, host_id: HostId) -> Host:
        """Raises NotFound."""
        host = await self._hosts.ask(host_id)
        if host is None:
            raise NotFound(f"hosts: {host_id}")
        return host

    async def guests(self, host_id: HostId) -> list[Vm]:
        """All that are on it by their rows."""
        return await self._guests.ask(host_id)

    async def vms(self, vm_ids: Sequence[VmId]) -> list[Vm]:
        return await self._vms.ask(tuple(vm_ids)) if vm_ids else []

    async def leased_pools(self, host_id: HostId) -> list[PoolId]:
        """Pools on which the host has a slot."""
        return await self._leased_pools.ask(host_id)

    async def slots(self, pool_id: PoolId) -> list[LeaseSlot]:
        """Of all hosts, in the order of their numbers."""
        return await self._slots.ask(pool_id)

    async def incidents(self, host_id: HostId) -> list[Incident]:
        """The open ones about the host itself, newest first."""
        return await self._incidents.ask(host_id)

    async def open_alerts(self, keys: Sequence[str]) -> frozenset[str]:
        """Which of these keys have one."""
        return await self._alerts.ask(tuple(keys))

    async def become_up(self, host: Host) -> None:
        """Its alert is resolved with it.  Raises Stale."""
        await self._ready.ask(host)

    async def wake_waiting(self) -> None:
        """Whatever waits for room may look again at once."""
        await self._waiting.ask(None)

    # --- together -----------------------------------------------------------------------------------------------------

    async def _read_hosts(self, ids: Sequence[HostId]) -> list[Host | None]:
        rows = {host.id: host for host in await self._store.hosts.find(any_of("id", ids))}
        return [rows.get(host_id) for host_id in ids]

    async def _read_guests(self, host_ids: Sequence[HostId]) -> list[list[Vm]]:
        rows: dict[HostId | None, list[Vm]] = defaultdict(list)
        for vm in await self._store.vms.find(any_of("host_id", host_ids)):
            rows[vm.host_id].append(vm)
        return [rows[host_id] for host_id in host_ids]

    async def _read_vms(self, questions: Sequence[tuple[VmId, ...]]) -> list[list[Vm]]:
        asked = sorted({vm_id for vm_ids in questions for vm_id in vm_ids})
        rows = {vm.id: vm for vm in await self._store.vms.find(any_of("id", asked))}
        return [[rows[vm_id] for vm_id in vm_ids if vm_id in rows] for vm_ids in questions]

    async def _read_leased_pools(self, host_ids: Sequence[HostId]) -> list[list[PoolId]]:
        rows: dict[HostId, list[PoolId]] = defaultdict(list)
        for slot in await self._store.lease_slots.find(any_of("host_id", sorted(set(host_ids)))):
            rows[slot.host_id].append(slot.pool_id)
        return [rows[host_id] for host_id in host_ids]

    async def _read_slots(self, pool_ids: Sequence[PoolId]) -> list[list[LeaseSlot]]:
        rows: dict[PoolId, list[LeaseSlot]] = defaultdict(list)
        for slot in await self._store.lease_slots.find(any_of("pool_id", sorted(set(pool_ids))), order_by="slot"):
            rows[slot.pool_id].append(slot)
        return [rows[pool_id] for pool_id in pool_ids]

    async def _read_incidents(self, host_ids: Sequence[HostId]) -> list[list[Incident]]:
        rows: dict[HostId | None, list[Incident]] = defaultdict(list)
        about_hosts = (any_of("host_id", host_ids), eq("vm_id", None), ne("phase", IncidentPhase.CLOSED))
        for incident in await self._store.incidents.find(*about_hosts, descending=True):
            rows[incident.host_id].append(incident)
        return [rows[host_id] for host_id in host_ids]

    async def _read_alerts(self, questions: Sequence[tuple[str, ...]]) -> list[frozenset[str]]:
        asked = sorted({key for keys in questions for key in keys})
        found = await self._store.alerts.find(any_of("dedupe_key", asked), ne("state", "Resolved"))
        there = {alert.dedupe_key for alert in found}
        return [frozenset(keys) & there for keys in questions]

    async def _write_ready(self, hosts: Sequence[Host]) -> list[None]:
        changes = [HostChange(host=host, into=host, why="its guests are reconciled") for host in hosts]
        async with self._store.transaction() as store:
            await change_hosts(store, HostEvent.READY, await store.now(), changes)
            await self._journal.resolve_all(store, [f"host:{host.id}" for host in hosts])
        return [None] * len(hosts)

    async def _write_waiting(self, askers: Sequence[None]) -> list[None]:
        async with self._store.transaction() as store:
            waiting = await store.decisions.find(eq("outcome", DecisionOutcome.WAITING_FOR_CAPACITY))
            await store.decisions.swap_all([(each, replace(each, retry_at=None)) for each in waiting])
        return [None] * len(askers)
