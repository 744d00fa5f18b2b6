"""The driver port over simulated hosts: every call is a call to a host's daemon, which may hang, fail or die with its machine.

It keeps each guest's epoch with the copy, as a real one keeps it in the domain's metadata."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import replace

from mainstay_agent.driver import (
    DONE,
    PRESS_AGAIN_SECONDS,
    DriverEvent,
    EventFeed,
    HostLoad,
    MigrationStatus,
    Outcome,
    Screen,
    failed,
    refused,
    unknown,
)
from mainstay_agent.drivers.simulated.copies import Copy, Turn
from mainstay_agent.drivers.simulated.host import SimulatedHost, StorageCondition
from mainstay_agent.drivers.simulated.migration import Migration
from mainstay_agent.drivers.simulated.screens import SimulatedScreen
from mainstay_agent.drivers.simulated.world import SimulatedWorld
from mainstay_proto.messages import (
    DiskSpec,
    GuestReport,
    GuestSpec,
    GuestState,
    HostFacts,
    PoolMount,
    StopCause,
)
from mainstay_runtime.errors import Unavailable

NO_SUCH_GUEST = refused("no-such-guest")
CAPABILITIES = frozenset({"migrate", "stats", "kernel-boot", "volumes", "media", "hot-plug", "config-drive", "inject"})
CPU_SHARE_IN_USE = 0.1  # of what a running guest was given


class SimulatedDriver:
    """Speaks for some hosts of a world."""

    def __init__(self, world: SimulatedWorld, host_ids: Iterable[str]) -> None:
        self._world = world
        self._hosts = {host_id: world.hosts[host_id] for host_id in host_ids}
        self._feed = EventFeed(self._hosts)
        self._migrations: dict[tuple[str, str], Migration] = {}

    async def open(self) -> None:
        for host in self._hosts.values():
            if not (host.powered.is_set() and host.daemon_answers.is_set()):
                raise Unavailable(f"the hypervisor of {host.facts.name} does not answer")
        for host in self._hosts.values():
            host.listeners.add(self._feed.tell)

    async def close(self) -> None:
        for host in self._hosts.values():
            host.listeners.discard(self._feed.tell)
        self._feed.close()

    def capabilities(self) -> frozenset[str]:
        return CAPABILITIES

    async def hosts(self, deadline_seconds: float) -> tuple[HostFacts, ...]:
        abilities = tuple(sorted(self.capabilities()))
        return tuple(replace(host.facts, capabilities=abilities) for host in self._hosts.values())

    def events(self) -> AsyncIterator[DriverEvent]:
        return self._feed.listen()

    async def guests(self, host_id: str, deadline_seconds: float) -> tuple[GuestReport, ...] | None:
        seen: list[GuestReport] = []

        async def list_copies() -> Outcome:
            seen.extend(copy.report() for copy in self._hosts[host_id].copies.values())
            return DONE

        outcome = await self._ask(host_id, list_copies, deadline_seconds)
        return tuple(seen) if outcome.done else None

    # --- life ---

    async def start(self, host_id: str, spec: GuestSpec, deadline_seconds: float) -> Outcome:
        host = self._hosts[host_id]

        async def launch() -> Outcome:
            if (other := host.living(spec.vm_id)) is not None:
                return _already_there(other, spec)
            copy = Copy(spec=spec, state=GuestState.STARTING)
            host.add(copy)
            return await self._launch(host, copy)

        return await self._ask(host_id, launch, deadline_seconds)

    async def _launch(self, host: SimulatedHost, copy: Copy) -> Outcome:
        await self._world.clock.sleep(self._world.pace.launch_seconds + host.storage_delay_seconds)
        await host.daemon_answers.wait()
        storage = await host.until_storage_answers(copy.spec.pool_ids)
        if not copy.is_there:
            return failed("gone", copy.detail)
        if storage is StorageCondition.FAILS:
            return self._fail_to_start(host, copy, "its storage fails")
        if host.starts_to_fail > 0:
            host.starts_to_fail -= 1
            return self._fail_to_start(host, copy, "told to fail")
        copy.booted_at = self._world.clock.monotonic() + self._world.pace.boot_seconds
        host.turn(copy, Turn.LAUNCHED)
        return DONE

    def _fail_to_start(self, host: SimulatedHost, copy: Copy, why: str) -> Outcome:
        host.end(copy, StopCause.CRASHED, why)
        return failed("hypervisor-refused", why)

    async def shutdown(self, host_id: str, vm_id: str, grace_seconds: float, deadline_seconds: float) -> Outcome:
        host = self._hosts[host_id]

        async def press_button() -> Outcome:
            copy = host.living(vm_id)
            if copy is None:
                return DONE
            left_seconds = await self._until_it_hears(copy, grace_seconds)
            obeys = self._has_booted(copy) and self._world.pace.shutdown_seconds <= left_seconds
            await self._world.clock.sleep(self._world.pace.shutdown_seconds if obeys else left_seconds)
            if obeys and copy.is_there:
                host.end(copy, StopCause.GUEST_SHUTDOWN, "obeyed the power button")
            return failed("grace-over") if copy.is_there else DONE

        return await self._ask(host_id, press_button, deadline_seconds)

    async def _until_it_hears(self, copy: Copy, grace_seconds: float) -> float:
        """The button is pressed again and again; what is left of the grace when the guest has booted."""
        left_seconds = grace_seconds
        while left_seconds > 0 and copy.is_there and not self._has_booted(copy):
            pause_seconds = min(PRESS_AGAIN_SECONDS, left_seconds)
            await self._world.clock.sleep(pause_seconds)
            left_seconds -= pause_seconds
        return left_seconds

    def _has_booted(self, copy: Copy) -> bool:
        return copy.executes and self._world.clock.monotonic() >= copy.booted_at

    async def destroy(self, host_id: str, vm_id: str, deadline_seconds: float) -> Outcome:
        host = self._hosts[host_id]

        async def pull_plug() -> Outcome:
            if (copy := host.living(vm_id)) is not None:
                host.end(copy, StopCause.ORDERED)
            return DONE

        return await self._ask(host_id, pull_plug, deadline_seconds)

    async def reboot(self, host_id: str, vm_id: str, forced: bool, deadline_seconds: float) -> Outcome:
        def boot_again(_host: SimulatedHost, copy: Copy) -> Outcome:
            if not forced and not self._has_booted(copy):
                return failed("not-obeyed", "the guest has not booted")
            copy.hangs = copy.hangs and not forced
            copy.booted_at = self._world.clock.monotonic() + self._world.pace.boot_seconds
            return DONE

        return await self._with_living(host_id, vm_id, boot_again, deadline_seconds)

    async def resume(self, host_id: str, vm_id: str, deadline_seconds: float) -> Outcome:
        def resume(host: SimulatedHost, copy: Copy) -> Outcome:
            if copy.io_failed and any(host.storage(pool) is not StorageCondition.OK for pool in copy.spec.pool_ids):
                return failed("io-error", "its storage does not work yet")
            return _reached(host, copy, Turn.RESUMED, GuestState.RUNNING)

        return await self._with_living(host_id, vm_id, resume, deadline_seconds)

    async def forget(self, host_id: str, vm_id: str, deadline_seconds: float) -> Outcome:
        host = self._hosts[host_id]

        async def undefine() -> Outcome:
            if host.living(vm_id) is not None:
                return refused("running")
            host.copies.pop(vm_id, None)
            return DONE

        return await self._ask(host_id, undefine, deadline_seconds)

    async def change_medium(
        self, host_id: str, vm_id: str, medium: DiskSpec | None, forced: bool, deadline_seconds: float
    ) -> Outcome:
        def change(host: SimulatedHost, copy: Copy) -> Outcome:
            host.equip(copy, copy.spec.with_medium(medium))
            return DONE

        return await self._with_living(host_id, vm_id, change, deadline_seconds)

    async def attach_disk(self, host_id: str, vm_id: str, disk: DiskSpec, deadline_seconds: float) -> Outcome:
        def attach(host: SimulatedHost, copy: Copy) -> Outcome:
            if host.storage(disk.pool_id) is not StorageCondition.OK:
                return failed("hypervisor-refused", "its storage does not work")
            host.equip(copy, copy.spec.with_disk(disk))
            return DONE

        return await self._with_living(host_id, vm_id, attach, deadline_seconds)

    async def detach_disk(self, host_id: str, vm_id: str, disk: DiskSpec, deadline_seconds: float) -> Outcome:
        def detach(host: SimulatedHost, copy: Copy) -> Outcome:
            if copy.spec.has_disk(disk.volume_id) and not self._has_booted(copy):
                return unknown("not-let-go", "the guest has not booted")
            host.equip(copy, copy.spec.without_disk(disk.volume_id))
            return DONE

        return await self._with_living(host_id, vm_id, detach, deadline_seconds)

    async def grow_disk(self, host_id: str, vm_id: str, disk: DiskSpec, deadline_seconds: float) -> Outcome:
        def grow(_host: SimulatedHost, copy: Copy) -> Outcome:
            return DONE if copy.spec.has_disk(disk.volume_id) else failed("no-such-disk")

        return await self._with_living(host_id, vm_id, grow, deadline_seconds)

    # --- migration ---

    async def expect_incoming(self, host_id: str, spec: GuestSpec, deadline_seconds: float) -> Outcome:
        host = self._hosts[host_id]

        async def expect() -> Outcome:
            if (other := host.living(spec.vm_id)) is not None:
                return _already_there(other, spec)
            host.add(Copy(spec=spec, state=GuestState.MIGRATING, incoming=True))
            return DONE

        return await self._ask(host_id, expect, deadline_seconds)

    async def migrate(
        self,
        host_id: str,
        vm_id: str,
        target_url: str,
        target_epoch: int,
        bandwidth_mib: int | None,
        deadline_seconds: float,
    ) -> Outcome:
        host = self._hosts[host_id]

        async def move() -> Outcome:
            target = self._world.hosts.get(target_url.removeprefix("sim://"))
            copy = host.living(vm_id)
            if copy is None or target is None or target is host:
                return NO_SUCH_GUEST if copy is None else refused("no-such-target", target_url)
            migration = Migration(self._world, host, copy, target, target_epoch, bandwidth_mib)
            self._migrations[host_id, vm_id] = migration
            try:
                return await migration.run()
            finally:
                del self._migrations[host_id, vm_id]

        return await self._ask(host_id, move, deadline_seconds)

    async def migration_status(self, host_id: str, vm_id: str) -> MigrationStatus | None:
        migration = self._migrations.get((host_id, vm_id))
        return None if migration is None else migration.status()

    async def abort_migration(self, host_id: str, vm_id: str, deadline_seconds: float) -> Outcome:
        async def abort() -> Outcome:
            migration = self._migrations.get((host_id, vm_id))
            if migration is None:
                return refused("no-migration")
            migration.aborted = True
            return DONE

        return await self._ask(host_id, abort, deadline_seconds)

    async def drop_incoming(self, host_id: str, vm_id: str, epoch: int, deadline_seconds: float) -> Outcome:
        host = self._hosts[host_id]

        async def drop() -> Outcome:
            copy = host.living(vm_id)
            if copy is not None and copy.spec.epoch == epoch:
                if not copy.incoming:
                    return refused("running")
                host.end(copy, StopCause.ORDERED, "its migration was cancelled")
            return DONE

        return await self._ask(host_id, drop, deadline_seconds)

    # --- volumes and figures ---

    async def prepare_volume(self, host_id: str, disk: DiskSpec, deadline_seconds: float) -> Outcome:
        async def make() -> Outcome:
            owner = self._world.volumes.setdefault((disk.pool_id, disk.path), disk.volume_id)
            return DONE if owner == disk.volume_id else refused("volume-exists", f"{disk.path} belongs to {owner}")

        return await self._with_storage(host_id, disk.pool_id, make, deadline_seconds)

    async def remove_volume(self, host_id: str, disk: DiskSpec, deadline_seconds: float) -> Outcome:
        async def remove() -> Outcome:
            self._world.remove_file(disk)
            return DONE

        return await self._with_storage(host_id, disk.pool_id, remove, deadline_seconds)

    async def grow_volume(self, host_id: str, disk: DiskSpec, deadline_seconds: float) -> Outcome:
        async def grow() -> Outcome:
            return (
                DONE if self._world.volumes.get((disk.pool_id, disk.path)) == disk.volume_id else refused("no-volume")
            )

        return await self._with_storage(host_id, disk.pool_id, grow, deadline_seconds)

    async def check_pool(
        self, host_id: str, mount: PoolMount, image_path: str | None, deadline_seconds: float
    ) -> Outcome:
        async def look() -> Outcome:
            return self._world.look_at_pool(mount, image_path)

        return await self._with_storage(host_id, mount.pool_id, look, deadline_seconds)

    async def load(self, host_id: str, deadline_seconds: float) -> HostLoad | None:
        host = self._hosts[host_id]
        if not host.powered.is_set() or not host.daemon_answers.is_set():
            return None
        running = [copy.spec for copy in host.copies.values() if copy.executes]
        busy_cpus = sum(spec.vcpus for spec in running) * CPU_SHARE_IN_USE
        return HostLoad(
            cpu_used_percent=min(100.0, 100 * busy_cpus / host.facts.cpus),
            memory_used_mib=sum(spec.memory_mib for spec in running),
            guests=tuple((spec.vm_id, 100 * CPU_SHARE_IN_USE, spec.memory_mib) for spec in running),
        )

    # --- screens ---

    async def open_screen(self, host_id: str, vm_id: str, deadline_seconds: float) -> Screen | Outcome:
        host, opened = self._hosts[host_id], list[Screen]()

        def look(_host: SimulatedHost, copy: Copy) -> Outcome:
            opened.append(SimulatedScreen(copy.spec.name, lambda: host.living(vm_id) is copy))
            return DONE

        outcome = await self._with_living(host_id, vm_id, look, deadline_seconds)
        return opened[0] if outcome.done else outcome

    # --- calls ---

    async def _ask(self, host_id: str, work: Callable[[], Awaitable[Outcome]], deadline_seconds: float) -> Outcome:
        return await self._world.ask(self._hosts[host_id], work, deadline_seconds)

    async def _with_living(
        self, host_id: str, vm_id: str, work: Callable[[SimulatedHost, Copy], Outcome], deadline_seconds: float
    ) -> Outcome:
        host = self._hosts[host_id]

        async def find_and_work() -> Outcome:
            copy = host.living(vm_id)
            return NO_SUCH_GUEST if copy is None else work(host, copy)

        return await self._ask(host_id, find_and_work, deadline_seconds)

    async def _with_storage(
        self, host_id: str, pool_id: str, work: Callable[[], Awaitable[Outcome]], deadline_seconds: float
    ) -> Outcome:
        host = self._hosts[host_id]

        async def wait_and_work() -> Outcome:
            if await host.until_storage_answers([pool_id]) is StorageCondition.FAILS:
                return failed("storage-fails")
            return await work()

        return await self._ask(host_id, wait_and_work, deadline_seconds)


def _already_there(other: Copy, spec: GuestSpec) -> Outcome:
    if other.spec.epoch == spec.epoch:
        return DONE
    return refused("running-other-epoch", f"epoch {other.spec.epoch} is {other.state} here")


def _reached(host: SimulatedHost, copy: Copy, turn: Turn, goal: GuestState) -> Outcome:
    if copy.state is goal or host.turn(copy, turn):
        return DONE
    return refused("wrong-state", copy.state)
