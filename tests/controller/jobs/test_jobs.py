"""Jobs are taken once, in line, and end once, whatever happens to controllers and database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from mainstay_controller.domain.records import Job, Json
from mainstay_controller.domain.states import JobState
from mainstay_controller.loops.jobs import work_on_jobs
from mainstay_controller.operations.errors import ResourceInUse
from mainstay_controller.operations.jobs import (
    ATTEMPTS_MAX,
    JobEngine,
    JobRun,
    Work,
    forget_finished,
    new_job,
    request_cancel,
)
from mainstay_controller.operations.journal import About
from mainstay_controller.store.port import OutcomeUnknown, Stale, Unreachable
from mainstay_runtime.tasks import background
from tests.kit.small_cloud import ANN, MEMBERSHIP_SECONDS, Here, Site, a_controller, a_site


@dataclass(slots=True)
class Diary:
    """What the works of a story did, and when."""

    lines: list[str] = field(default_factory=list)

    def work(self, seconds: float = 1.0) -> Work:
        async def work(run: JobRun) -> Mapping[str, Json]:
            name = run.job.parameters["name"]
            self.lines.append(f"{name} begins")
            await asyncio.sleep(seconds)
            self.lines.append(f"{name} ends")
            return {"name": name}

        return work


async def a_job(here: Here, name: str = "it", *, line: str = "", command: str = "work", **other: Any) -> Job:
    job = new_job(
        here.cloud, command, ANN, await here.cloud.store.now(), serial_key=line, parameters={"name": name}, **other
    )
    return await here.site.store.jobs.add(job)  # type: ignore[no-any-return]


def engine(here: Here, work: Work, **other: Any) -> JobEngine:
    return JobEngine(here.cloud, {"work": work}, **other)


@asynccontextmanager
async def at_work(*engines: JobEngine) -> AsyncIterator[None]:
    works = [lambda engine=engine: work_on_jobs(engine) for engine in engines]
    async with background(*works):
        yield


async def ended(site: Site, job: Job, within_seconds: float = 100.0) -> Job:
    async with asyncio.timeout(within_seconds):
        while True:
            row: Job = await site.store.jobs.by_id(job.id)
            if row.state is not JobState.PENDING:
                return row
            await asyncio.sleep(0.1)


async def a_house() -> Here:
    return await a_controller(await a_site(hosts=0), "c1")


async def test_a_job_runs_and_shows_its_result() -> None:
    here, diary = await a_house(), Diary()
    job = await a_job(here)

    async with at_work(engine(here, diary.work())):
        job = await ended(here.site, job)

    assert (job.state, job.result, job.progress_percent, job.owner_id) == (
        JobState.SUCCEEDED,
        {"name": "it"},
        100,
        None,
    )
    assert job.completed is not None


async def test_its_start_is_told_once_however_often_it_is_begun() -> None:
    here, errors = await a_house(), [Unreachable("x"), Stale("x")]
    about = About(resource_type="VirtualMachine", resource_id="web", user_id=ANN.user_id)
    scheduled = await here.cloud.journal.event(here.cloud.store, "VM.START", "it", about, state="Scheduled")
    job = await a_job(here)
    job = await here.cloud.store.jobs.swap(job, replace(job, parent_event_id=scheduled.id))

    async def fail_at_first(run: JobRun) -> Mapping[str, Json]:
        await asyncio.sleep(1)
        if errors:
            raise errors.pop()
        return {}

    async with at_work(engine(here, fail_at_first)):
        await ended(here.site, job)

    events = {event.id: event for event in await here.cloud.store.events.find()}
    assert events.pop(scheduled.id) == scheduled
    [started] = events.values()
    assert (started.state, started.start_event_id, started.type) == ("Started", scheduled.id, "VM.START")
    assert (started.user_id, started.resource_id) == (ANN.user_id, "web")


async def test_jobs_of_one_line_run_one_after_another_oldest_first() -> None:
    here, diary = await a_house(), Diary()
    jobs = []
    for name in ("first", "second", "third"):
        jobs.append(await a_job(here, name, line="vm"))
        await asyncio.sleep(0.01)

    async with at_work(engine(here, diary.work())):
        await ended(here.site, jobs[-1])

    assert diary.lines == [f"{name} {deed}" for name in ("first", "second", "third") for deed in ("begins", "ends")]


async def test_jobs_of_different_lines_run_side_by_side() -> None:
    here, diary = await a_house(), Diary()
    jobs = [await a_job(here, name, line=name) for name in ("a", "b")]

    async with at_work(engine(here, diary.work())):
        await ended(here.site, jobs[0])

    assert sorted(diary.lines[:2]) == ["a begins", "b begins"]


async def test_there_are_only_so_many_hands() -> None:
    here, diary = await a_house(), Diary()
    jobs = [await a_job(here, f"j{number}") for number in range(4)]

    async with at_work(engine(here, diary.work(), workers_max=2)):
        await asyncio.sleep(0.5)
        begun = len(diary.lines)
        await ended(here.site, jobs[-1])

    assert begun == 2


async def test_two_controllers_share_the_work_and_do_nothing_twice() -> None:
    first, diary = await a_house(), Diary()
    second = await a_controller(first.site, "c2")
    jobs = [await a_job(first, f"j{number}", line=f"line{number % 3}") for number in range(12)]

    async with at_work(engine(first, diary.work(0.3), workers_max=2), engine(second, diary.work(0.3), workers_max=2)):
        for job in jobs:
            await ended(first.site, job)

    assert sorted(diary.lines) == sorted(f"j{n} {deed}" for n in range(12) for deed in ("begins", "ends"))


async def test_a_dead_controller_s_job_is_taken_up_when_its_membership_is_over() -> None:
    first, diary = await a_house(), Diary()
    second = await a_controller(first.site, "c2")
    job = await a_job(first)
    async with at_work(engine(first, diary.work(1000))):
        await asyncio.sleep(1)

    async with at_work(engine(second, diary.work())):
        await asyncio.sleep(1)
        left_alone = list(diary.lines)
        await asyncio.sleep(MEMBERSHIP_SECONDS)
        job = await ended(first.site, job)

    assert left_alone == ["it begins"]
    assert diary.lines == ["it begins", "it begins", "it ends"]
    assert job.state is JobState.SUCCEEDED


async def test_a_controller_that_lost_its_job_does_not_write_its_end() -> None:
    here = await a_house()
    job = await a_job(here)

    async def taken_away(run: JobRun) -> Mapping[str, Json]:
        row = await here.site.store.jobs.by_id(run.job.id)
        await here.site.store.jobs.swap(row, replace(row, owner_id="c2", owner_epoch=1))
        return {"name": "mine"}

    async with at_work(engine(here, taken_away)):
        await asyncio.sleep(5)

    row = await here.site.store.jobs.by_id(job.id)
    assert (row.state, row.result) == (JobState.PENDING, {})


async def test_an_error_of_the_operation_is_the_job_s_result() -> None:
    here = await a_house()
    job = await a_job(here)

    async def refused(_run: JobRun) -> Mapping[str, Json]:
        raise ResourceInUse("VM web cannot be rebooted: it is Stopped")

    async with at_work(engine(here, refused)):
        job = await ended(here.site, job)

    assert (job.state, job.result_code) == (JobState.FAILED, 536)
    assert job.result == {"errorcode": 536, "errortext": "VM web cannot be rebooted: it is Stopped"}


async def test_trouble_of_the_database_only_postpones() -> None:
    here, errors = await a_house(), [Stale("x"), OutcomeUnknown("x"), Unreachable("x")]
    job = await a_job(here)

    async def unlucky(_run: JobRun) -> Mapping[str, Json]:
        if errors:
            raise errors.pop()
        return {}

    async with at_work(engine(here, unlucky)):
        job = await ended(here.site, job)

    assert (job.state, job.attempts) == (JobState.SUCCEEDED, 3)


async def test_a_work_that_breaks_is_tried_a_few_times_and_then_failed() -> None:
    here, tries = await a_house(), []
    job = await a_job(here)

    async def broken(run: JobRun) -> Mapping[str, Json]:
        tries.append(run.job.attempts)
        raise ZeroDivisionError("a bug")

    async with at_work(engine(here, broken)):
        job = await ended(here.site, job)

    assert tries == list(range(ATTEMPTS_MAX))
    assert (job.state, job.result_code) == (JobState.FAILED, 530)
    assert "ZeroDivision" not in str(job.result)


async def test_an_ending_that_cannot_be_written_is_written_later() -> None:
    outage = {"left": 0}

    async def before(call: str) -> None:
        if call == "swap jobs" and outage["left"]:
            outage["left"] -= 1
            raise Unreachable("the database is away")

    site = await a_site(hosts=0)
    here, tries = await a_controller(site, "c1", before=before), []
    job = await a_job(here)

    async def once(_run: JobRun) -> Mapping[str, Json]:
        tries.append(1)
        outage["left"] = 5
        return {}

    async with at_work(engine(here, once)):
        job = await ended(site, job)

    assert (job.state, len(tries)) == (JobState.SUCCEEDED, 1)


async def test_a_commit_without_acknowledgement_is_not_a_second_ending() -> None:
    site, lost = await a_site(hosts=0), {"left": 1}

    class LosesTheAnswer:
        def __init__(self, inner: Any) -> None:
            self._inner = inner

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inner, name)

        async def swap(self, old: Job, new: Job) -> Job:
            written: Job = await self._inner.swap(old, new)
            if new.completed is not None and lost["left"]:
                lost["left"] -= 1
                raise OutcomeUnknown("no word of the commit")
            return written

    here, diary = await a_controller(site, "c1"), Diary()
    here.cloud.store.jobs = LosesTheAnswer(here.cloud.store.jobs)
    job = await a_job(here)

    async with at_work(engine(here, diary.work())):
        job = await ended(site, job)
        await asyncio.sleep(5)

    assert (job.state, diary.lines) == (JobState.SUCCEEDED, ["it begins", "it ends"])


async def test_a_job_past_its_deadline_has_failed() -> None:
    here, diary = await a_house(), Diary()
    job = await a_job(here, deadline_seconds=10.0)

    async with at_work(engine(here, diary.work(1000))):
        job = await ended(here.site, job)

    assert (job.state, job.result["errortext"]) == (JobState.FAILED, "work did not finish before its deadline")


async def test_a_cancelled_job_ends_at_its_next_checkpoint() -> None:
    here = await a_house()
    steps: list[int] = []
    job = await a_job(here)

    async def stepwise(run: JobRun) -> Mapping[str, Json]:
        while True:
            await run.reached(f"step {len(steps)}", len(steps))
            await run.checkpoint()
            steps.append(1)
            await asyncio.sleep(1)

    async with at_work(engine(here, stepwise)):
        await asyncio.sleep(3.5)
        await request_cancel(job.id, here.cloud)
        job = await ended(here.site, job)

    assert job.state is JobState.CANCELLED
    assert len(steps) == 4


async def test_an_unknown_command_fails_and_says_so() -> None:
    here, diary = await a_house(), Diary()
    job = await a_job(here, command="makeCoffee")

    async with at_work(engine(here, diary.work())):
        job = await ended(here.site, job)

    assert (job.state, job.result_code) == (JobState.FAILED, 432)


async def test_results_are_forgotten_after_a_day() -> None:
    here, diary = await a_house(), Diary()
    job = await a_job(here)
    async with at_work(engine(here, diary.work())):
        await ended(here.site, job)

    await forget_finished(here.cloud)
    assert await here.site.store.jobs.count() == 1
    await asyncio.sleep(timedelta(days=1, minutes=1).total_seconds())
    await forget_finished(here.cloud)

    assert await here.site.store.jobs.count() == 0
