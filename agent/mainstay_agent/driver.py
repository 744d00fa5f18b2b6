"""The port to a hypervisor: what duties may ask of it, and what it tells by itself.

A driver speaks for one or more hosts.  It knows nothing of controllers, leases or policy: it does what it is told, keeps
each guest's epoch beside the guest (so that it survives agent, libvirtd and host daemons' restarts), and reports.

Promises of every driver (tests/agent/conformance holds all of them to it):
- every call ends within its deadline: `Outcome(UNKNOWN, "deadline")` when the hypervisor did not answer in time, and then
  the effect may still come;
- `start` is idempotent per (vm_id, epoch): a guest that already runs under that epoch is DONE, one that runs under another is REFUSED
  "running-other-epoch";
- an event is delivered at most a second after the hypervisor knew it, and whatever happened while nobody listened
  (agent or hypervisor daemon restarted) is told by `guests()`, where a guest that ran and is gone appears as STOPPED with cause VANISHED
  or CRASHED until it is forgotten;
- a guest with a config drive finds in it, at every start and after every move, what its last order said, and nobody else on the host can read it;
- a guest that the hypervisor paused because its disk failed says so in the detail of every report, PAUSED_ON_IO_ERROR.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Protocol

from mainstay_proto.messages import (
    DiskSpec,
    GuestReport,
    GuestSpec,
    GuestState,
    HostFacts,
    PoolMount,
    RunState,
    StopCause,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one call.  `code` is stable: see CommandResult."""

    state: RunState
    code: str = ""
    detail: str = ""
    answer: tuple[tuple[str, str], ...] = ()

    @property
    def done(self) -> bool:
        return self.state is RunState.DONE


DONE = Outcome(state=RunState.DONE)
PAUSED_ON_IO_ERROR = "io-error"
PRESS_AGAIN_SECONDS = 3.0
"""Between two touches of a guest's power button."""


def refused(code: str, detail: str = "") -> Outcome:
    return Outcome(state=RunState.REFUSED, code=code, detail=detail)


def failed(code: str, detail: str = "") -> Outcome:
    return Outcome(state=RunState.FAILED, code=code, detail=detail)


