"""Take jobs whenever there are some and a hand is free, for as long as the controller runs."""

from __future__ import annotations

import structlog

from mainstay_controller.operations.jobs import JobEngine
from mainstay_runtime.clock import Clock
from mainstay_runtime.tasks import Nursery

POLL_SECONDS = 0.2

log = structlog.get_logger()


async def work_on_jobs(engine: JobEngine, clock: Clock, poll_seconds: float = POLL_SECONDS) -> None:
    """A look that fails (the database is away) is logged and repeated; jobs in hand are cancelled when the controller stops, and taken up by the next."""
    async with Nursery(_log_failure) as hands:
        while True:
            try:
                for run in await engine.take():
                    hands.adopt(engine.perform(run), name=f"job {run.job.command} {run.job.id}")
            except Exception as error:
                log.error("looking for jobs failed", exc_info=error)
            await clock.sleep(poll_seconds)


def _log_failure(name: str, error: Exception) -> None:
    log.error("job ended with an error", job=name, exc_info=error)
