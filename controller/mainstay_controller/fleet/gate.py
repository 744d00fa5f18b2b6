"""Who may come in: the port through which the fleet asks about an arriving agent, and what it is told.

`operations.admit_host` implements it; the fleet has no rows of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from mainstay_controller.domain.ha.evidence import GuestSeen
from mainstay_controller.domain.ids import HostId, PoolId


@dataclass(frozen=True, slots=True, kw_only=True)
class HostArrival:
    """One host as its agent introduces it.  `resumed`: a reconnect of a living agent, not its start."""

    host_id: HostId
    agent_id: str
    agent_version: str
    resumed: bool
    name: str
    hypervisor: str
    hypervisor_version: str
    boot_id: str
    ip: str
    url: str
    cpu_sockets: int
    cpus: int
    cpu_mhz: int
    memory_mib: int
    capabilities: tuple[str, ...]
    watchdog: bool
    machine_id: str
    guests: tuple[GuestSeen, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A primary pool as one host uses it; `slot` None: a pool without leases."""

    pool_id: PoolId
    path: str
    slot: int | None
    shared: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Orientation:
    """What an agent must know to keep guests safe: its pools, who owns which lease slot, and the lease timing.

    `held_elsewhere`: hosts that another controller answered for until now; its holds may be outstanding."""

    profile: str
    mounts: Mapping[HostId, tuple[Mount, ...]]
    lease_names: tuple[tuple[PoolId, int, HostId], ...]
    held_elsewhere: frozenset[HostId] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnedAway:
    """`code` is stable: unknown-host, another-machine, overloaded."""

    code: str
    detail: str
    retry_after_seconds: float | None = None


class Gate(Protocol):
    async def admit(self, arrivals: tuple[HostArrival, ...]) -> Orientation | TurnedAway: ...