def unknown(code: str = "deadline", detail: str = "") -> Outcome:
    return Outcome(state=RunState.UNKNOWN, code=code, detail=detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestChanged:
    """The hypervisor's own word that a guest's state changed."""

    host_id: str
    vm_id: str
    epoch: int
    state: GuestState
    cause: StopCause | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestPausedOnIoError:
    """The guest's disk failed and the hypervisor paused it; resume when the storage is back and the lease is valid."""

    host_id: str
    vm_id: str
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HypervisorLost:
    """The daemon stopped answering; guests may well run on."""

    host_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HypervisorBack:
    """The daemon answers again: reconcile."""

    host_id: str


DriverEvent = GuestChanged | GuestPausedOnIoError | HypervisorLost | HypervisorBack

EVENTS_MAX = 1000


class EventFeed:
    """Events for one listener, bounded: when full, what waits is dropped and HypervisorBack takes its place, so that one reconciles."""

    def __init__(self, host_ids: Iterable[str]) -> None:
        self._host_ids = tuple(host_ids)
        self._waiting: deque[DriverEvent] = deque()
        self._arrived = asyncio.Event()
        self._closed = False

    def tell(self, event: DriverEvent) -> None:
        self._waiting.append(event)
        if len(self._waiting) > EVENTS_MAX:
            self._waiting = deque(HypervisorBack(host_id=host_id) for host_id in self._host_ids)
        self._arrived.set()

    def close(self) -> None:
        self._closed = True
        self._arrived.set()

    async def listen(self) -> AsyncIterator[DriverEvent]:
        while True:
            while self._waiting:
                yield self._waiting.popleft()
            if self._closed:
                return
            self._arrived.clear()
            await self._arrived.wait()


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationStatus:
    percent: int
    remaining_bytes: int
    phase: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostLoad:
    cpu_used_percent: float
    memory_used_mib: int
    guests: tuple[tuple[str, float, int], ...] = ()


class Driver(Protocol):
    """Every driver.  All methods take `deadline_seconds` from now."""

    async def open(self) -> None:
        """Connect; raises mainstay_runtime.errors.Unavailable after its own deadline."""

    async def close(self) -> None: ...

    def capabilities(self) -> frozenset[str]:
        """Of: migrate, pause, stats, console, kernel-boot, volumes, media, hot-plug, config-drive, vnc, inject (fault injection of the simulator)."""

    async def hosts(self, deadline_seconds: float) -> tuple[HostFacts, ...]:
        """The hosts this driver speaks for, with facts; `guests` left empty."""

    async def guests(self, host_id: str, deadline_seconds: float) -> tuple[GuestReport, ...] | None:
        """Every guest of ours on that host with its epoch; None: the hypervisor did not answer."""

    def events(self) -> AsyncIterator[DriverEvent]:
        """Until closed.  Bounded queue inside; when full the oldest are dropped and HypervisorBack is told, so that one reconciles."""

    async def start(self, host_id: str, spec: GuestSpec, deadline_seconds: float) -> Outcome: ...

    async def shutdown(self, host_id: str, vm_id: str, grace_seconds: float, deadline_seconds: float) -> Outcome:
        """Ask the guest, every few seconds anew, for one that still boots hears nothing; DONE once it is off, FAILED "grace-over" if it did not obey."""

    async def destroy(self, host_id: str, vm_id: str, deadline_seconds: float) -> Outcome:
        """Power off; DONE only when the guest is certainly gone; DONE too when it was not there."""

    async def reboot(self, host_id: str, vm_id: str, forced: bool, deadline_seconds: float) -> Outcome: ...

    async def resume(self, host_id: str, vm_id: str, deadline_seconds: float) -> Outcome: ...

    async def forget(self, host_id: str, vm_id: str, deadline_seconds: float) -> Outcome:
        """Undefine and drop the record; REFUSED "running" while it runs."""


class Migrates(Protocol):
    """Optional: live migration."""

    async def expect_incoming(self, host_id: str, spec: GuestSpec, deadline_seconds: float) -> Outcome: ...

    async def migrate(
        self,
        host_id: str,
        vm_id: str,
        target_url: str,
        target_epoch: int,
        bandwidth_mib: int | None,
        deadline_seconds: float,
    ) -> Outcome:
        """From the source; DONE: the source copy is gone.  FAILED: runs on here.  UNKNOWN: ask both sides."""

    async def migration_status(self, host_id: str, vm_id: str) -> MigrationStatus | None: ...

    async def abort_migration(self, host_id: str, vm_id: str, deadline_seconds: float) -> Outcome: ...

    async def drop_incoming(self, host_id: str, vm_id: str, epoch: int, deadline_seconds: float) -> Outcome: ...


class HasVolumes(Protocol):
    """Optional: makes and removes disk files."""

    async def prepare_volume(self, host_id: str, disk: DiskSpec, deadline_seconds: float) -> Outcome: ...

    async def remove_volume(self, host_id: str, disk: DiskSpec, deadline_seconds: float) -> Outcome: ...

    async def grow_volume(self, host_id: str, disk: DiskSpec, deadline_seconds: float) -> Outcome:
        """One that no guest has open."""

    async def check_pool(
        self, host_id: str, mount: PoolMount, image_path: str | None, deadline_seconds: float
    ) -> Outcome: ...


class HotPlugs(Protocol):
    """Optional: changes what a running guest has."""

    async def change_medium(
        self, host_id: str, vm_id: str, medium: DiskSpec | None, forced: bool, deadline_seconds: float
    ) -> Outcome:
        """REFUSED "no-drive": it was started without one.  FAILED: the guest holds on to the old one, and `forced` was not said."""

    async def attach_disk(self, host_id: str, vm_id: str, disk: DiskSpec, deadline_seconds: float) -> Outcome:
        """DONE too when it has that disk.  UNKNOWN "in-flight" while an earlier call about this guest's disks has not ended."""

    async def detach_disk(self, host_id: str, vm_id: str, disk: DiskSpec, deadline_seconds: float) -> Outcome:
        """DONE once the file is closed, or if it was not open; UNKNOWN while the guest has not let go of it."""

    async def grow_disk(self, host_id: str, vm_id: str, disk: DiskSpec, deadline_seconds: float) -> Outcome: ...


class Screen(Protocol):
    """What a guest's screen and its viewer say to each other: RFB, of which no password is asked."""

    async def read(self) -> bytes:
        """What came next; nothing: the screen is gone."""

    async def write(self, data: bytes) -> None:
        """Returns when there is room for more.  Raises Unavailable once the screen is gone."""

    async def close(self) -> None: ...


class HasScreens(Protocol):
    """Optional: lets somebody look at a guest that runs, without an open port."""

    async def open_screen(self, host_id: str, vm_id: str, deadline_seconds: float) -> Screen | Outcome:
        """It ends with the guest's process here, so also when the guest has moved."""


class HasStats(Protocol):
    """Optional: figures, never in the HA path."""

    async def load(self, host_id: str, deadline_seconds: float) -> HostLoad | None: ...
