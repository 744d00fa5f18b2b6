"""Jobs: what became of a call that was accepted, and what is under way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from mainstay_controller.api.access import EVERYBODY, USERS, Caller, account_named, accounts_within_reach, subtree
from mainstay_controller.api.listing import Listing, listing
from mainstay_controller.api.parameters import Filter
from mainstay_controller.api.registry import MAINSTAY, command
from mainstay_controller.api.views import jobs as views
from mainstay_controller.api.views import one
from mainstay_controller.domain.ids import DomainId, JobId
from mainstay_controller.domain.records import Account
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.jobs import request_cancel
from mainstay_controller.store.port import Store, Where, any_of, at_least, eq


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryAsyncJobResult:
    job_id: Annotated[JobId, "the ID of the asynchronous job"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAsyncJob:
    job_id: Annotated[JobId, "the ID of the asynchronous job"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAsyncJobs(Listing):
    """Lists asynchronous jobs, newest first."""

    start_date: Annotated[datetime | None, "only jobs since then"] = None
    list_all: Annotated[bool, "list the jobs of all accounts the caller may see"] = False
    account: Annotated[str | None, "only jobs of this account, with domainid"] = None
    domain_id: Annotated[DomainId | None, "only jobs of accounts of this domain"] = None
    is_recursive: Annotated[bool, "with domainid: also of its subdomains"] = False
    resource_id: Annotated[str | None, "only jobs about this resource", Filter("instance_id")] = None
    resource_type: Annotated[str | None, "only jobs about this kind of resource", Filter("instance_type")] = None
    management_server_id: Annotated[str | None, "only jobs that this controller works on", Filter("owner_id")] = None


@command("queryAsyncJobResult", roles=EVERYBODY, polls=True)
async def query_async_job_result(request: QueryAsyncJobResult, caller: Caller, cloud: Cloud) -> views.JobResultView:
    """Retrieves the current status of an asynchronous job."""
    return await one(views.job_results, await cloud.store.jobs.by_id(request.job_id), caller, cloud)


@command("cancelAsyncJob", roles=USERS, since=MAINSTAY)
async def cancel_async_job(request: CancelAsyncJob, caller: Caller, cloud: Cloud) -> views.JobResultView:
    """Asks a job to end where nothing is half-done; it may come to its end before that.  The answer is the job as it is now."""
    return await one(views.job_results, await request_cancel(request.job_id, cloud), caller, cloud)


async def _whose(request: ListAsyncJobs, caller: Caller, cloud: Cloud) -> list[Where]:
    since = [at_least("created", request.start_date)] if request.start_date else []
    if request.account or request.domain_id:
        meant = [account.id for account in await _accounts_meant(request, caller, cloud.store)]
        return [*since, any_of("account_id", meant), *await _within_reach(caller, cloud.store)]
    if not request.list_all:
        return [*since, eq("account_id", caller.account.id)]
    return [*since, *await _within_reach(caller, cloud.store)]


async def _accounts_meant(request: ListAsyncJobs, caller: Caller, store: Store) -> list[Account]:
    domain = await store.domains.by_id(request.domain_id) if request.domain_id else caller.domain
    if request.account:
        return [await account_named(request.account, domain, store)]
    domains = await subtree(domain, store) if request.is_recursive else [domain]
    return await store.accounts.find(any_of("domain_id", [each.id for each in domains]))


async def _within_reach(caller: Caller, store: Store) -> list[Where]:
    accounts = await accounts_within_reach(caller, store)
    return [] if accounts is None else [any_of("account_id", [account.id for account in accounts])]


list_async_jobs = listing(
    "listAsyncJobs",
    request=ListAsyncJobs,
    rows=lambda store: store.jobs,
    view=views.jobs,
    roles=EVERYBODY,
    keyword=("command",),
    order_by="created",
    newest_first=True,
    fixed=(),
    where=_whose,
)

COMMANDS = (query_async_job_result, list_async_jobs, cancel_async_job)
