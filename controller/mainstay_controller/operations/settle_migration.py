"""Where is a guest whose migration did not end cleanly?  Ask both hosts; never resume, never believe.

The source runs it under the epoch in the row, the target under the next.  One of these is settled in the end: it arrived, it stayed, or it is
on neither and Stopped.  It stays on the source only when the target has forgotten the epoch handed over; a target that has it running has won."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from mainstay_controller.domain.ha.evidence import GuestSeen, Power
from mainstay_controller.domain.ids import HostId
from mainstay_controller.domain.lifecycle.vm import VmEvent
from mainstay_controller.domain.records import Vm
from mainstay_controller.fleet.outcome import Done, Outcome
from mainstay_controller.operations.ask_again import boot_is_over
from mainstay_controller.operations.change_state import change_vm
from mainstay_controller.operations.jobs import JobRun
from mainstay_controller.operations.start_orders import placed_on, taken_off

LIVES = frozenset({Power.RUNNING, Power.PAUSED, Power.STARTING, Power.STOPPING, Power.MIGRATING, Power.UNKNOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What one host says of the guest.  `answered` without a guest: it is not there, or the host is proven dead."""

    answered: bool
    guest: GuestSeen | None = None

    @property
    def power(self) -> Power | None:
        return self.guest.power if self.guest is not None and self.guest.power in LIVES else None

    @property
    def gone(self) -> bool:
        return self.answered and self.power is None


async def arrived(vm: Vm, run: JobRun) -> Vm:
    store = run.cloud.store
    assert vm.target_host_id is not None
    target = await store.hosts.by_id(vm.target_host_id)
    cluster = await store.clusters.by_id(target.cluster_id)
    there = replace(placed_on(vm, target, cluster, epoch=vm.epoch + 1), last_host_id=vm.host_id)
    why = f"migrated to {target.name}"
    return await change_vm(store, vm, VmEvent.OPERATION_SUCCEEDED, await store.now(), why, into=there)


async def stayed(vm: Vm, run: JobRun) -> Vm:
    store = run.cloud.store
    here = replace(vm, target_host_id=None)
    return await change_vm(store, vm, VmEvent.OPERATION_FAILED, await store.now(), "it did not migrate", into=here)


async def settle_migration(vm: Vm, run: JobRun) -> Vm:
    """The row as settled: Running here or there, or Stopped.  Raises Stale when somebody else moved it."""
    settling = Settling(vm, run)
    while True:
        settled = await settling.decide(await settling.see(settling.source_id), await settling.see(settling.target_id))
        if settled is not None:
            return settled
        await settling.wait()


class Settling:
    def __init__(self, vm: Vm, run: JobRun) -> None:
        assert vm.host_id is not None
        assert vm.target_host_id is not None
        self.vm = vm
        self.run = run
        self.cloud = run.cloud
        self.source_id = vm.host_id
        self.target_id = vm.target_host_id
        self.orders = 0

    async def decide(self, source: Sight, target: Sight) -> Vm | None:
        if target.power is Power.RUNNING:
            return await arrived(self.vm, self.run)
        if source.power is Power.MIGRATING:
            return None  # still on its way
        if not source.answered:
            return None
        if not await self._target_has_forgotten():
            return None
        if source.gone:
            return await self._change(VmEvent.FOLLOW_AGENT_POWER_OFF, "lost in a migration", taken_off(self.vm))
        if source.power is Power.PAUSED:
            await self._tell(self.cloud.fleet.resume_guest, self.source_id, self.vm.epoch, "resume")
        return await stayed(self.vm, self.run)

    async def see(self, host_id: HostId) -> Sight:
        told = await self.cloud.fleet.query_guests(
            host_id,
            (self.vm.id,),
            command_id=self._command_id("query", host_id),
            deadline_seconds=self.cloud.settings.probe_deadline_seconds,
        )
        if isinstance(told, Done):
            return Sight(answered=True, guest=next((guest for guest in told.guests if guest.vm_id == self.vm.id), None))
        return Sight(answered=await self._is_dead(host_id))

    async def wait(self) -> None:
        """Somebody else - recovery with its proof - may settle it meanwhile: writing then raises Stale."""
        await self.run.reached("asking both hosts how the migration ended", 90)
        await self.cloud.clock.sleep(self.cloud.settings.ask_again_seconds)

    async def _target_has_forgotten(self) -> bool:
        told = await self._tell(self.cloud.fleet.cancel_incoming, self.target_id, self.vm.epoch + 1, "cancel")
        return isinstance(told, Done) or await self._is_dead(self.target_id)

    async def _is_dead(self, host_id: HostId) -> bool:
        """A target that has booted since the migration began answers by itself that it has forgotten."""
        boot_id = self.vm.host_boot_id if host_id == self.source_id else None
        return await boot_is_over(host_id, boot_id, self.cloud)

    async def _tell(self, verb: Callable[..., Awaitable[Outcome]], host_id: HostId, epoch: int, word: str) -> Outcome:
        return await verb(
            host_id,
            self.vm.id,
            epoch,
            command_id=self._command_id(word, host_id),
            deadline_seconds=self.cloud.settings.order_deadline_seconds,
        )

    def _command_id(self, word: str, host_id: HostId) -> str:
        self.orders += 1
        return self.run.command_id(word, host_id, self.vm.epoch, self.run.job.attempts, self.orders)

    async def _change(self, event: VmEvent, why: str, into: Vm) -> Vm:
        return await change_vm(self.cloud.store, self.vm, event, await self.cloud.store.now(), why, into=into)
