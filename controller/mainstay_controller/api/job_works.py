"""What the job engine works with: for each command that runs as a job its work, ending in what clients are shown.

The result is rendered once, when the work is done, as the account that asked may see it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from mainstay_controller.api.access import caller_of
from mainstay_controller.api.job_secrets import result_to_keep
from mainstay_controller.api.registry import Handled, JobOf, Registry
from mainstay_controller.domain.records import Json
from mainstay_controller.operations.jobs import JobRun, Work


def job_works(registry: Registry) -> dict[str, Work]:
    return {
        command.name: partial(_work, command.job)
        for command in registry
        if isinstance(command, Handled) and command.job is not None
    }


async def _work(job: JobOf, run: JobRun) -> Mapping[str, Json]:
    done = await job.work(run)
    store = run.cloud.store
    caller = await caller_of(await store.users.by_id(run.job.user_id), store)
    return result_to_keep(await job.shown(done, caller, run.cloud), run.job.id, run.cloud)
