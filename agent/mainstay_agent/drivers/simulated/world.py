"""A world of simulated hosts: who stands where, what they share, and who could write to a guest's disk now.

The promise: it watches promise 1 by itself.  After every change it asks which copies of that guest can write; two at once, or one of an
older epoch after a newer one has written, is a violation and stays on record.  Faults are verbs of the world; what they do to
guests follows from the machines."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType

from mainstay_agent.driver import Outcome, refused, unknown
from mainstay_agent.drivers.simulated.bmc import Manner, SimulatedBmc
from mainstay_agent.drivers.simulated.copies import Copy, Turn
from mainstay_agent.drivers.simulated.host import SimulatedHost
from mainstay_agent.lease.slots import Slot
from mainstay_proto.messages import DiskSpec, HostFacts, PoolMount, RunState, StopCause
from mainstay_runtime.clock import Clock, Rng
from mainstay_runtime.errors import BadInput
from mainstay_runtime.logs import logger
from mainstay_runtime.tasks import Nursery

ABSENT = "/absent"
POOL_BYTES = 10 * 1024**4
IMAGE_BYTES = 1024**3

log = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long things take here, in seconds."""

    launch_seconds: float = 0.15  # a start order until the guest's process runs
    boot_seconds: float = 2.0  # until the guest inside obeys a shutdown
    shutdown_seconds: float = 1.0
    host_boot_seconds: float = 5.0
    migration_mib_per_second: float = 1024.0
    kill_seconds: float = 0.05
    ping_seconds: float = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    host_id: str
    epoch: int


