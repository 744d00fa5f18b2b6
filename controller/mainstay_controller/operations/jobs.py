"""Work that survives its controller: jobs are rows, taken by whoever has a hand free, and run again from their start if he dies.

A command that runs as a job has two halves.  `begin` validates everything and writes rows and job in one transaction (`new_job`); `work`
is called here with a `JobRun`.  A work reads its rows anew, does what is still missing, and gives its orders under `run.command_id(..)`, so
that an order repeated after a crash is answered and not repeated.

Promises: a job's result is recorded once; an error that says nothing about the work itself (the database was away, the row changed) only
postpones it; a wish to cancel is obeyed where the work says that nothing is half-done (`run.checkpoint`)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID, uuid5

from mainstay_controller.domain import jobs as domain
from mainstay_controller.domain.ids import AccountId, EventId, JobId, UserId
from mainstay_controller.domain.jobs import Cancelled, Ending, Failed, Postponed, Succeeded, Workers
from mainstay_controller.domain.records import Event, Job, Json
from mainstay_controller.domain.states import JobState
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import OperationError
from mainstay_controller.store.port import Conflict, OutcomeUnknown, Stale, Unreachable, any_of, at_most, eq, none_of
from mainstay_runtime.logs import logger
from mainstay_runtime.tasks import all_of

UNFINISHED_READ_MAX = 1000
"""So many of the oldest are looked at for one that can be taken; whoever is first in its line is among them sooner or later."""
ATTEMPTS_MAX = 5
"""A work that fails in an unforeseen way is tried so often; a store that is away is waited for until the deadline."""
RECORD_RETRY_SECONDS = 1.0
FORGOTTEN_AT_ONCE_MAX = 200
DEADLINE_SECONDS = 3600.0
"""job.cancel.threshold.minutes."""

log = logger(__name__)
JOBS = "jobs"
"""The bell that is rung here when a job was added or has ended; those of other controllers are found by looking."""
STARTED = UUID("5f0f3a52-6b5c-4c0e-8e0a-3c7f0d2b9a41")
"""Where the ids of events come from that tell of the start of a job."""
TRANSIENT = (Stale, OutcomeUnknown, Unreachable)


class JobCancelled(OperationError):
    """The job was cancelled."""

    code = "cancelled"


class JobLost(Exception):
    """Another controller has taken this job over: whatever is done from here on is its affair."""


@dataclass(slots=True)
class JobRun:
    """One job while this controller works on it."""

    job: Job
    cloud: Cloud

    @property
    def was_begun_before(self) -> bool:
        """It has told of progress already, here or at another controller."""
        return bool(self.job.phase)

    async def reached(self, phase: str, percent: int = 0) -> None:
        """Tell how far it is.  Raises JobLost when it is ours no more."""
        await self.rewrite(lambda job: replace(job, phase=phase, progress_percent=percent))

    async def checkpoint(self) -> None:
        """Here nothing is half-done: end with JobCancelled if that is wished."""
        if await self.wished_to_cancel():
            raise JobCancelled(f"Job {self.job.id} was cancelled")

    async def wished_to_cancel(self) -> bool:
        self.job = await self._mine()
        return self.job.cancel_requested

    def command_id(self, verb: str, *what: object) -> str:
        """The same for the same step of the same job, whoever takes it and how often."""
        return ":".join((self.job.id, verb, *(str(each) for each in what)))

    async def rewrite(self, change: Callable[[Job], Job]) -> None:
        """Raises JobLost when the row is ours no more."""
        while True:
            try:
                self.job = await self.cloud.store.jobs.swap(self.job, change(self.job))
                return
            except Stale:
                self.job = await self._mine()

    async def _mine(self) -> Job:
        job = await self.cloud.store.jobs.by_id(self.job.id)
        me = self.cloud.me
        if job.state is not JobState.PENDING or (job.owner_id, job.owner_epoch) != (me.id, me.epoch):
            raise JobLost(f"job {job.id}")
        return job


Work = Callable[[JobRun], Awaitable[Mapping[str, Json]]]
"""Returns what queryAsyncJobResult shows as `jobresult`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """On whose behalf."""

    account_id: AccountId
    user_id: UserId


def new_job(
    cloud: Cloud,
    command: str,
    asker: Asker,
    now: datetime,
    *,
    instance_type: str = "",
    instance_id: str = "",
    serial_key: str | None = None,
    parameters: Mapping[str, str] | None = None,
    deadline_seconds: float | None = DEADLINE_SECONDS,
) -> Job:
    """To be added in the transaction that writes the rows it is about, and then the bell is rung; `now` is the store's.  It queues behind
    other jobs of its instance unless told otherwise."""
    return Job(
        id=JobId(cloud.rng.uuid()),
        command=command,
        created=now,
        account_id=asker.account_id,
        user_id=asker.user_id,
        parameters=dict(parameters or {}),
        deadline=now + timedelta(seconds=deadline_seconds) if deadline_seconds is not None else None,
        instance_type=instance_type,
        instance_id=instance_id,
        serial_key=instance_id if serial_key is None else serial_key,
    )


def started_after(scheduled: Event, job: Job, now: datetime) -> Event:
    """The same for the same job, so that it is on record once."""
    return replace(
        scheduled,
        id=EventId(str(uuid5(STARTED, job.id))),
        version=1,
        state="Started",
        description=f"{job.command} has begun",
        created=now,
        start_event_id=scheduled.id,
        archived=False,
    )


async def request_cancel(job_id: JobId, cloud: Cloud) -> Job:
    """The work ends at its next checkpoint, or finishes before that; a job nobody works on is taken up only to end."""
    while True:
        job = await cloud.store.jobs.by_id(job_id)
        if job.state is not JobState.PENDING or job.cancel_requested:
            return job
        try:
            return await cloud.store.jobs.swap(job, replace(job, cancel_requested=True))
        except Stale:
            continue


