"""An account's jobs are its own: to see, and to ask that they end."""

from __future__ import annotations

from mainstay_controller.domain.ids import AccountId, UserId
from mainstay_controller.domain.records import Job
from mainstay_controller.operations.jobs import Asker, new_job
from tests.controller.api.test_people import Member, a_domain, a_member
from tests.kit.api import an_api


async def a_job_of(member: Member) -> Job:
    cloud = member.api.cloud
    asker = Asker(account_id=AccountId(member.account["id"]), user_id=UserId("someone"))
    return await cloud.store.jobs.add(new_job(cloud, "migrateVirtualMachine", asker, await cloud.store.now()))


async def test_a_user_asks_his_own_job_to_end_and_nobody_elses() -> None:
    async with an_api() as api:
        domain = await a_domain(api, "people")
        ann, ben = await a_member(api, "ann", domain), await a_member(api, "ben", domain)
        job = await a_job_of(ann)

        seen = await ben.api.call("queryAsyncJobResult", jobid=job.id)
        stranger = await ben.api.post("cancelAsyncJob", jobid=job.id)
        before = await api.cloud.store.jobs.by_id(job.id)
        own = await ann.api.post("cancelAsyncJob", jobid=job.id)
        again = await ann.api.post("cancelAsyncJob", jobid=job.id)

        assert (seen.status, stranger.status, before.cancel_requested) == (531, 531, False)
        assert (own.status, own.body["jobstatus"], again.status) == (200, 0, 200)
        assert (await api.cloud.store.jobs.by_id(job.id)).cancel_requested is True
