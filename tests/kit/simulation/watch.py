"""Watches the promises while a run goes on, and looks at the end whether all is as users want it.

The watcher sees what nobody in the cloud sees: every copy on every machine, and every row in the moment it is committed.  It judges by
that truth and by nothing that the code under test says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from mainstay_agent.drivers.simulated.copies import Copy
from mainstay_controller.domain.ha.proof import UNSURE
from mainstay_controller.domain.records import (
    Controller,
    Decision,
    Host,
    Incident,
    Job,
    StoragePool,
    Vm,
    Volume,
)
from mainstay_controller.domain.states import HostState, IncidentPhase, JobState, PoolState, ResourceState, VmState
from mainstay_controller.operations.own_details import STOPPED_FOR_IT
from mainstay_proto.messages import StopCause
from tests.kit.memory_store import EPOCH
from tests.kit.simulation.lines import AT_REST, STOPS, Lines
from tests.kit.simulation.loop import sim_loop

if TYPE_CHECKING:
    from tests.kit.simulation.cloud import SimulatedCloud
    from tests.kit.simulation.world import HarshHost

STARTS = ("startVirtualMachine", "deployVirtualMachine")


@dataclass(frozen=True, slots=True)
class Violation:
    """`promise` is short and stable; findings are sorted by it."""

    promise: str
    what: str
    at: float

    def __str__(self) -> str:
        return f"{self.promise}: {self.what} ({self.at:.3f} s)"


@dataclass(slots=True)
class Watch:
    """`harmless`: in this run nothing happens that may cost a guest its life."""

    cloud: SimulatedCloud
    harmless: bool = False
    violations: list[Violation] = field(default_factory=list)
    starts: int = 0
    deaths: int = 0
    _vms: dict[str, Vm] = field(default_factory=dict)
    _others: dict[str, dict[str, Any]] = field(default_factory=dict)
    _ran: dict[str, tuple[int, str]] = field(default_factory=dict)  # the newest epoch that ran of each guest, and where
    _lines: Lines = field(default_factory=Lines)
    excused: set[str] = field(
        default_factory=set
    )  # guests hurt on purpose: shut down from inside, destroyed by an outsider

    def broken(self, promise: str, what: str) -> None:
        self.violations.append(Violation(promise, what, sim_loop().time()))
        self.cloud.story.tell("PROMISE", f"BROKEN: {promise}: {what}")

    # --- rows, as they are committed ---

    def rows_changed(self) -> None:
        tables = self.cloud.database.rows.tables
        for id, vm in tables["vms"].items():
            before = self._vms.get(id)
            if vm is not before:
                self._vms[id] = vm
                self._vm_changed(before, vm)
        for name in ("controllers", "hosts", "incidents", "jobs", "decisions", "pools"):
            known = self._others.setdefault(name, {})
            for id, row in tables[name].items():
                before = known.get(id)
                if row is not before:
                    known[id] = row
                    self._told(before, row)

    def _vm_changed(self, before: Vm | None, vm: Vm) -> None:
        if before is None:
            return
        if vm.epoch < before.epoch:
            self.broken("epochs rise", f"{vm.id}: {before.epoch} -> {vm.epoch}")
        if before.host_id is not None and vm.host_id != before.host_id:
            self._taken_off(before)
        if (before.state, before.epoch, before.host_id) != (vm.state, vm.epoch, vm.host_id):
            where = f" on {vm.host_id}" if vm.host_id else ""
            self.cloud.story.tell(vm.id, f"{before.state} -> {vm.state}, epoch {vm.epoch}{where}")

    def _taken_off(self, vm: Vm) -> None:
        host = self.cloud.host(str(vm.host_id))
        copy = host.living(vm.id)
        if copy is not None and copy.spec.epoch <= vm.epoch and copy.executes:
            self.broken(
                "no start without proof", f"{vm.id} is taken off {vm.host_id}, where epoch {copy.spec.epoch} runs"
            )

    def _told(self, before: Any, row: Any) -> None:
        tell = self.cloud.story.tell
        match row:
            case Controller():
                self._lines.controller_changed(row, self._now())
            case Decision() if before is None or before.decision != row.decision:
                self._decided(row)
            case Job():
                for promise, what in self._lines.job_changed(before, row, self._vms, self._now()):
                    self.broken(promise, what)
        match row:
            case Host() if before is not None and before.state is not row.state:
                tell(row.id, f"is {row.state} (was {before.state})")
                if self.harmless and row.state is HostState.DOWN:
                    self.broken("no host that lives is called dead", row.id)
            case Host() if before is not None and before.resource_state is not row.resource_state:
                tell(row.id, f"is in {row.resource_state} (was {before.resource_state})")
                if row.resource_state is ResourceState.MAINTENANCE:
                    self._look_whether_it_is_empty(row)
            case StoragePool() if before is not None and before.state is not row.state:
                tell(row.id, f"is {row.state} (was {before.state})")
                if row.state is PoolState.UP:
                    self._look_whether_all_start_again(before)
            case Incident() if before is None or before.phase is not row.phase:
                about = row.vm_id or row.host_id
                tell(f"incident {about}", f"{row.phase}: {row.timeline[-1]['text'] if row.timeline else row.trigger}")
            case Decision() if before is None or before.outcome is not row.outcome:
                tell(f"decision {row.vm_id}", f"{row.outcome}: {row.rule}")
            case Job() if before is None or before.state is not row.state:
                tell(f"job {row.instance_id}", f"{row.command}: {row.state} {row.result.get('errortext', '')}".rstrip())
            case _:
                pass

    def _now(self) -> datetime:
        """By the database's clock."""
        return EPOCH + timedelta(seconds=self.cloud.database.clock.monotonic())

    def _decided(self, decision: Decision) -> None:
        if decision.decision != "restart":
            return
        if not decision.proof and decision.rule != "standing-authority":
            self.broken("every restart has its proof on record", f"{decision.vm_id}: {decision.rule}")
        incident = self.cloud.database.rows.tables["incidents"].get(decision.incident_id)
        causes = {each.get("cause") for each in incident.evidence} if incident is not None else set()
        if StopCause.GUEST_SHUTDOWN.value in causes and decision.rule != "standing-authority":
            self.broken("a guest that shut itself down stays down", f"{decision.vm_id}: {decision.rule}")

    def _is_stopped_by_user(self, vm_id: str) -> bool:
        """A stop has succeeded, and no start was asked for after it."""
        jobs = [job for job in self.cloud.database.rows.tables["jobs"].values() if job.instance_id == vm_id]
        stops = [job.created for job in jobs if job.command in STOPS and job.state is JobState.SUCCEEDED]
        starts = [job.created for job in jobs if job.command in STARTS]
        return bool(stops) and max(stops) > max(starts, default=min(stops) - timedelta(1))

    def _look_whether_it_is_empty(self, host: Host) -> None:
        there = [copy.spec.vm_id for copy in self.cloud.host(host.id).copies.values() if copy.executes]
        if there:
            self.broken("a host in maintenance has no guest", f"{host.id} has {', '.join(there)}")

    def _look_whether_all_start_again(self, closed: StoragePool) -> None:
        for vm_id in filter(None, closed.details.get(STOPPED_FOR_IT, "").split(",")):
            vm = self._vms[vm_id]
            if not vm.wanted_running and vm.state in (VmState.STOPPED, VmState.STOPPING):
                self.broken("what was stopped for a pool starts again", f"{vm_id} is {vm.state} as {closed.id} opens")

    # --- copies ---

    def copy_changed(self, host: HarshHost, copy: Copy) -> None:
        """A copy appeared or changed its state."""
        vm_id = copy.spec.vm_id
        self.cloud.story.tell(host.host_id, f"{vm_id} epoch {copy.spec.epoch} is {copy.state}")
        if not copy.executes:
            return
        self.starts += 1
        self._look_at_its_epoch(host, copy)
        row = self.cloud.database.rows.tables["hosts"].get(host.host_id)
        if row is not None and row.resource_state is ResourceState.MAINTENANCE:
            self._look_whether_it_is_empty(row)
        vm = self._vms.get(vm_id)
        if self._is_stopped_by_user(vm_id):
            self.broken("what the user stopped stays stopped", f"{vm_id} runs on {host.host_id}")
        if vm is not None and host.host_id not in (vm.host_id, vm.target_host_id):
            self.broken(
                "no start without proof", f"{vm_id} starts on {host.host_id}; its row says {vm.host_id} ({vm.state})"
            )

    def _look_at_its_epoch(self, host: HarshHost, copy: Copy) -> None:
        epoch, where = self._ran.get(copy.spec.vm_id, (0, host.host_id))
        if (copy.spec.epoch, host.host_id) != (epoch, where) and copy.spec.epoch <= epoch:
            ran = f"under epoch {copy.spec.epoch} on {host.host_id} after {epoch} on {where}"
            self.broken("an epoch runs on one host", f"{copy.spec.vm_id} runs {ran}")
        self._ran[copy.spec.vm_id] = max((copy.spec.epoch, host.host_id), (epoch, where), key=lambda each: each[0])

    def copy_ended(self, host: HarshHost, copy: Copy, cause: StopCause, detail: str) -> None:
        self.cloud.story.tell(
            host.host_id, f"{copy.spec.vm_id} epoch {copy.spec.epoch} ends: {cause} {detail}".rstrip()
        )
        if not copy.incoming:
            self.deaths += 1
        if self.harmless:
            self.broken(
                "an outage of one channel kills nobody", f"{copy.spec.vm_id} on {host.host_id}: {cause} {detail}"
            )

    def written_twice(self, what: str) -> None:
        self.broken("at most one writer", what)

    def file_removed(self, what: str) -> None:
        self.broken("no disk of a guest that runs is removed", what)

    # --- the end ---

    def what_is_wrong(self) -> list[str]:
        """Empty: every guest is as its user wants it, and nothing is left half done."""
        tables = self.cloud.database.rows.tables
        return [
            *(wrong for vm in tables["vms"].values() for wrong in self._wrong_with_vm(vm)),
            *(wrong for volume in tables["volumes"].values() for wrong in self._wrong_with_disk(volume)),
            *(f"{host.id} is {host.state}" for host in tables["hosts"].values() if host.state is not HostState.UP),
            *(
                f"{host.id} is in {host.resource_state}"
                for host in tables["hosts"].values()
                if host.resource_state is not ResourceState.ENABLED
            ),
            *(f"pool {pool.id} is {pool.state}" for pool in tables["pools"].values() if pool.state is not PoolState.UP),
            *(
                f"job {job.command} of {job.instance_id} is pending: {job.phase}"
                for job in tables["jobs"].values()
                if job.state is JobState.PENDING
            ),
            *(
                f"incident of {incident.vm_id or incident.host_id} is {incident.phase}"
                for incident in tables["incidents"].values()
                if incident.phase is not IncidentPhase.CLOSED
            ),
            *(
                f"decision about {each.vm_id} is {each.outcome}"
                for each in tables["decisions"].values()
                if not each.closed
            ),
        ]

    def _wrong_with_vm(self, vm: Vm) -> Iterator[str]:
        copies = [
            (host.host_id, copy) for host in self.cloud.world.hosts.values() if (copy := host.living(vm.id)) is not None
        ]
        said = f"{vm.id} is {vm.state} on {vm.host_id} (epoch {vm.epoch})"
        if vm.state is VmState.RUNNING:
            right = [(vm.host_id, vm.epoch, True)]
            if [(where, copy.spec.epoch, copy.executes) for where, copy in copies] != right:
                yield f"{said}, but there is {_in_words(copies)}"
        elif vm.state not in AT_REST:
            yield said
        elif copies:
            yield f"{said}, but there is {_in_words(copies)}"
        elif vm.wanted_running and vm.ha_enabled and vm.id not in self.excused and vm.removed is None:
            yield f"{said}, but wanted"

    def _wrong_with_disk(self, volume: Volume) -> Iterator[str]:
        """In the guest that its row names, if that runs, and in no other."""
        if volume.state in UNSURE:
            yield f"disk {volume.id} of {volume.vm_id} is {volume.state}"
        vm = self._vms.get(str(volume.vm_id))
        runs = vm is not None and vm.state is VmState.RUNNING
        having = {copy.spec.vm_id for copy in self.cloud.world.living() if copy.spec.has_disk(volume.id)}
        if having != ({volume.vm_id} if runs else set()):
            yield f"disk {volume.id} of {volume.vm_id} is in {', '.join(sorted(having)) or 'none'}"


def _in_words(copies: list[tuple[str, Copy]]) -> str:
    return ", ".join(f"epoch {copy.spec.epoch} {copy.state} on {where}" for where, copy in copies) or "none"
