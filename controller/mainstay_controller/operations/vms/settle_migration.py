"""Where is a guest whose migration did not end cleanly?  Ask both hosts; never resume, never believe.

The source runs it under the epoch in the row, the target under the next.  One of these is settled in the end: it arrived, it stayed, or it is
on neither, and then recovery has it in hand with the proof.  It stays on the source only when the target has forgotten the epoch handed
over; a target that has it running has won.

A source that is paused has handed it over, as far as it knows.  A target that has it no more may have run it until it died or lost its memory in a boot:
then the copy on the source is of a time before the last writes, and is taken off too.  The guest begins anew from its disk."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

from mainstay_controller.domain.ha.evidence import GuestSeen, Power, StopCause
from mainstay_controller.domain.ha.proof import Acknowledged
from mainstay_controller.domain.ha.reconcile import Missing
from mainstay_controller.domain.ha.settling import Settled
from mainstay_controller.domain.ids import HostId
from mainstay_controller.domain.lifecycle.incident import IncidentEvent
from mainstay_controller.domain.lifecycle.vm import VmEvent
from mainstay_controller.domain.records import Vm
from mainstay_controller.fleet.outcome import Done, Outcome
from mainstay_controller.operations.change_state import change_vm
from mainstay_controller.operations.jobs import JobRun
from mainstay_controller.operations.orders.proof_on_file import proof_on_file
from mainstay_controller.operations.orders.settle import settling
from mainstay_controller.operations.orders.start_orders import as_victim, placed_on
from mainstay_controller.operations.recovery.casebook import DECISIONS, case_file, open_vm_incident
from mainstay_controller.operations.recovery.release_guests import Freed, release

LIVES = frozenset({Power.RUNNING, Power.PAUSED, Power.STARTING, Power.STOPPING, Power.MIGRATING, Power.UNKNOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What one host says of the guest, or what is proven of a host that says nothing any more."""

    answered: bool = False
    guest: GuestSeen | None = None
    proof: Settled | None = None

    @property
    def power(self) -> Power | None:
        return self.guest.power if self.guest is not None and self.guest.power in LIVES else None

    @property
    def is_without_it(self) -> bool:
        return self.proof is not None or (self.answered and self.power is None)


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


async def lost(vm: Vm, settled: Settled, run: JobRun) -> Vm:
    """On neither host: Stopped, and a case for recovery, which says whether and where it is started again."""
    async with run.cloud.store.transaction() as store:
        missing = Missing(cause=StopCause.VANISHED, detail="while it was migrated")
        case = await case_file(await open_vm_incident(store, vm, missing, run.cloud), run.cloud)
        await release(store, case, [Freed(vm=vm, settled=settled, cause=missing.cause)])
        await case.advance(IncidentEvent.PROVEN, f"proven: {settled}", store, settled.proof)
        vm = await store.vms.by_id(vm.id)
    run.cloud.fleet.bells.ring(DECISIONS)
    return vm


async def settle_migration(vm: Vm, run: JobRun) -> Vm:
    """The row as settled.  Raises Stale when somebody else moved it."""
    settling = Settling(vm, run)
    while True:
        source, target = await settling.see(settling.source_id), await settling.see(settling.target_id)
        settled = await settling.decide(source, target)
        if settled is not None:
            return settled
        await settling.wait()


class Settling:
    """The questions asked of one migration's two hosts."""

    def __init__(self, vm: Vm, run: JobRun) -> None:
        assert vm.host_id is not None
        assert vm.target_host_id is not None
        self.vm = vm
        self.run = run
        self.cloud = run.cloud
        self.source_id = vm.host_id
        self.target_id = vm.target_host_id
        self.orders = 0
        self._target_wrote_until: float | None = None

    async def decide(self, source: Sight, target: Sight) -> Vm | None:
        """None: it cannot be told yet."""
        if target.power is Power.RUNNING:
            there = await arrived(self.vm, self.run)
            await self._clear_away_its_other_half(source)
            return there
        if source.power is Power.MIGRATING or not (source.answered or source.proof):
            return None
        if not (target.proof or await self._target_has_forgotten()):
            return None
        if source.is_without_it or source.power is Power.PAUSED:
            settled = source.proof or await self._source_gives_it_up(source)
            if settled is None or not (target.proof or await self._target_has_written()):
                return None
            return await lost(self.vm, settled, self.run)
        return await stayed(self.vm, self.run)

    async def _clear_away_its_other_half(self, source: Sight) -> None:
        """A source that was never told of the end keeps a paused copy.  If it does not answer now, its next report brings it to light."""
        if source.power is not None:
            await self._tell(partial(self.cloud.fleet.stop_guest, forced=True), self.source_id, self.vm.epoch, "clear")

    async def see(self, host_id: HostId) -> Sight:
        told = await self.cloud.fleet.query_guests(
            host_id,
            (self.vm.id,),
            command_id=self._command_id("query", host_id),
            deadline_seconds=self.cloud.settings.probe_deadline_seconds,
        )
        if isinstance(told, Done):
            return Sight(answered=True, guest=next((guest for guest in told.guests if guest.vm_id == self.vm.id), None))
        return Sight(proof=await self._proof_against(host_id))

    async def wait(self) -> None:
        await self.run.reached("asking both hosts how the migration ended", 90)
        await self.cloud.clock.sleep(self.cloud.settings.ask_again_seconds)

    async def _proof_against(self, host_id: HostId) -> Settled | None:
        """A target that has booted since the migration began answers by itself that it has forgotten."""
        boot_id = self.vm.host_boot_id if host_id == self.source_id else None
        return await proof_on_file(host_id, boot_id, await as_victim(self.vm, self.cloud.store), self.cloud)

    async def _target_has_forgotten(self) -> bool:
        fleet = self.cloud.fleet
        return isinstance(await self._tell(fleet.cancel_incoming, self.target_id, self.vm.epoch + 1, "cancel"), Done)

    async def _source_gives_it_up(self, source: Sight) -> Settled | None:
        """It is told to stop the guest, or to forget it: then it will not start it by itself either."""
        fleet, stopped = self.cloud.fleet, partial(self.cloud.fleet.stop_guest, forced=True)
        verb, word = (stopped, "stop") if source.power is Power.PAUSED else (fleet.forget_guest, "forget")
        told = await self._tell(verb, self.source_id, self.vm.epoch, word)
        if not isinstance(told, Done):
            return None
        return await self._settled(Acknowledged(vm_id=self.vm.id, host_id=self.source_id, epoch=self.vm.epoch))

    async def _target_has_written(self) -> bool:
        """It does not run the guest, and will not; if it did, in this boot or the one before, that is since we first asked at the latest."""
        if self._target_wrote_until is None:
            late_io_seconds = self.cloud.fleet.lease_timing(self.target_id).late_io_seconds
            self._target_wrote_until = self.cloud.clock.monotonic() + late_io_seconds
        gone = Acknowledged(vm_id=self.vm.id, host_id=self.target_id, epoch=self.vm.epoch + 1, writes_landed=False)
        return await self._settled(gone, self._target_wrote_until) is not None

    async def _settled(self, proof: Acknowledged, over_at: float | None = None) -> Settled | None:
        pool_ids = (await as_victim(self.vm, self.cloud.store)).pool_ids
        told = await settling([proof], pool_ids, self.run.job.id, self.cloud, over_at=over_at)
        return told if isinstance(told, Settled) else None

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