class SimulatedWorld:
    """Entered as a block: the calls that hang in daemons are its children."""

    def __init__(self, clock: Clock, rng: Rng, pace: Pace | None = None) -> None:
        self.clock = clock
        self.rng = rng
        self.pace = pace or Pace()
        self.hosts: dict[str, SimulatedHost] = {}
        self.bmcs: dict[str, SimulatedBmc] = {}
        self.violations: list[str] = []
        self.volumes: dict[tuple[str, str], str] = {}  # pool id and path -> volume id
        self.slots: dict[tuple[str, int], Slot] = {}  # pool id and number -> both sectors
        self.migration_acks_lost = False
        self._watchdogs: dict[str, float] = {}  # boot id -> when it fires
        self._newest_writer: dict[str, int] = {}
        self._tasks = Nursery(self._task_broke)

    async def __aenter__(self) -> SimulatedWorld:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._tasks.__aexit__(kind, error, trace)

    def add_host(self, facts: HostFacts) -> SimulatedHost:
        host = SimulatedHost(facts, self.rng, self._look_at_writers)
        self.hosts[facts.host_id] = host
        self.bmcs[facts.host_id] = SimulatedBmc(host, self.clock)
        return host

    def host(self, name_or_id: str) -> SimulatedHost:
        for host in self.hosts.values():
            if name_or_id in (host.host_id, host.facts.name):
                return host
        raise BadInput(f"there is no simulated host {name_or_id!r}")

    def _find(self, guest: str) -> tuple[SimulatedHost, Copy]:
        """A living copy of a guest named by id or name; the one that executes, if there are two."""
        found = [
            (host, copy)
            for host in self.hosts.values()
            for copy in host.copies.values()
            if copy.is_there and guest in (copy.spec.vm_id, copy.spec.name)
        ]
        if not found:
            raise BadInput(f"guest {guest!r} runs on no simulated host")
        return max(found, key=lambda each: each[1].executes)

    # --- what may be asked of a hypervisor daemon ---

    async def ask(
        self, host: SimulatedHost, work: Callable[[], Awaitable[Outcome]], deadline_seconds: float
    ) -> Outcome:
        """One call.  Late, it is UNKNOWN, and happens all the same unless the machine dies first."""
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._tasks.adopt(self._serve(host, work, answer), f"call on {host.facts.name}")
        try:
            async with asyncio.timeout(deadline_seconds):
                return await answer
        except TimeoutError:
            return unknown()

    async def _serve(
        self, host: SimulatedHost, work: Callable[[], Awaitable[Outcome]], answer: asyncio.Future[Outcome]
    ) -> None:
        boot_id = host.boot_id
        await host.daemon_answers.wait()
        if not alive_since(host, boot_id):
            return
        outcome = await work()
        if alive_since(host, boot_id) and not answer.done():
            answer.set_result(outcome)

    def _task_broke(self, name: str, error: Exception) -> None:
        self.violations.append(f"{name}: {error!r}")
        log.error("the simulation broke", task=name, exc_info=error)

    def can_reach(self, source: SimulatedHost, target: SimulatedHost) -> bool:
        return all(host.powered.is_set() and host.network_up for host in (source, target))

    # --- what machines have ---

    def arm_watchdog(self, host: SimulatedHost, timeout_seconds: float) -> None:
        is_new = host.boot_id not in self._watchdogs
        self._watchdogs[host.boot_id] = self.clock.monotonic() + timeout_seconds
        if is_new:
            self._tasks.adopt(self._watch(host), f"watchdog of {host.facts.name}")

    def disarm_watchdog(self, host: SimulatedHost) -> None:
        self._watchdogs.pop(host.boot_id, None)

    async def _watch(self, host: SimulatedHost) -> None:
        boot_id = host.boot_id
        while (fires_at := self._watchdogs.get(boot_id)) is not None and alive_since(host, boot_id):
            now = self.clock.monotonic()
            if now >= fires_at:
                log.warning("watchdog resets a simulated host", host=host.facts.name)
                host.reset()
            else:
                await self.clock.sleep(fires_at - now)
        self._watchdogs.pop(boot_id, None)

    def remove_file(self, disk: DiskSpec) -> None:
        if self.volumes.get((disk.pool_id, disk.path)) == disk.volume_id:
            del self.volumes[disk.pool_id, disk.path]

    def look_at_pool(self, mount: PoolMount, image_path: str | None) -> Outcome:
        """Every path is a mounted pool or a readable image, but those below /absent."""
        for path in filter(None, (mount.path, image_path)):
            if path.startswith(ABSENT):
                return refused("not-mounted" if path == mount.path else "no-such-image", path)
        answer = {"mounted": "true", "total_bytes": str(POOL_BYTES), "used_bytes": "0", "leases": "true"}
        if image_path is not None:
            answer |= {
                "image_format": "raw" if image_path.endswith((".raw", ".iso")) else "qcow2",
                "image_bytes": str(IMAGE_BYTES),
            }
        return Outcome(state=RunState.DONE, answer=tuple(answer.items()))

    # --- faults to guests; those of machines are verbs of SimulatedHost ---

    def crash_guest(self, guest: str) -> SimulatedHost:
        return self._end(guest, StopCause.CRASHED, "process killed")

    def shut_down_guest(self, guest: str) -> SimulatedHost:
        """From inside."""
        return self._end(guest, StopCause.GUEST_SHUTDOWN, "powered off from inside")

    def destroy_by_outsider(self, guest: str) -> SimulatedHost:
        return self._end(guest, StopCause.OUTSIDER, "destroyed on the host")

    def pause_by_outsider(self, guest: str) -> SimulatedHost:
        host, copy = self._find(guest)
        host.turn(copy, Turn.PAUSED)
        return host

    def hang_guest(self, guest: str) -> SimulatedHost:
        """Its process stops; it neither writes nor obeys until woken."""
        return self._set_hanging(guest, True)

    def wake_guest(self, guest: str) -> SimulatedHost:
        return self._set_hanging(guest, False)

    def _end(self, guest: str, cause: StopCause, detail: str) -> SimulatedHost:
        host, copy = self._find(guest)
        host.end(copy, cause, detail)
        return host

    def _set_hanging(self, guest: str, hangs: bool) -> SimulatedHost:
        host, copy = self._find(guest)
        copy.hangs = hangs
        self._look_at_writers(copy.spec.vm_id)
        return host

    def heal(self) -> None:
        """Every cable, pool and daemon is whole, and every host that is off is switched on."""
        self.migration_acks_lost = False
        for host in self.hosts.values():
            host.heal()
        for bmc in self.bmcs.values():
            bmc.manner, bmc.delay_seconds = Manner.HONEST, 0.0

    # --- promise 1, watched ---

    def writers(self, vm_id: str) -> tuple[Writer, ...]:
        return tuple(
            Writer(host_id=host.host_id, epoch=host.copies[vm_id].spec.epoch)
            for host in self.hosts.values()
            if host.can_write(vm_id)
        )

    def _look_at_writers(self, vm_id: str) -> None:
        writers = self.writers(vm_id)
        if len(writers) > 1:
            self._violated(vm_id, f"two copies can write: {writers}")
        newest = self._newest_writer.get(vm_id, 0)
        for writer in writers:
            if writer.epoch < newest:
                self._violated(vm_id, f"{writer} writes after epoch {newest} did")
        self._newest_writer[vm_id] = max([newest, *(writer.epoch for writer in writers)])

    def _violated(self, vm_id: str, what: str) -> None:
        self.violations.append(f"{self.clock.monotonic():.3f} s, guest {vm_id}: {what}")
        log.error("a guest runs twice", vm=vm_id, what=what)


def alive_since(host: SimulatedHost, boot_id: str) -> bool:
    return host.powered.is_set() and host.boot_id == boot_id
