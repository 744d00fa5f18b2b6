"""Commands that CloudStack runs as jobs and that are done here at once.

Their clients wait for a job; so they are told of one, which has ended already when they hear of it.  A refusal is told at once, as the
refusal of any command; nothing is left that could be half-done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from mainstay_controller.api.access import Caller
from mainstay_controller.api.answers import Accepted
from mainstay_controller.api.job_secrets import result_to_keep
from mainstay_controller.api.registry import SINCE, AnswerKind, Handled, HandlerOf, command
from mainstay_controller.domain.jobs import Succeeded, after
from mainstay_controller.domain.roles import Role
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.jobs import new_job

Request_contra = TypeVar("Request_contra", contravariant=True)


def instant_job(
    name: str, *, roles: frozenset[Role], since: str = SINCE, creates: bool = False, envelope: str | None = None
) -> Callable[[HandlerOf[Request_contra]], Handled]:
    """As `command`, for a handler that answers a view or success.  `creates`: the answer carries the id of what was made."""

    def describe(handler: HandlerOf[Request_contra]) -> Handled:
        plain = command(name, roles=roles, since=since, envelope=envelope)(handler)

        async def told_as_job(request: object, caller: Caller, cloud: Cloud) -> Accepted:
            answer = await plain.handler(request, caller, cloud)
            made = str(getattr(answer, "id", "")) if creates else ""
            now = await cloud.store.now()
            job = new_job(cloud, name, caller.asker, now, instance_id=made)
            await cloud.store.jobs.add(after(job, Succeeded(result=result_to_keep(answer, job.id, cloud)), now))
            return Accepted(job_id=job.id, id=made or None)

        return replace(plain, handler=told_as_job, kind=AnswerKind.JOB)

    return describe