async def forget_finished(cloud: Cloud) -> None:
    """job.expire.minutes: some at a time, oldest first."""
    expired = await cloud.store.now() - timedelta(minutes=cloud.settings.job_expire_minutes)
    finished = none_of("state", [JobState.PENDING])
    for job in await cloud.store.jobs.find(finished, at_most("completed", expired), limit=FORGOTTEN_AT_ONCE_MAX):
        await cloud.store.jobs.remove(job.id)


@dataclass(slots=True)
class JobEngine:
    """Takes jobs and works on them; `loops.jobs` drives it.  `works`: by command, from the composition root."""

    cloud: Cloud
    works: Mapping[str, Work]
    workers_max: int = 64
    _in_hand: set[JobId] = field(default_factory=set)

    async def take(self) -> list[JobRun]:
        """As many as there are free hands; each must then be given to `perform`."""
        free = self.workers_max - len(self._in_hand)
        unfinished = await self._unfinished()
        if not unfinished:
            return []
        workers = await self._workers()
        claimed = []
        for job in domain.takeable(unfinished, workers, await self.cloud.store.now())[: max(free, 0)]:
            try:
                mine = await self.cloud.store.jobs.swap(job, self._owned(job))
            except Stale:
                continue
            claimed.append(JobRun(mine, self.cloud))
        taken = [run for run in claimed if not await self._stepped_back(run)]
        self._in_hand.update(run.job.id for run in taken)
        return taken

    async def perform(self, run: JobRun) -> None:
        """Never raises but for cancellation: whatever happens becomes the job's ending, or leaves it to be taken up again."""
        try:
            await self._record(run, await self._begun_and_ended(run))
            self.cloud.fleet.bells.ring(JOBS)
        except JobLost:
            log.info("job was taken over", job=run.job.id, command=run.job.command)
        finally:
            self._in_hand.discard(run.job.id)

    async def _unfinished(self) -> list[Job]:
        return await self.cloud.store.jobs.find(eq("state", JobState.PENDING), limit=UNFINISHED_READ_MAX)

    async def _workers(self) -> Workers:
        store = self.cloud.store
        alive = domain.lives(await store.controllers.find(), await store.now())
        return Workers(alive=alive, me=self.cloud.me.id, in_hand=self._in_hand)

    def _owned(self, job: Job) -> Job:
        return replace(job, owner_id=self.cloud.me.id, owner_epoch=self.cloud.me.epoch)

    async def _stepped_back(self, run: JobRun) -> bool:
        if not run.job.serial_key:
            return False
        line = await self.cloud.store.jobs.find(
            eq("state", JobState.PENDING), any_of("serial_key", [run.job.serial_key])
        )
        if not domain.has_rival(run.job, line, await self._workers()):
            return False
        with suppress(Stale):  # not in our hands: it will be looked at again
            await self.cloud.store.jobs.swap(run.job, domain.released(run.job))
        return True

    async def _ending_of(self, run: JobRun) -> Ending:
        job = run.job
        work = self.works.get(job.command)
        if work is None:
            return Failed(errorcode=432, text=f"no controller here knows how to work on {job.command}")
        limit = asyncio.timeout(await self._seconds_left(job))
        try:
            async with limit:
                return Succeeded(result=await work(run))
        except JobLost:
            raise
        except JobCancelled as error:
            return Cancelled(text=str(error))
        except OperationError as error:
            return Failed(errorcode=error.errorcode, text=str(error))
        except TRANSIENT as error:
            return Postponed(reason=f"{type(error).__name__}: {error}")
        except Exception as error:
            if limit.expired():
                return Failed(errorcode=530, text=f"{job.command} did not finish before its deadline")
            return self._unforeseen(job, error)

    def _unforeseen(self, job: Job, error: Exception) -> Ending:
        log.error("job failed unforeseen", job=job.id, command=job.command, attempts=job.attempts, exc_info=error)
        if job.attempts + 1 < ATTEMPTS_MAX:
            return Postponed(reason=f"{type(error).__name__}; tried again")
        return Failed(
            errorcode=530, text=f"Internal error executing command {job.command}; see the log for job {job.id}"
        )

    async def _begun_and_ended(self, run: JobRun) -> Ending:
        """That it has begun is told beside the work, which waits for nobody."""
        told: list[Ending | None] = await all_of(self._tell_start(run.job), self._ending_of(run))
        assert told[1] is not None
        return told[1]

    async def _tell_start(self, job: Job) -> None:
        """Once, whoever takes it up and how often; without that word it is worked on all the same."""
        began = self.cloud.clock.now()
        try:
            scheduled = await self.cloud.store.events.get(job.parent_event_id) if job.parent_event_id else None
            if scheduled is not None:
                await self.cloud.store.events.add(started_after(scheduled, job, began))
        except Conflict:
            return
        except TRANSIENT as error:
            log.info("the start of a job is not on record", job=job.id, error=str(error))

    async def _seconds_left(self, job: Job) -> float | None:
        if job.deadline is None:
            return None
        return (job.deadline - await self.cloud.store.now()).total_seconds()

    async def _record(self, run: JobRun, ending: Ending) -> None:
        """Until the store has it: an ending that is not written would make the work run again."""
        while True:
            try:
                now = await self.cloud.store.now()
                await run.rewrite(partial(domain.after, ending=ending, now=now))
                return
            except (OutcomeUnknown, Unreachable) as error:
                log.warning("job's ending is not written yet", job=run.job.id, error=str(error))
                await self.cloud.clock.sleep(RECORD_RETRY_SECONDS)
