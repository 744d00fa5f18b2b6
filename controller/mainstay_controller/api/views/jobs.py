"""Jobs as clients see them: numbers for states, and the result as the command would have answered it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar, TypeVar

from mainstay_controller.api.access import Caller
from mainstay_controller.api.job_secrets import result_listed, result_told
from mainstay_controller.api.views.related import by_ids
from mainstay_controller.domain.records import Account, Job, Json
from mainstay_controller.domain.states import JobState
from mainstay_controller.operations.cloud import Cloud

JOB_STATUS = {JobState.PENDING: 0, JobState.SUCCEEDED: 1, JobState.FAILED: 2, JobState.CANCELLED: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResultView:
    """`phase` and `progress` are ours: what the work is at, and how far in percent."""

    job_id: str
    account_id: str
    account: str | None
    domain_id: str | None
    user_id: str
    cmd: str
    job_status: int
    job_proc_status: int
    job_result_code: int
    job_result_type: str | None
    job_result: dict[str, Json] | None
    job_instance_type: str | None
    job_instance_id: str | None
    management_server_id: str | None
    created: datetime
    completed: datetime | None
    phase: str | None
    progress: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView(JobResultView):
    """The same as a row of a list."""

    wire_key: ClassVar[str] = "asyncjobs"


J = TypeVar("J", bound=JobResultView)


async def job_results(records: Sequence[Job], caller: Caller, cloud: Cloud) -> list[JobResultView]:
    """With what its result opens, for the account that asked."""
    shown = await _shown_as(JobResultView, records, cloud)
    return [
        replace(view, job_result=result_told(job.result, job.id, cloud))
        if view.job_result is not None and job.result is not None and job.account_id == caller.account.id
        else view
        for view, job in zip(shown, records, strict=True)
    ]


async def jobs(records: Sequence[Job], _caller: Caller, cloud: Cloud) -> list[JobView]:
    return await _shown_as(JobView, records, cloud)


async def _shown_as(kind: type[J], records: Sequence[Job], cloud: Cloud) -> list[J]:
    accounts = await by_ids(cloud.store.accounts, (job.account_id for job in records))
    return [_job(kind, job, accounts.get(job.account_id)) for job in records]


def _job(kind: type[J], job: Job, account: Account | None) -> J:
    over = job.state is not JobState.PENDING
    return kind(
        job_id=job.id,
        account_id=job.account_id,
        account=account.name if account else None,
        domain_id=account.domain_id if account else None,
        user_id=job.user_id,
        cmd=job.command,
        job_status=JOB_STATUS[job.state],
        job_proc_status=0,
        job_result_code=job.result_code,
        job_result_type=job.result_type if over else None,
        job_result=result_listed(job.result) if over and job.result is not None else None,
        job_instance_type=job.instance_type or None,
        job_instance_id=job.instance_id or None,
        management_server_id=job.owner_id,
        created=job.created,
        completed=job.completed,
        phase=job.phase or None,
        progress=job.progress_percent,
    )
