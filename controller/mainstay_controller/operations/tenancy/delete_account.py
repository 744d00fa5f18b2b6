"""Delete an account: its users first, so that nobody asks for anything any more, then its virtual machines, then itself.

Its machines are destroyed and expunged by jobs of their own, which prove each of them gone before a disk is removed; run again, this
does what is missing."""

from __future__ import annotations

from dataclasses import replace

from mainstay_controller.domain.ids import AccountId
from mainstay_controller.domain.records import Account, Job
from mainstay_controller.domain.states import DISABLED
from mainstay_controller.operations.beginning.first_admin import ADMIN_ACCOUNT_ID
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.errors import ResourceInUse
from mainstay_controller.operations.jobs import JOBS, Asker, JobRun, new_job
from mainstay_controller.operations.tenancy.accounts import remove_users_of
from mainstay_controller.operations.vms import destroy_vm
from mainstay_controller.store.port import LIVE, eq

COMMAND = "deleteAccount"
LOOK_AGAIN_SECONDS = 1.0


async def begin(account: Account, asker: Asker, cloud: Cloud) -> Job:
    if account.id in (ADMIN_ACCOUNT_ID, asker.account_id):
        raise ResourceInUse(f"Account {account.name} is the first administrator's, or your own, and cannot be deleted")
    now = await cloud.store.now()
    job = new_job(cloud, COMMAND, asker, now, instance_type="Account", instance_id=account.id, deadline_seconds=None)
    async with cloud.store.transaction() as store:
        await store.accounts.swap(account, replace(account, state=DISABLED))
        await remove_users_of(account, store, cloud)
        job = await store.jobs.add(job)
    cloud.fleet.bells.ring(JOBS)
    return job


async def work(run: JobRun) -> None:
    await empty(AccountId(run.job.instance_id), run)


async def empty(account_id: AccountId, run: JobRun) -> None:
    """Of its machines; then it is removed."""
    store = run.cloud.store
    ordered: set[str] = set()
    while vms := await store.vms.find(LIVE, eq("account_id", account_id)):
        await run.reached(f"{len(vms)} virtual machines are still there", 10)
        for vm in vms:
            if vm.id not in ordered and not await store.jobs.count(eq("instance_id", vm.id), eq("state", "Pending")):
                ordered.add(vm.id)
                asker = Asker(account_id=run.job.account_id, user_id=run.job.user_id)
                await destroy_vm.begin(vm.id, asker, run.cloud, expunge=True)
        await run.cloud.clock.sleep(LOOK_AGAIN_SECONDS)
    account = await store.accounts.by_id(account_id)
    if account.removed is None:
        await store.accounts.swap(account, replace(account, removed=await store.now()))
