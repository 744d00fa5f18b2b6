"""Take jobs whenever there are some and a hand is free, and give jobs to what nobody attends to, for as long as the controller runs."""

from __future__ import annotations

from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.jobs import JOBS, TRANSIENT, JobEngine, forget_finished
from mainstay_controller.operations.vms.attend_vms import attend
from mainstay_runtime.logs import logger
from mainstay_runtime.tasks import Nursery

POLL_SECONDS = 1.0
ATTEND_SECONDS = 10.0

log = logger(__name__)


async def work_on_jobs(engine: JobEngine, poll_seconds: float = POLL_SECONDS) -> None:
    """A look that fails (the database is away) is repeated.  Jobs in hand are dropped when the controller stops, and taken up by the next."""
    bells = engine.cloud.fleet.bells
    async with Nursery(_broken) as hands:
        while True:
            rung = bells.rung(JOBS)
            try:
                for run in [] if engine.cloud.is_leaving else await engine.take():
                    hands.adopt(engine.perform(run), name=f"job {run.job.command} {run.job.id}")
            except TRANSIENT as error:
                log.info("jobs are looked at again", error=str(error))
            await bells.next(JOBS, after=rung, within_seconds=poll_seconds)


async def attend_to_rows(cloud: Cloud, look_seconds: float = ATTEND_SECONDS) -> None:
    """For ever: VMs that nobody works on, and jobs that nobody asks about any more."""
    while True:
        try:
            await attend(cloud)
            await forget_finished(cloud)
        except TRANSIENT as error:
            log.info("rows are looked at again", error=str(error))
        await cloud.clock.sleep(look_seconds)


def _broken(name: str, error: Exception) -> None:
    log.error("a job broke; its row is taken up again", job=name, exc_info=error)
