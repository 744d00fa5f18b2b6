"""What a watcher knows of jobs and of who works on them.

Judged by rows in the moment they are committed: a job is taken only from a controller whose life is over; of one line the oldest goes first and
alone; a stop that succeeded means that the guest is down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mainstay_controller.domain.records import Controller, Job, Vm
from mainstay_controller.domain.states import JobState, VmState

AT_REST = (VmState.STOPPED, VmState.DESTROYED, VmState.EXPUNGING, VmState.ERROR)
STOPS = ("stopVirtualMachine", "destroyVirtualMachine")
DOUBT = timedelta(seconds=10)
"""Who was found expired, and renewed all the same, was rightly taken for dead for a moment."""

Broken = tuple[str, str]
"""The promise, and how it was broken."""


@dataclass(slots=True)
class Lines:
    _controllers: dict[str, Controller] = field(default_factory=dict)
    _doubtful_until: dict[str, datetime] = field(default_factory=dict)
    _unfinished: dict[str, list[Job]] = field(default_factory=dict)  # by line, as they were seen to come

    def controller_changed(self, row: Controller, now: datetime) -> None:
        before = self._controllers.get(row.id)
        if before is not None and before.expires <= now:
            self._doubtful_until[row.id] = now + DOUBT
        self._controllers[row.id] = row

    def job_changed(self, before: Job | None, job: Job, vms: Mapping[str, Vm], now: datetime) -> Iterator[Broken]:
        line = self._unfinished.setdefault(job.serial_key or job.id, [])
        if before is None:
            line.append(job)
        elif self._is_robbed(before, job, now):
            yield "a job is in one pair of hands", f"{job.command} of {job.instance_id} is taken from {_owner(before)}"
        if job.state is JobState.PENDING:
            return
        earlier = [each for each in line[: _place(job, line)] if each.created < job.created]
        if earlier:
            yield (
                "of one line the oldest goes first",
                f"{job.command} of {job.instance_id} ends before {earlier[0].command}",
            )
        line[:] = [each for each in line if each.id != job.id]
        vm = vms.get(job.instance_id)
        if job.state is JobState.SUCCEEDED and job.command in STOPS and vm is not None and vm.state not in AT_REST:
            yield "a stop that succeeded means that it is down", f"{vm.id} is {vm.state}"

    def _is_robbed(self, before: Job, job: Job, now: datetime) -> bool:
        changes_hands = before.owner_id is not None and job.owner_id is not None and _owner(before) != _owner(job)
        return changes_hands and self._lives(before, now)

    def _lives(self, job: Job, now: datetime) -> bool:
        owner = self._controllers.get(str(job.owner_id))
        if owner is None or owner.epoch != job.owner_epoch or owner.expires <= now:
            return False
        return self._doubtful_until.get(owner.id, now) <= now


def _owner(job: Job) -> str:
    return f"{job.owner_id} in its life {job.owner_epoch}"


def _place(job: Job, line: list[Job]) -> int:
    return next((at for at, each in enumerate(line) if each.id == job.id), 0)
