"""Which waiting job may be taken now, and what a job becomes when its work ends.

Promises: of one serial key the oldest goes first and alone; a job is taken from another controller only if that controller's life that
claimed it is over; a job ends once."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from mainstay_controller.domain.ids import ControllerId, JobId
from mainstay_controller.domain.records import Controller, Job, Json
from mainstay_controller.domain.states import JobState

POSTPONED_SECONDS = 1.0
POSTPONED_SECONDS_MAX = 60.0

Lives = Mapping[ControllerId, int]
"""Controllers alive, each with the epoch of its present life."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Succeeded:
    result: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    errorcode: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Postponed:
    """Not an end: something around the work failed, and it is to be run again."""

    reason: str


Ending = Succeeded | Failed | Cancelled | Postponed


def lives(controllers: Iterable[Controller], now: datetime) -> Lives:
    return {controller.id: controller.epoch for controller in controllers if controller.expires > now}


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """Who works on what: other controllers by their rows, this one by what it has in hand.

    A hand may not have noticed yet that the row went to another controller, who died; as long as it is busy nobody else takes the job up here: two hands at
    one job undo each other's steps."""

    alive: Lives
    me: ControllerId
    in_hand: Container[JobId]

    def work_on(self, job: Job) -> bool:
        if job.id in self.in_hand:
            return True
        if job.owner_id is None or job.owner_id == self.me:
            return False
        return self.alive.get(job.owner_id) == job.owner_epoch


def takeable(unfinished: Sequence[Job], workers: Workers, now: datetime) -> list[Job]:
    """`unfinished`: oldest first.  One that is worked on, or is to wait a little, holds up its line."""
    lines_held = {job.serial_key for job in unfinished if workers.work_on(job)}
    taken: list[Job] = []
    for job in unfinished:
        if workers.work_on(job) or (job.serial_key and job.serial_key in lines_held):
            continue
        lines_held.add(job.serial_key)
        if job.not_before is None or job.not_before <= now:
            taken.append(job)
    return taken


def has_rival(job: Job, unfinished: Iterable[Job], workers: Workers) -> bool:
    """Two controllers may take two jobs of one line in the same moment; at least one of them sees the other and steps back."""
    return bool(job.serial_key) and any(
        other.id != job.id and other.serial_key == job.serial_key and workers.work_on(other) for other in unfinished
    )


def released(job: Job) -> Job:
    return replace(job, owner_id=None)


def after(job: Job, ending: Ending, now: datetime) -> Job:
    match ending:
        case Postponed(reason=reason):
            pause_seconds = min(POSTPONED_SECONDS * 2 ** min(job.attempts, 10), POSTPONED_SECONDS_MAX)
            return replace(
                released(job),
                attempts=job.attempts + 1,
                phase=reason,
                not_before=now + timedelta(seconds=pause_seconds),
            )
        case Succeeded(result=result):
            done = replace(job, state=JobState.SUCCEEDED, progress_percent=100, result=dict(result))
        case Failed(errorcode=errorcode, text=text):
            done = replace(job, state=JobState.FAILED, result_code=errorcode, result=error_result(errorcode, text))
        case Cancelled(text=text):
            done = replace(job, state=JobState.CANCELLED, result_code=530, result=error_result(530, text))
    return replace(released(done), completed=now, result_type="object")


def error_result(errorcode: int, text: str) -> dict[str, Json]:
    return {"errorcode": errorcode, "errortext": text}
