"""One KVM or QEMU host behind its libvirt daemon, as the driver port.

What is asked of a guest is recorded before libvirt is asked.  A call without an answer leaves that record as it is: events, or the
next look, complete it."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import libvirt

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
from mainstay_agent.drivers.libvirt import deeds, facts, figures, migration, screens
from mainstay_agent.drivers.libvirt.connection import Connection, Hung, LostMidway, Work
from mainstay_agent.drivers.libvirt.domain_xml import Habitat
from mainstay_agent.drivers.libvirt.drives import Drives
from mainstay_agent.drivers.libvirt.kvm_probe import kvm_runs_guests
from mainstay_agent.drivers.libvirt.meanings import answer_to
from mainstay_agent.drivers.libvirt.migration import Journey
from mainstay_agent.drivers.libvirt.records import Intent, Phase, Records
from mainstay_agent.drivers.libvirt.settings import DomainType, LibvirtSettings
from mainstay_agent.drivers.libvirt.volumes import Volumes
from mainstay_agent.drivers.libvirt.watch import Watch
from mainstay_proto.messages import DiskSpec, GuestReport, GuestSpec, HostFacts, PoolMount, RunState
from mainstay_runtime.clock import Clock
from mainstay_runtime.errors import BadInput, DeadlineExceeded, MainstayError, Unavailable
from mainstay_runtime.logs import logger
from mainstay_runtime.tasks import Nursery, background

OPEN_SECONDS = 10.0
ADOPT_SECONDS = 5.0
EVENT_LAG_SECONDS = 0.1
SHUTDOWN_POLL_SECONDS = 0.2
UNPLUG_POLL_SECONDS = 0.2
STATUS_SECONDS = 2.0
ABORT_AFTER = 0.8  # of a migration's deadline

NO_ANSWER = (DeadlineExceeded, Hung, LostMidway)

log = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """A start on its way through a thread, which may take longer than its caller waits."""

    spec: GuestSpec
    habitat: Habitat
    drives: Drives
    revoked: threading.Event = field(default_factory=threading.Event)  # by a destroy that came after it
    landed: threading.Event = field(default_factory=threading.Event)

    def fly(self, line: libvirt.virConnect) -> Outcome:
        try:
            return deeds.start(line, self.spec, self.habitat, self.drives, self.revoked)
        finally:
            self.landed.set()


class LibvirtDriver:
    def __init__(self, settings: LibvirtSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._records = Records(settings.state_dir)
        self._feed = EventFeed([settings.host_id])
        self._flights: dict[str, Flight] = {}
        self._journeys: dict[str, Journey] = {}
        self._plugging: set[str] = set()  # guests about whose disks a thread is at work
        self._watch = Watch(settings.host_id, self._records, self._feed, self._start_is_out)
        self._connection = Connection(settings, clock, self._watch.heard)
        self._domain_type = settings.domain_type
        self._volumes = Volumes()
        self._drives = Drives(settings.drives_dir)
        self._facts: HostFacts | None = None
        self._last_sample: figures.Sample | None = None
        self._while_open = AsyncExitStack()

    # --- the driver itself ---

    async def open(self) -> None:
        self._records.load()
        self._domain_type = await _domain_type(self._settings)
        async with AsyncExitStack() as opened:
            await self._connection.open(OPEN_SECONDS)
            opened.push_async_callback(self._connection.close)
            await self._adopt()
            nursery = await opened.enter_async_context(Nursery(_report_failure))
            nursery.adopt(self._connection.keep(self._watch.lost, self._back), "libvirt connection")
            self._while_open = opened.pop_all()

    async def _adopt(self) -> None:
        try:
            await self.hosts(ADOPT_SECONDS)
            await self._look(ADOPT_SECONDS, afresh=True)
        except (*NO_ANSWER, libvirt.libvirtError) as error:
            raise Unavailable(f"{self._settings.uri}: {error}") from error

    async def close(self) -> None:
        await self._while_open.aclose()
        self._feed.close()

    def capabilities(self) -> frozenset[str]:
        return facts.CAPABILITIES[self._domain_type]

    def events(self) -> AsyncIterator[DriverEvent]:
        return self._feed.listen()

    async def _back(self) -> None:
        try:
            await self._adopt()
        except Unavailable as error:
            log.warning("hypervisor is back and tells nothing", host=self._settings.host_id, reason=str(error))
        self._watch.back()

    # --- questions ---

    async def hosts(self, deadline_seconds: float) -> tuple[HostFacts, ...]:
        """The last known, while the daemon does not answer."""
        try:
            self._facts = await self._connection.ask(
                lambda line: facts.of_host(line, self._settings, self.capabilities()), deadline_seconds
            )
        except (*NO_ANSWER, Unavailable):
            if self._facts is None:
                raise
        return (self._facts,)

    async def guests(self, host_id: str, deadline_seconds: float) -> tuple[GuestReport, ...] | None:
        try:
            return await self._look(deadline_seconds, afresh=False)
        except (MainstayError, libvirt.libvirtError) as error:
            log.info("hypervisor does not tell its guests", host=host_id, reason=str(error))
            return None

    async def _look(self, deadline_seconds: float, *, afresh: bool) -> tuple[GuestReport, ...]:
        before = self._records.all()
        trusted = frozenset[str]() if afresh else frozenset(before)
        migrating = frozenset(vm_id for vm_id, record in before.items() if record.intent is Intent.MIGRATE)
        sightings = await self._connection.ask(lambda line: deeds.look(line, trusted, migrating), deadline_seconds)
        if not afresh and self._watch.misses_an_event(before, sightings):
            await self._clock.sleep(EVENT_LAG_SECONDS)  # it says more about the end than the domain's state does
        return self._watch.saw(before, sightings, afresh=afresh)

    # --- life ---

    async def start(self, host_id: str, spec: GuestSpec, deadline_seconds: float) -> Outcome:
        if self._start_is_out(spec.vm_id):
            return unknown("in-flight", "an earlier start of this guest is not answered yet")
        deadline = self._clock.monotonic() + deadline_seconds
        standing = await self._do(lambda line: deeds.standing(line, spec), deadline_seconds)
        if standing is not deeds.NOT_RUNNING:
            return self._doubted(standing, spec.vm_id)
        flight = self._flights[spec.vm_id] = Flight(spec=spec, habitat=self._habitat(), drives=self._drives)
        before = self._records.get(spec.vm_id)
        ours = self._watch.expect(spec.vm_id, spec.epoch, Phase.STARTING)
        outcome = await self._do(flight.fly, deadline - self._clock.monotonic())
        if outcome.state in (RunState.REFUSED, RunState.FAILED) or outcome.code == Hung.code:
            flight.landed.set()
            self._watch.restore(ours, before)
        return self._doubted(outcome, spec.vm_id)

    def _doubted(self, outcome: Outcome, vm_id: str) -> Outcome:
        """`Refused` tells that this call changed nothing; an earlier one that was never answered still may."""
        record = self._records.get(vm_id)
        if outcome.code == Unavailable.code and record is not None and record.phase in (Phase.STARTING, Phase.RUNNING):
            return unknown(outcome.code, outcome.detail)
        return outcome

    def _start_is_out(self, vm_id: str) -> bool:
        flight = self._flights.get(vm_id)
        return flight is not None and not flight.landed.is_set()

    def _habitat(self) -> Habitat:
        return Habitat(
            domain_type=self._domain_type,
            vnc_listen=self._settings.vnc_listen,
            console_dir=self._settings.console_dir,
            watchdog_action=self._settings.watchdog_action,
            emulator=self._settings.emulator,
            memory_mib=None if self._facts is None else self._facts.memory_mib,
        )

    async def shutdown(self, host_id: str, vm_id: str, grace_seconds: float, deadline_seconds: float) -> Outcome:
        """A guest that obeys only after its grace still counts as shut down by us."""
        begun = self._clock.monotonic()
        self._watch.intend(vm_id, Intent.SHUTDOWN)
        pressed = await self._do(lambda line: deeds.press_power_button(line, vm_id), deadline_seconds)
        if not pressed.done:
            return pressed
        press_at = PRESS_AGAIN_SECONDS
        while (waited := self._clock.monotonic() - begun) < min(grace_seconds, deadline_seconds):
            outcome = await self._do(lambda line: deeds.is_off(line, vm_id, self._drives), deadline_seconds - waited)
            if outcome is not deeds.STILL_ON:
                return outcome
            if waited >= press_at:  # what came of it, the next look shows
                await self._do(lambda line: deeds.press_power_button(line, vm_id), deadline_seconds - waited)
                press_at = waited + PRESS_AGAIN_SECONDS
            await self._clock.sleep(SHUTDOWN_POLL_SECONDS)
        return failed("grace-over") if grace_seconds <= deadline_seconds else unknown()

    async def destroy(self, host_id: str, vm_id: str, deadline_seconds: float) -> Outcome:
        if (flight := self._flights.get(vm_id)) is not None:
            flight.revoked.set()
        before = self._records.get(vm_id)
        ours = self._watch.intend(vm_id, Intent.DESTROY)
        outcome = await self._do(lambda line: deeds.destroy(line, vm_id, self._drives), deadline_seconds)
        if outcome.done:
            self._watch.is_gone(vm_id)
        elif outcome.state is not RunState.UNKNOWN:
            self._watch.restore(ours, before)
        return outcome

    async def reboot(self, host_id: str, vm_id: str, forced: bool, deadline_seconds: float) -> Outcome:
        return await self._do(lambda line: deeds.reboot(line, vm_id, forced), deadline_seconds)

    async def resume(self, host_id: str, vm_id: str, deadline_seconds: float) -> Outcome:
        return await self._do(lambda line: deeds.resume(line, vm_id), deadline_seconds)

    async def change_medium(
        self, host_id: str, vm_id: str, medium: DiskSpec | None, forced: bool, deadline_seconds: float
    ) -> Outcome:
        return await self._do(lambda line: deeds.change_medium(line, vm_id, medium, forced), deadline_seconds)

    async def attach_disk(self, host_id: str, vm_id: str, disk: DiskSpec, deadline_seconds: float) -> Outcome:
        return await self._plug(vm_id, lambda line: deeds.attach_disk(line, vm_id, disk), deadline_seconds)

    async def detach_disk(self, host_id: str, vm_id: str, disk: DiskSpec, deadline_seconds: float) -> Outcome:
        """A guest lets go of a disk when it likes to."""
        begun = self._clock.monotonic()
        while (waited := self._clock.monotonic() - begun) < deadline_seconds:
            outcome = await self._plug(
                vm_id, lambda line: deeds.detach_disk(line, vm_id, disk), deadline_seconds - waited
            )
            if outcome is not deeds.STILL_HELD:
                return outcome
            await self._clock.sleep(UNPLUG_POLL_SECONDS)
        return unknown("not-let-go", "the guest holds on to the disk")

    async def _plug(self, vm_id: str, deed: Work[Outcome], deadline_seconds: float) -> Outcome:
        """One at a time, each until its thread has ended: what a call that is not answered does, it may do any time."""
        if vm_id in self._plugging:
            return unknown("in-flight", "an earlier change of this guest's disks is not answered yet")

        def plug(line: libvirt.virConnect) -> Outcome:
            self._plugging.add(vm_id)
            try:
                return deed(line)
            finally:
                self._plugging.discard(vm_id)

        return await self._do(plug, deadline_seconds)

    async def grow_disk(self, host_id: str, vm_id: str, disk: DiskSpec, deadline_seconds: float) -> Outcome:
        return await self._do(lambda line: deeds.grow_disk(line, vm_id, disk), deadline_seconds)

    async def forget(self, host_id: str, vm_id: str, deadline_seconds: float) -> Outcome:
        if self._start_is_out(vm_id):
            return refused("running", "its start is not answered yet")
        outcome = await self._do(lambda line: deeds.forget(line, vm_id, self._drives), deadline_seconds)
        if outcome.done:
            self._records.drop(vm_id)
            self._flights.pop(vm_id, None)
        return outcome

    # --- migration ---

    async def expect_incoming(self, host_id: str, spec: GuestSpec, deadline_seconds: float) -> Outcome:
        before = self._records.get(spec.vm_id)
        if before is not None and before.phase is Phase.RUNNING and before.epoch == spec.epoch:
            return DONE
        ours = self._watch.expect(spec.vm_id, spec.epoch, Phase.EXPECTED)
        outcome = await self._do(lambda line: migration.expect(line, spec, self._drives), deadline_seconds)
        if outcome.state in (RunState.REFUSED, RunState.FAILED):
            self._watch.restore(ours, before)
        return outcome

    async def migrate(
        self,
        host_id: str,
        vm_id: str,
        target_url: str,
        target_epoch: int,
        bandwidth_mib: int | None,
        deadline_seconds: float,
    ) -> Outcome:
        before = self._records.get(vm_id)
        ours = self._watch.intend(vm_id, Intent.MIGRATE)
        journey = Journey(vm_id=vm_id, target_url=target_url, target_epoch=target_epoch, bandwidth_mib=bandwidth_mib)
        self._journeys[vm_id] = journey
        async with background(lambda: self._abort_in_time(vm_id, deadline_seconds)):
            outcome = await self._do(
                lambda line: migration.migrate(line, journey, self._drives, self._connection.dial), deadline_seconds
            )
        self._journeys.pop(vm_id, None)
        if outcome.done:
            self._watch.is_gone(vm_id)
        elif outcome.state is not RunState.UNKNOWN:
            self._watch.restore(ours, before)
        return outcome

    async def _abort_in_time(self, vm_id: str, deadline_seconds: float) -> None:
        """So that the migration itself still says, before the deadline, what became of it."""
        await self._clock.sleep(deadline_seconds * ABORT_AFTER)
        outcome = await self.abort_migration(self._settings.host_id, vm_id, deadline_seconds * (1 - ABORT_AFTER))
        log.info("a migration that takes too long is aborted", vm=vm_id, outcome=outcome.state)

    async def migration_status(self, host_id: str, vm_id: str) -> MigrationStatus | None:
        try:
            return await self._connection.ask(lambda line: migration.status(line, vm_id), STATUS_SECONDS)
        except (MainstayError, libvirt.libvirtError) as error:
            log.debug("hypervisor does not tell how far a migration is", vm=vm_id, reason=str(error))
            return None

    async def abort_migration(self, host_id: str, vm_id: str, deadline_seconds: float) -> Outcome:
        if (journey := self._journeys.get(vm_id)) is not None:
            journey.called_off.set()
        outcome = await self._do(lambda line: migration.abort(line, vm_id), deadline_seconds)
        return DONE if journey is not None and outcome is migration.NOT_MIGRATING else outcome

    async def drop_incoming(self, host_id: str, vm_id: str, epoch: int, deadline_seconds: float) -> Outcome:
        outcome = await self._do(lambda line: migration.drop(line, vm_id, epoch, self._drives), deadline_seconds)
        if outcome.done:
            self._watch.forget_expected(vm_id, epoch)
        return outcome

    # --- volumes ---

    async def prepare_volume(self, host_id: str, disk: DiskSpec, deadline_seconds: float) -> Outcome:
        return await self._volumes.prepare(disk, deadline_seconds)

    async def remove_volume(self, host_id: str, disk: DiskSpec, deadline_seconds: float) -> Outcome:
        return await self._volumes.remove(disk, deadline_seconds)

    async def grow_volume(self, host_id: str, disk: DiskSpec, deadline_seconds: float) -> Outcome:
        return await self._volumes.grow(disk, deadline_seconds)

    async def check_pool(
        self, host_id: str, mount: PoolMount, image_path: str | None, deadline_seconds: float
    ) -> Outcome:
        return await self._volumes.check(mount, image_path, deadline_seconds)

    # --- screens ---

    async def open_screen(self, host_id: str, vm_id: str, deadline_seconds: float) -> Screen | Outcome:
        try:
            end = await self._connection.do(lambda line: screens.open_screen(line, vm_id), deadline_seconds)
        except NO_ANSWER as error:
            return unknown(error.code, str(error))
        except (Unavailable, screens.NoScreen) as error:
            return refused(error.code, str(error))
        except libvirt.libvirtError as error:
            return answer_to(error)
        return await screens.SocketScreen.over(end)

    # --- figures ---

    async def load(self, host_id: str, deadline_seconds: float) -> HostLoad | None:
        try:
            sample = await self._connection.ask(
                lambda line: figures.sample(line, self._clock.monotonic()), deadline_seconds
            )
        except (MainstayError, libvirt.libvirtError) as error:
            log.info("hypervisor does not tell its load", host=host_id, reason=str(error))
            return None
        earlier, self._last_sample = self._last_sample, sample
        return figures.load(earlier or sample, sample)

    async def _do(self, deed: Work[Outcome], deadline_seconds: float) -> Outcome:
        try:
            return await self._connection.do(deed, deadline_seconds)
        except NO_ANSWER as error:
            return unknown(error.code, str(error))
        except (Unavailable, BadInput) as error:
            return refused(error.code, str(error))
        except libvirt.libvirtError as error:
            return answer_to(error)


async def _domain_type(settings: LibvirtSettings) -> DomainType:
    if settings.domain_type is not DomainType.AUTO:
        return settings.domain_type
    if settings.uri.startswith("test:"):
        return DomainType.TEST
    found = Path(settings.state_dir) / "probed-domain-type"  # it does not change before the next boot
    if not found.exists():
        found.write_text(DomainType.KVM if await kvm_runs_guests() else DomainType.QEMU)
    return DomainType(found.read_text())


def _report_failure(name: str, error: Exception) -> None:
    log.error("the libvirt driver's task failed", task=name, exc_info=error)
